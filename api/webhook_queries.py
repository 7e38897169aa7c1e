"""Reads about webhooks: who listens, and what happened, in the shapes of the API."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from accounts.queries import require_admin
from api.campaign_queries import campaigns_for
from api.enums import Topic
from api.models import Webhook, WebhookAttempt, WebhookCall, WebhookEvent
from api.queries import contacts_for, conversations_for
from conversations.enums import EventType
from conversations.models import Attachment, Contact, Conversation, Event, Message
from conversations.queries.threads import messages_for_frames
from core.actor import Actor
from core.errors import NotFound
from tickets.models import Ticket, TicketEvent
from tickets.queries import tickets_for

# Of a call that was tried hundreds of times the last tries.
TRIES_SHOWN = 20


def webhooks_for(actor: Actor) -> "QuerySet[Webhook]":
    """Returns all webhooks, with teams and state at hand; raises Forbidden for all but administrators."""
    require_admin(actor)
    return Webhook.objects.select_related("state").prefetch_related("teams")


def webhook_by_id(webhook_id: UUID | str, *, actor: Actor) -> Webhook:
    """Returns the webhook; raises NotFound when there is none, Forbidden for all but administrators."""
    found = webhooks_for(actor).filter(pk=webhook_id).first()
    if found is None:
        raise NotFound
    return found


def calls_of(webhook: Webhook) -> "QuerySet[WebhookCall]":
    """Returns the calls of a webhook with their events and last tries."""
    tries = WebhookAttempt.objects.order_by("-at", "-pk")[:TRIES_SHOWN]
    rows = WebhookCall.objects.filter(webhook=webhook).select_related("event")
    return rows.prefetch_related(Prefetch("tries", tries, to_attr="last_tries"))


def call_by_id(webhook: Webhook, call_id: int) -> WebhookCall:
    """Returns a call of the webhook; raises NotFound for another's."""
    found = calls_of(webhook).filter(pk=call_id).first()
    if found is None:
        raise NotFound
    return found


def listening() -> list[Webhook]:
    """Returns the webhooks that are told something, with their teams."""
    return list(Webhook.objects.filter(is_active=True).prefetch_related("teams").order_by("created_at"))


def signing_secrets(webhook: Webhook, now: datetime) -> list[str]:
    """Returns the secrets that sign a call at a moment, the newest first."""
    moment = now.isoformat()
    return [each["secret"] for each in webhook.secrets if each["until"] is None or each["until"] > moment]


def heard_by(webhook: Webhook, topic: str, ids: Collection[UUID]) -> set[UUID]:
    """Returns those of the things that the webhook's teams may see, as they stand now."""
    if webhook.all_teams or topic == Topic.PING:
        return set(ids)
    actor = webhook.as_actor()
    rows: dict[str, QuerySet[Any]] = {
        Topic.CONVERSATION: Conversation.objects.visible_to(actor),
        Topic.TICKET: Ticket.objects.all().visible_to(actor),
        Topic.CONTACT: contacts_for(actor),
        Topic.CAMPAIGN: campaigns_for(actor),
    }
    return set(rows[topic].filter(pk__in=ids).values_list("pk", flat=True))


def untold(limit: int) -> list[WebhookEvent]:
    """Returns noted events of which nobody knows yet, oldest first.

    Whoever asks meanwhile waits until the transaction ends: two who took every other event could make calls
    out of order. Who erases a customer waits too, since what is being told is of them perhaps
    (`api/migrations/0005_named_in_calls.py`).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('api.telling'))")
    return list(WebhookEvent.objects.filter(name="").order_by("number")[:limit])


def subjects(topic: str, ids: Collection[UUID]) -> dict[UUID, Any]:
    """Returns what something happened to, with all that its shape shows; what is gone is not among them."""
    system = Actor.system()
    rows: dict[str, QuerySet[Any]] = {
        Topic.CONVERSATION: conversations_for(system),
        Topic.TICKET: tickets_for(system),
        Topic.CONTACT: Contact.objects.select_related("merged_into"),
        Topic.CAMPAIGN: campaigns_for(system),
    }
    return {row.pk: row for row in rows[topic].filter(pk__in=ids)}


def conversation_entries(ids: Iterable[int]) -> dict[int, Event]:
    """Returns rows of the log by their keys, with their messages and all that these show."""
    files = Prefetch("message__attachments", Attachment.objects.order_by("created_at"))
    rows = Event.objects.filter(pk__in=list(ids)).prefetch_related(files)
    return {row.pk: row for row in rows.select_related("message__inbox", "message__reply_to")}


def states_before(entries: Iterable[Event]) -> dict[int, Any]:
    """Returns, for changes of conversations, what the change before each said."""
    changes = [row.pk for row in entries if row.type == EventType.CONVERSATION_UPDATED]
    earlier = Event.objects.filter(
        conversation=OuterRef("conversation"), type=EventType.CONVERSATION_UPDATED, seq__lt=OuterRef("seq")
    )
    last = Subquery(earlier.order_by("-seq").values("payload")[:1])
    return dict(Event.objects.filter(pk__in=changes).annotate(before=last).values_list("pk", "before"))


def ticket_entries(ids: Iterable[int]) -> dict[int, TicketEvent]:
    """Returns lines of tickets' histories by their keys."""
    return TicketEvent.objects.in_bulk(list(ids))


def messages_of_failures(entries: Iterable[Event]) -> dict[str, Message]:
    """Returns the messages that were not delivered, by their ids as text."""
    ids = [row.payload["message_id"] for row in entries if row.type == EventType.DELIVERY_FAILED]
    return {str(row.pk): row for row in messages_for_frames(Message.objects.filter(pk__in=ids))}
