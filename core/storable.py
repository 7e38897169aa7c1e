"""What a database takes of what strangers send."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar, cast

T = TypeVar("T")


def storable(value: T) -> T:
    """Returns text, and all text within mappings, sequences and data classes, as PostgreSQL can hold it.

    That is without NUL characters, and with "?" for half of a surrogate pair (an emoji that somebody cut in
    two). Anything else is returned as it is.
    """
    return cast("T", _storable(value))


def _storable(value: Any) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_storable(name): _storable(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_storable(part) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _storable(getattr(value, each.name)) for each in fields(value)})
    return value
