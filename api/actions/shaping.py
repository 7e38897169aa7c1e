"""What webhooks are told of noted events, in the shapes of the API: a few queries for many events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from api import webhook_queries as queries
from api.actions.bodies import body_of
from api.actions.naming import (
    facts_of_change,
    facts_of_failure,
    name_of_change,
    name_of_message,
    name_of_ticket,
)
from api.enums import EventName, Topic
from api.models import WebhookEvent
from api.shown.campaigns import CampaignSerializer
from api.shown.common import ConversationSerializer, MessageSerializer, TicketSerializer
from api.shown.contacts import ContactFactsSerializer
from conversations.enums import EventType
from conversations.models import Message

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it goes out. Who may see `seen` hears of it; `forgotten` is a message taken back.

    `person` is the customer whom it names.
    """

    name: EventName
    body: str
    seen: UUID
    person: UUID | None = None
    forgotten: UUID | None = None


def told(events: Sequence[WebhookEvent]) -> dict[int, Told]:
    """Returns what is told, by the numbers of the events; of what is gone by now nothing is."""
    found: dict[int, Told] = {}
    for topic, shape in SHAPES.items():
        of_topic = [event for event in events if event.topic == topic]
        if of_topic:
            found |= shape(of_topic)
    return found


def _conversations(events: Sequence[WebhookEvent]) -> dict[int, Told]:
    rows = queries.subjects(Topic.CONVERSATION, {event.subject for event in events})
    entries = queries.conversation_entries(event.log for event in events if event.log)
    before = queries.states_before(entries.values())
    failed = queries.messages_of_failures(entries.values())
    found = {}
    for event in events:
        entry = entries.get(event.log or 0)
        if event.subject not in rows or (event.log and entry is None):
            continue
        row = rows[event.subject]
        person = row.contact_id
        if entry is None:
            found[event.number] = _told(event, EventName.CONVERSATION_CREATED, _conversation(row), person)
        elif entry.type == EventType.CONVERSATION_UPDATED:
            name = name_of_change(entry.payload, before.get(entry.pk))
            data = {**_conversation(row), **_by(entry), **facts_of_change(entry.payload)}
            found[event.number] = _told(event, name, data, person)
        elif entry.type == EventType.DELIVERY_FAILED:
            if message := failed.get(entry.payload["message_id"]):
                data = {**_message(message), **facts_of_failure(entry.payload)}
                found[event.number] = _told(event, EventName.DELIVERY_FAILED, data, person, message=message)
        elif entry.message is not None:
            data, name = _message(entry.message), name_of_message(entry)
            found[event.number] = _told(event, name, data, person, message=entry.message)
    return found


def _tickets(events: Sequence[WebhookEvent]) -> dict[int, Told]:
    rows = queries.subjects(Topic.TICKET, {event.subject for event in events})
    entries = queries.ticket_entries(event.log for event in events if event.log)
    found = {}
    for event in events:
        row, entry = rows.get(event.subject), entries.get(event.log or 0)
        if row is not None and entry is not None:
            data = {"ticket": TicketSerializer.told(row), "changes": entry.changes, **_by(entry)}
            found[event.number] = _told(event, name_of_ticket(entry), data, row.requester_id)
    return found


def _contacts(events: Sequence[WebhookEvent]) -> dict[int, Told]:
    rows = queries.subjects(Topic.CONTACT, {event.subject for event in events})
    found = {}
    for event in events:
        row = rows.get(event.subject)
        if row is None:
            continue
        if event.kind != "merged":
            data = {"contact": ContactFactsSerializer.told(row)}
            found[event.number] = _told(event, EventName(f"contact.{event.kind}"), data, row.pk)
        elif row.merged_into is not None:
            # Who was merged has no conversation left by which anybody could see them.
            shown: Data = {"contact": ContactFactsSerializer.told(row.merged_into), "merged_id": str(row.pk)}
            seen = row.merged_into.pk
            found[event.number] = _told(event, EventName.CONTACT_MERGED, shown, seen, seen=seen)
    return found


def _campaigns(events: Sequence[WebhookEvent]) -> dict[int, Told]:
    rows = queries.subjects(Topic.CAMPAIGN, {event.subject for event in events})
    return {
        event.number: _told(
            event,
            EventName(f"campaign.{event.kind}"),
            {"campaign": CampaignSerializer.told(rows[event.subject])},
        )
        for event in events
        if event.subject in rows
    }


def _pings(events: Sequence[WebhookEvent]) -> dict[int, Told]:
    return {event.number: _told(event, EventName.PING, {}) for event in events}


SHAPES: dict[str, Callable[[Sequence[WebhookEvent]], dict[int, Told]]] = {
    Topic.CONVERSATION: _conversations,
    Topic.TICKET: _tickets,
    Topic.CONTACT: _contacts,
    Topic.CAMPAIGN: _campaigns,
    Topic.PING: _pings,
}


def _told(
    event: WebhookEvent,
    name: EventName,
    data: Data,
    person: UUID | None = None,
    *,
    message: Message | None = None,
    seen: UUID | None = None,
) -> Told:
    about = seen or event.subject
    ids: Data = {} if event.topic == Topic.PING else {f"{event.topic}_id": str(about)}
    if event.seq is not None:
        ids["seq"] = event.seq
    path = f"messages/{message.pk}" if message else f"{event.topic}s/{about}"
    url = f"{settings.PUBLIC_URL}/api/v1/{path}"
    body = body_of(name, event.happened_at, {**ids, **data}, url=url)
    forgotten = message.pk if message is not None and message.deleted_at else None
    return Told(name, body, about, person, forgotten)


def _conversation(row: Any) -> Data:
    return {"conversation": ConversationSerializer.told(row)}


def _message(row: Message) -> Data:
    return {"message": MessageSerializer.told(row)}


def _by(entry: Any) -> Data:
    """Who did it, as they were called then; nobody for what no one did."""
    by = {"kind": entry.actor_kind, "name": entry.actor_name} if entry.actor_kind else None
    return {"by": by}
