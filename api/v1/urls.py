"""Addresses below /api/v1/, each with and without a slash at its end."""

from django.urls import URLPattern

from api.routes import both
from api.v1.conversations import Conversations
from api.v1.messages import Messages
from api.v1.tickets import Tickets

app_name = "v1"
urlpatterns: list[URLPattern] = [
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
