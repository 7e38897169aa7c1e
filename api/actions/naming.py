"""What an entry of a log is called when webhooks are told of it, and which facts stand beside it."""

from collections.abc import Mapping
from typing import Any

from api.enums import EventName
from conversations.enums import Direction, EventType, Status
from conversations.models import Event
from core.reasons import in_english
from tickets.enums import DONE, TicketEventType
from tickets.models import TicketEvent

MESSAGES = {
    EventType.MESSAGE_CREATED: EventName.MESSAGE_CREATED,
    EventType.MESSAGE_UPDATED: EventName.MESSAGE_UPDATED,
    EventType.MESSAGE_REACTED: EventName.MESSAGE_REACTED,
}


def name_of_message(entry: Event) -> EventName:
    """Returns the name of an entry about a message; notes are told apart."""
    if entry.message is not None and entry.message.direction == Direction.NOTE:
        return EventName.NOTE_CREATED
    return MESSAGES[EventType(entry.type)]


def name_of_change(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> EventName:
    """Returns what a change of a conversation amounts to; `before`: what the change before it said."""
    was = before or {}
    if "reason" in now:
        return EventName.CONVERSATION_HANDED_OVER
    is_over, was_over = (each.get("status") == Status.RESOLVED for each in (now, was))
    if is_over != was_over and (is_over or was):
        return EventName.CONVERSATION_RESOLVED if is_over else EventName.CONVERSATION_REOPENED
    if "team" in now or now.get("assignee") != was.get("assignee"):
        return EventName.CONVERSATION_ASSIGNED
    return EventName.CONVERSATION_UPDATED


def facts_of_change(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a change says that the conversation itself does not show."""
    return {"reason": in_english(str(payload["reason"]))} if "reason" in payload else {}


def name_of_ticket(entry: TicketEvent) -> EventName:
    """Returns the name of a line of a ticket's history."""
    if entry.type == TicketEventType.CREATED:
        return EventName.TICKET_CREATED
    status = entry.changes.get("status", {})
    if status.get("to") in DONE and status.get("from") not in DONE:
        return EventName.TICKET_RESOLVED
    return EventName.TICKET_UPDATED


def facts_of_failure(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Returns why a message was not delivered."""
    return {"error": in_english(str(payload.get("error", "")))}
