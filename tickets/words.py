"""Values as a ticket's history keeps them: what they were called at the time, not the ids of rows."""

import json
from typing import Any

from accounts.models import Team, User
from conversations.enums import Priority


def in_words(name: str, before: Any, after: Any) -> dict[str, Any]:
    """Returns the change of a field as {name: {"from", "to"}}, each attribute by itself."""
    if name != "attributes":
        return {name: {"from": _word(name, before), "to": _word(name, after)}}
    differing = (key for key in sorted({*before, *after}) if before.get(key) != after.get(key))
    return {
        f"attributes.{key}": {"from": _value(before.get(key)), "to": _value(after.get(key))}
        for key in differing
    }


def _word(name: str, value: Any) -> str | None:
    if isinstance(value, Team):
        return value.slug
    if isinstance(value, User):
        return value.display_name
    if name == "priority":
        return Priority(value).name.lower()
    return None if value is None else str(value)


def _value(value: Any) -> str | None:
    """A custom field's value as JSON says it: `true`, whatever the reader's language."""
    return value if value is None or isinstance(value, str) else json.dumps(value)
