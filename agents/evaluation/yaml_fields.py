"""YAML in which every mapping knows the lines of its fields, and checks of single fields."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Self

import yaml

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
# YAML reads these words as truth values where nobody means them so.
_TRUTH = {True: "yes", False: "no"}


class BadSuite(Exception):
    """The suite cannot be used; the message says where and why."""


class Located(dict[str, Any]):
    """A mapping that knows where it, and each of its fields, stands."""

    line = 1
    lines: dict[str, int]


class _Loader(yaml.SafeLoader):
    """Safe YAML, with lines; a field that is named twice is a mistake."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Located:
    told = Located()
    told.line, told.lines = node.start_mark.line + 1, {}
    for key_node, value_node in node.value:
        key = str(loader.construct_object(key_node, deep=True))
        if key in told:
            problem = f"{key} is told twice"
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        told[key] = loader.construct_object(value_node, deep=True)
        told.lines[key] = key_node.start_mark.line + 1
    return told


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(text: str) -> Any:
    """Reads safe YAML; raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (made from the safe one)


class Fields:
    """One mapping of a file, from which each field is taken once and checked."""

    def __init__(self, told: Located, path: str, name: str) -> None:
        """Takes the mapping, its file, and what it is called in messages."""
        self.told, self.path, self.name_of_all = told, path, name
        self.taken: set[str] = set()

    @classmethod
    def of(cls, told: Any, path: str, name: str, line: int = 1) -> Self:
        """Returns the fields of a mapping; raises BadSuite for anything else."""
        if not isinstance(told, Located):
            message = f"{path}, line {line}: {name}: must be a mapping"
            raise BadSuite(message)
        return cls(told, path, name)

    def bad(self, name: str, problem: str) -> BadSuite:
        """Returns the error that names file, line and field."""
        return BadSuite(f"{self.path}, line {self.line(name)}: {name}: {problem}")

    def line(self, name: str = "") -> int:
        """Returns the line of a field, or that of the mapping."""
        return self.told.lines.get(name, self.told.line)

    def value(self, name: str) -> Any:
        """Returns a field as it is, without taking it."""
        return self.told.get(name)

    def take(self, name: str) -> Any:
        """Returns a field as it is."""
        self.taken.add(name)
        return self.told.get(name)

    def text(self, name: str, *, required: bool = False) -> str:
        """Returns a text; raises BadSuite where it is none, or missing though it is required."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, (str, int, float, type(None))):
            raise self.bad(name, "must be a text")
        found = "" if value is None else str(value).strip()
        if required and not found:
            raise self.bad(name, "is missing")
        return found

    def name(self, name: str) -> str:
        """Returns a text that may stand in the name of a file."""
        found = self.text(name, required=True)
        if not _NAME.fullmatch(found):
            raise self.bad(name, "may only hold a-z, 0-9, - and _")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """Returns a list of texts; one text alone is a list of one."""
        value = self.take(name)
        rows = value if isinstance(value, list) else [] if value is None else [value]
        for row in rows:
            if isinstance(row, (bool, dict, list)) or row is None or not str(row).strip():
                raise self.bad(name, "must be a text or a list of texts; quote yes, no and numbers")
        return tuple(str(row).strip() for row in rows)

    def one_of(self, name: str, known: Sequence[str], *, required: bool = False) -> str:
        """Returns one of some words; empty where it is missing and not required."""
        value = self.take(name)
        found = _TRUTH[value] if isinstance(value, bool) else value
        if found is None and not required:
            return ""
        if found not in known:
            raise self.bad(name, f"must be one of {', '.join(known)}")
        return str(found)

    def number(self, name: str) -> int:
        """Returns a whole number from 0 on."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.bad(name, "must be a whole number")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Returns a mapping as it is; empty where it is missing."""
        value = self.take(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.bad(name, "must be a mapping")
        return dict(value)

    def inside(self, name: str) -> "Fields":
        """Returns the fields of a mapping in a field; none where it is missing."""
        value = self.take(name)
        if value is None:
            value = Located()
            value.line, value.lines = self.line(), {}
        return Fields.of(value, self.path, name, self.line(name))

    def rows(self, name: str) -> Iterable["Fields"]:
        """Returns the fields of each mapping of a list."""
        value = self.take(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.bad(name, "must be a list")
        return [Fields.of(row, self.path, name, self.line(name)) for row in value]

    def nothing_else(self) -> None:
        """Raises BadSuite for a field that nobody took: it would be a misspelt expectation."""
        for name in self.told:
            if name not in self.taken:
                raise self.bad(name, f"a {self.name_of_all} has no such field")
