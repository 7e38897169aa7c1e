"""Addresses below /api/v1/, each with and without a slash at its end."""

from django.urls import URLPattern

from api.routes import both
from api.v1.campaign_people import CampaignPeople
from api.v1.campaigns import Campaigns
from api.v1.conversations import Conversations
from api.v1.messages import Messages
from api.v1.tickets import Tickets

app_name = "v1"
ONE = "campaigns/<uuid:campaign_id>"
urlpatterns: list[URLPattern] = [
    *both("campaigns", Campaigns.as_view({"get": "list", "post": "create"}), "campaigns"),
    *both(
        ONE,
        Campaigns.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        "campaign",
    ),
    *(
        address
        for verb in ("approve", "start", "pause", "resume", "cancel")
        for address in both(f"{ONE}/{verb}", Campaigns.as_view({"post": verb}), f"campaign-{verb}")
    ),
    *both(f"{ONE}/test", Campaigns.as_view({"post": "try_out"}), "campaign-test"),
    *both(f"{ONE}/stats", Campaigns.as_view({"get": "stats"}), "campaign-stats"),
    *both(
        f"{ONE}/recipients",
        CampaignPeople.as_view({"get": "recipients", "post": "add", "delete": "clear"}),
        "campaign-recipients",
    ),
    *both(f"{ONE}/lists", CampaignPeople.as_view({"get": "lists"}), "campaign-lists"),
    *both(f"{ONE}/lists/<int:list_id>/bad", CampaignPeople.as_view({"get": "bad"}), "campaign-bad-lines"),
    *both("conversations", Conversations.as_view({"get": "list"}), "conversations"),
    *both("conversations/<uuid:conversation_id>", Conversations.as_view({"get": "retrieve"}), "conversation"),
    *both(
        "conversations/<uuid:conversation_id>/messages",
        Conversations.as_view({"get": "messages", "post": "write"}),
        "conversation-messages",
    ),
    *both(
        "conversations/<uuid:conversation_id>/assign",
        Conversations.as_view({"patch": "assign"}),
        "conversation-assign",
    ),
    *both(
        "conversations/<uuid:conversation_id>/status",
        Conversations.as_view({"patch": "status"}),
        "conversation-status",
    ),
    *both("messages", Messages.as_view({"get": "list"}), "messages"),
    *both("messages/<uuid:message_id>", Messages.as_view({"get": "retrieve"}), "message"),
    *both("tickets", Tickets.as_view({"get": "list", "post": "create"}), "tickets"),
    *both(
        "tickets/<uuid:ticket_id>", Tickets.as_view({"get": "retrieve", "patch": "partial_update"}), "ticket"
    ),
]
