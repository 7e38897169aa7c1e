"""The registry of what a model may call, and the check of every call before code runs.

The model proposes, the code decides: arguments are validated against the types of the function, ids of
people, conversations and runs come from the `ToolContext` and cannot be parameters, and whatever a model
sends ends as a `ToolResult` that tells it what was wrong. Rights are the business of the action a tool calls.
"""

import inspect
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext, gettext_noop

from core.actor import Actor
from core.errors import HelpdeskError, NotFound
from llm.types import Choice, Citation

if TYPE_CHECKING:
    from pydantic import BaseModel

ARGUMENTS_LIMIT = 64 * 1024  # bytes
NOTHING_DONE = gettext_noop("Nothing was done:")
LARGEST_INTEGER = 2**63 - 1  # what a database column holds
_SCALARS = (str, int, bool)


class Effect(StrEnum):
    """What a tool does to the world; each says so when it is registered, for there is no safe guess."""

    READ = "read"
    WRITE = "write"
    # Cannot be taken back, or costs money: a person is asked first.
    DANGEROUS = "dangerous"


@dataclass(frozen=True, slots=True)
class ToolContext:
    """For whom a tool runs. Everything a model must not choose comes from here.

    `key` names this one call and is the same when a run is retried: the idempotency key of what it writes.
    """

    actor: Actor
    conversation_id: UUID | None
    key: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call. `text` is for the model; `citations` and `choices` are for the customer.

    `ends_run` stops the loop: nothing is left for the model to say. `failed` marks a refused call.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    choices: tuple[Choice, ...] = ()
    ends_run: bool = False
    failed: bool = False


def refusal(reason: str) -> ToolResult:
    """Returns the result that tells the model why nothing was done."""
    return ToolResult(f"{NOTHING_DONE} {reason}", failed=True)


def shown_result(text: str) -> str:
    """Returns what a model was told, for people: a refusal in the active language where it is one of ours."""
    opening, _, why = text.partition(f"{NOTHING_DONE} ")
    if opening or not why:
        return text
    return f"{gettext(NOTHING_DONE)} {gettext(why)}"


