"""What people note of a conversation: tags, urgency, subject, values of custom fields."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from conversations.actions.record import add_event, lock, require_staff, save_locked
from conversations.enums import EventType, FieldEntity, Priority
from conversations.models import Conversation
from conversations.queries.fields import merged_attributes
from conversations.queries.wire import public_state
from conversations.tags import changed_tags, checked_tags
from core.actor import Actor
from core.errors import Invalid
from core.keep import KEEP, Kept
from core.storable import storable
from core.versions import require_version

LONGEST_SUBJECT = 200


@transaction.atomic
def edit_conversation(
    *,
    conversation: Conversation,
    by: Actor,
    expected: str | None = None,
    tags: Iterable[str] | Kept = KEEP,
    add_tags: Iterable[str] = (),
    remove_tags: Iterable[str] = (),
    priority: int | Kept = KEEP,
    subject: str | Kept = KEEP,
    attributes: Mapping[str, Any] | None = None,
) -> Conversation:
    """Changes what is given and returns the row; what is the same already leaves no trace.

    Tags that are added or removed, and attributes (None takes one away), change those and no others: of two
    who change at once neither undoes what the other did. One internal event tells of all of it; the customer
    is told nothing. Raises Forbidden for all but staff, Invalid for a value that is none.
    """
    require_staff(by)
    row = lock(conversation.pk, by=by)
    require_version(row, expected)
    wanted: dict[str, Any] = {
        "tags": row.tags if tags is KEEP else checked_tags(tags),
        "priority": row.priority if priority is KEEP else _priority(priority),
        "subject": row.subject if subject is KEEP else _subject(subject),
        "attributes": row.attributes,
    }
    if add_tags or remove_tags:
        wanted["tags"] = changed_tags(wanted["tags"], add=add_tags, remove=remove_tags)
    if attributes:
        wanted["attributes"] = merged_attributes(FieldEntity.CONVERSATION, row.attributes, attributes)
    _apply(row, wanted, by=by)
    return row


def set_priority(*, conversation: Conversation, by: Actor, priority: int) -> Conversation:
    """Sets the urgency; raises Invalid for a value that is none."""
    return edit_conversation(conversation=conversation, by=by, priority=priority)


def _apply(row: Conversation, wanted: Mapping[str, Any], *, by: Actor) -> None:
    before = {name: getattr(row, name) for name in wanted}
    names = [name for name, value in wanted.items() if value != before[name]]
    if not names:
        return
    for name in names:
        setattr(row, name, wanted[name])
    told: dict[str, Any] = {"changes": _changes(before, wanted)}
    if names == ["priority"]:
        told["priority"] = row.priority
    add_event(row, EventType.CONVERSATION_UPDATED, by=by, is_internal=True, **public_state(row), **told)
    save_locked(row, *names)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what differs as {field: {"from", "to"}}, each attribute by itself and priorities in words."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in before:
        if name == "attributes":
            for key in sorted({*before[name], *after[name]}):
                found[f"attributes.{key}"] = before[name].get(key), after[name].get(key)
        elif name == "priority":
            found[name] = Priority(before[name]).name.lower(), Priority(after[name]).name.lower()
        else:
            found[name] = before[name], after[name]
    return {name: {"from": old, "to": new} for name, (old, new) in found.items() if old != new}


def _priority(value: int) -> int:
    if value not in Priority.values:
        raise Invalid(_("There is no such priority."), field="priority")
    return value


def _subject(text: str) -> str:
    clean = " ".join(storable(text).split())
    if len(clean) > LONGEST_SUBJECT:
        raise Invalid(_("A subject may have %d characters.") % LONGEST_SUBJECT, field="subject")
    return clean
