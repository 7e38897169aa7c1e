"""Reading JSON that somebody else wrote: a value of another type than expected counts as missing."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]


def branch(data: Any, *path: str) -> Json:
    """Returns the object at the end of the path, or an empty one."""
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def word(data: Json, name: str) -> str:
    """Returns a text, each character that Postgres cannot hold replaced by one of equal length."""
    value = data.get(name)
    if not isinstance(value, str):
        return ""
    whole = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\x00", "\ufffd")


def number(data: Json, name: str) -> int:
    """Returns a whole number, or 0."""
    value = data.get(name)
    return value if type(value) is int else 0


def each(data: Json, name: str) -> Iterator[Json]:
    """Yields the objects of a list."""
    value = data.get(name)
    yield from (item for item in (value if isinstance(value, list) else ()) if isinstance(item, Mapping))


def moment(data: Json, name: str) -> datetime | None:
    """Returns a time given in Unix seconds."""
    seconds = number(data, name)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (OverflowError, OSError, ValueError):
        return None


def full_name(person: Json) -> str:
    """Returns first and last name, or the title of a chat."""
    names = " ".join(filter(None, (word(person, "first_name"), word(person, "last_name"))))
    return names or word(person, "title") or word(person, "username")