class Tool:
    """A function that models may call, with its description and the schema of its arguments."""

    # True where somebody else's system is asked: such a call must not be made inside a transaction.
    calls_out = False
    # After a call of which nothing is known, as it was cut off: whether it may be made again with its key.
    may_repeat = False

    def __init__(
        self,
        function: Callable[..., ToolResult],
        description: str,
        *,
        effect: Effect,
        needs_verification: bool = False,
    ) -> None:
        """Takes the function and checks its signature; see `tool`."""
        self.function = function
        self.name = function.__name__
        self.description = description
        self.effect = Effect(effect)
        self.needs_verification = needs_verification
        self._parameters = _parameters(function)

    def __repr__(self) -> str:
        return f"<Tool {self.name}>"

    @property
    def only_reads(self) -> bool:
        """True when it changes nothing, so that it may take its time outside of any lock."""
        return self.effect == Effect.READ

    def schema(self) -> dict[str, Any]:
        """Returns the OpenAI `function` description, with plain JSON schema: no references, no nulls."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": self._arguments_schema,
            },
        }

    def run(self, context: ToolContext, arguments_json: str) -> ToolResult:
        """Checks the arguments and calls the function inside a savepoint.

        Broken JSON, wrong arguments and any `HelpdeskError` come back as a refusal, with what the function
        wrote undone. Other exceptions are faults of ours and are raised.
        """
        arguments = self.checked(arguments_json)
        if isinstance(arguments, ToolResult):
            return arguments
        try:
            with transaction.atomic():
                return self.function(context, **arguments)
        except HelpdeskError as error:
            return refusal(error.detail)

    def complaint(self, arguments_json: str) -> ToolResult | None:
        """Returns the refusal that `run` would give such arguments, None where they fit; calls nothing."""
        arguments = self.checked(arguments_json)
        return arguments if isinstance(arguments, ToolResult) else None

    def checked(self, arguments_json: str) -> dict[str, Any] | ToolResult:
        """Returns the arguments as the tool takes them, or the refusal that says what is wrong with them."""
        if len(arguments_json.encode("utf-8", "replace")) > ARGUMENTS_LIMIT:
            return refusal(f"the arguments are larger than {ARGUMENTS_LIMIT // 1024} KB.")
        try:
            return self._parse(arguments_json)
        except ValueError as error:
            return refusal(f"{_told(error)} Correct the arguments and call {self.name} again.")

    def _parse(self, arguments_json: str) -> dict[str, Any]:
        # Some providers send nothing at all for a tool that needs no arguments.
        parsed = self._model.model_validate_json(arguments_json.strip() or "{}")
        return {name: _storable(getattr(parsed, name)) for name in self._parameters}

    @cached_property
    def _model(self) -> "type[BaseModel]":
        from pydantic import ConfigDict, Field, create_model  # deferred: slow import

        fields: dict[str, Any] = {
            name: (parameter.type, Field(parameter.default, description=parameter.description))
            for name, parameter in self._parameters.items()
        }
        config = ConfigDict(extra="forbid", str_strip_whitespace=True, protected_namespaces=())
        return create_model(self.name, __config__=config, **fields)

    @cached_property
    def _arguments_schema(self) -> dict[str, Any]:
        schema = self._model.model_json_schema()
        plain = _plain(schema, schema.pop("$defs", {}))
        assert isinstance(plain, dict)  # noqa: S101 (narrows the type)
        return {"properties": {}, **plain}


_registry: dict[str, Tool] = {}


def tool(
    *, description: str, effect: Effect, needs_verification: bool = False
) -> Callable[[Callable[..., ToolResult]], Callable[..., ToolResult]]:
    """Registers a function under its own name as something agents may be given.

    The function takes a `ToolContext` and keyword-only parameters of type str, int, bool, Literal, Enum,
    Optional or list of these; `Annotated[str, "what it is"]` describes one to the model. It is synchronous
    and may be called again with the same `context.key`. Raises TypeError for any other signature, for a
    parameter that would let the model choose an id, and for a name that is taken. Returns the function.

    `effect` says what it does to the world; a tool that reads runs outside of any lock. `needs_verification`:
    only customers whose identity is proven get it, unless an agent's policy says otherwise.
    """

    def register(function: Callable[..., ToolResult]) -> Callable[..., ToolResult]:
        made = Tool(function, description, effect=effect, needs_verification=needs_verification)
        if made.name in _registry:
            message = f"A tool named {made.name} is registered already."
            raise TypeError(message)
        _registry[made.name] = made
        return function

    return register


@contextmanager
def added(more: Tool) -> Iterator[None]:
    """Makes one more tool known for a while, to everybody. Raises TypeError for a name that is taken."""
    if more.name in _registry:
        message = f"A tool named {more.name} is registered already."
        raise TypeError(message)
    _registry[more.name] = more
    try:
        yield
    finally:
        del _registry[more.name]


def get_tool(name: str) -> Tool:
    """Returns the registered tool, or raises NotFound."""
    try:
        return _registry[name]
    except KeyError:
        message = f"There is no tool named {name[:80]}."
        raise NotFound(message) from None


def all_tools() -> tuple[Tool, ...]:
    """Returns every registered tool in the order of their names."""
    return tuple(_registry[name] for name in sorted(_registry))


@dataclass(frozen=True, slots=True)
class _Parameter:
    type: Any
    default: Any
    description: str | None


def _parameters(function: Callable[..., ToolResult]) -> dict[str, _Parameter]:
    """Reads the parameters off a signature; raises TypeError where a model could not be told about one."""
    context, *rest = inspect.signature(function).parameters.values()
    hints = get_type_hints(function, include_extras=True)
    if hints.get(context.name) is not ToolContext or inspect.iscoroutinefunction(function):
        message = f"{function.__name__} must be a plain function that takes a ToolContext first."
        raise TypeError(message)
    return {parameter.name: _parameter(function, parameter, hints) for parameter in rest}


def _parameter(
    function: Callable[..., ToolResult], parameter: inspect.Parameter, hints: dict[str, Any]
) -> _Parameter:
    where = f"{function.__name__}({parameter.name})"
    if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or parameter.name not in hints:
        message = f"{where} must be keyword-only and have a type."
        raise TypeError(message)
    if parameter.name == "id" or parameter.name.endswith(("_id", "_ids", "_pk")):
        message = f"{where} would let a model choose an id; take it from the ToolContext."
        raise TypeError(message)
    hint, *notes = (
        get_args(hints[parameter.name]) if _annotated(hints[parameter.name]) else [hints[parameter.name]]
    )
    if not _describable(hint):
        message = f"{where} has a type no model can be told about: {hint}."
        raise TypeError(message)
    default = ... if parameter.default is inspect.Parameter.empty else parameter.default
    return _Parameter(hint, default, next((note for note in notes if isinstance(note, str)), None))


def _annotated(hint: Any) -> bool:
    return get_origin(hint) is Annotated


def _describable(hint: Any) -> bool:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return all(isinstance(part, _SCALARS) for part in parts)
    if origin in {Union, types.UnionType}:
        return len(parts) == 2 and type(None) in parts and all(map(_describable, set(parts) - {type(None)}))  # noqa: PLR2004
    if origin is list:
        return all(map(_describable, parts))
    return hint in _SCALARS or (isinstance(hint, type) and issubclass(hint, Enum))


def _plain(schema: Any, definitions: dict[str, Any]) -> Any:
    """Returns the schema without references, titles and nulls, which not every provider understands."""
    if isinstance(schema, list):
        return [_plain(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    merged = dict(schema)
    if "$ref" in merged:
        merged = {**definitions[merged.pop("$ref").rpartition("/")[2]], **merged}
    if "anyOf" in merged:
        (kept,) = (part for part in merged.pop("anyOf") if part != {"type": "null"})
        merged = {**_plain(kept, definitions), **merged}
    properties = merged.pop("properties", None)
    plain = {
        name: _plain(part, definitions)
        for name, part in merged.items()
        if name != "title" and (name, part) != ("default", None)
    }
    if properties is not None:
        plain["properties"] = {name: _plain(part, definitions) for name, part in properties.items()}
    return plain


def _storable(value: Any) -> Any:
    """Returns the value as a database can hold it; raises ValueError for an integer that none can."""
    if isinstance(value, list):
        return [_storable(part) for part in value]
    if isinstance(value, str) and not isinstance(value, Enum):
        return value.replace("\x00", "")
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        message = "a number is too large."
        raise ValueError(message)
    return value


def _told(error: ValueError) -> str:
    """Says what is wrong with arguments without repeating them: they may be long, or hostile."""
    from pydantic import ValidationError  # deferred: slow import

    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_url=False, include_input=False, include_context=False)
    lines = (
        f"{'.'.join(map(str, item['loc']))[:80] or 'arguments'}: {item['msg'][:300]}" for item in found[:10]
    )
    return "; ".join(lines) + "."
