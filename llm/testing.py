"""Whether a model does what the product needs of it: answers, in pieces, and calls tools. Asked for real.

Each check is one call through the door, and so one row of the ledger with the purpose `test`.
"""

import json
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from http import HTTPStatus

from llm import door, embedding
from llm.errors import ModelError, TooSlow
from llm.providers import BUILTIN
from llm.types import ChatMessage, Completion

PURPOSE = "test"
# Of each of the calls. A model on one's own machine may have to be loaded first.
SECONDS = 30.0
NUMBER = 42
ASK_TEXT: Sequence[ChatMessage] = (
    {"role": "user", "content": "Count from one to ten in words, and say nothing else."},
)
ASK_TOOL: Sequence[ChatMessage] = (
    {"role": "user", "content": f"Note the number {NUMBER}: call the tool note_number with it. Say nothing."},
)
TOOL = {
    "type": "function",
    "function": {
        "name": "note_number",
        "description": "Notes a number.",
        "parameters": {
            "type": "object",
            "properties": {"number": {"type": "integer"}},
            "required": ["number"],
        },
    },
}


class Trouble(StrEnum):
    """What is in the way, as far as it can be told from what came back."""

    NONE = ""
    KEY = "key"
    MODEL = "model"
    LIMIT = "limit"
    CREDIT = "credit"
    REFUSED = "refused"
    PROVIDER = "provider"
    SLOW = "slow"
    NAME = "name"
    UNREACHABLE = "unreachable"
    PROTOCOL = "protocol"
    NO_TOOLS = "no_tools"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of one check. Times in milliseconds, `cost` in US dollars; `said` is the provider's words."""

    trouble: Trouble = Trouble.NONE
    said: str = ""
    duration_ms: int = 0
    first_text_ms: int | None = None
    pieces: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class ModelTest:
    """What came of the checks of a model; `tool` is None where it was not asked, since no answer came."""

    model: str
    answer: Tested
    tool: Tested | None

    @property
    def cost(self) -> Decimal:
        """Returns what both cost together, in US dollars."""
        return self.answer.cost + (self.tool.cost if self.tool else Decimal(0))


async def test_model(model: str, *, reference: str) -> ModelTest:
    """Asks a model for a streamed answer and then for a tool call; takes at most a minute, and costs little.

    Neither retries nor asks another model. What goes wrong is told, not raised. `reference` says in the
    ledger who asked.
    """
    answer = await _answered(model, reference)
    if answer.trouble:
        return ModelTest(model, answer, None)
    return ModelTest(model, answer, await _tool_called(model, reference))


def test_embedding() -> tuple[int, int]:
    """Makes a vector of a sentence in this process; returns its dimensions and the milliseconds it took."""
    began = time.perf_counter()
    vector = embedding.embed(["Where is my order?"])[0]
    return len(vector), round((time.perf_counter() - began) * 1000)


class _Watch:
    """Counts the pieces of an answer and notes when the first came."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.first_ms: int | None = None
        self.pieces = 0

    async def __call__(self, text: str) -> None:
        del text
        self.pieces += 1
        self.first_ms = self.elapsed_ms if self.first_ms is None else self.first_ms

    @property
    def elapsed_ms(self) -> int:
        return round((time.perf_counter() - self.began) * 1000)

    def tested(self, completion: Completion, trouble: Trouble = Trouble.NONE, said: str = "") -> Tested:
        usage = completion.usage
        return Tested(
            trouble, said, self.elapsed_ms, self.first_ms, self.pieces,
            usage.completion_tokens, usage.cost, usage.estimated,
        )  # fmt: skip

    def failed(self, error: ModelError) -> Tested:
        return Tested(trouble_of(error), error.detail, self.elapsed_ms, self.first_ms, self.pieces)


async def _answered(model: str, reference: str) -> Tested:
    # LiteLLM is loaded before the clock runs: two seconds that are not the provider's.
    await door.inputs(model)
    watch = _Watch()
    try:
        completion = await door.ask_once(
            ASK_TEXT, purpose=PURPOSE, reference=reference, model=model, seconds=SECONDS, on_text=watch
        )
    except ModelError as error:
        return watch.failed(error)
    return watch.tested(completion)


async def _tool_called(model: str, reference: str) -> Tested:
    watch = _Watch()
    try:
        completion = await door.ask_once(
            ASK_TOOL, tools=[TOOL], purpose=PURPOSE, reference=reference, model=model, seconds=SECONDS,
            on_text=watch,
        )  # fmt: skip
    except ModelError as error:
        return watch.failed(error)
    # The built-in answerer quotes articles; it knows its own tools only, and needs no test of others.
    if _is_called_rightly(completion) or completion.model.startswith(f"{BUILTIN}/"):
        return watch.tested(completion)
    return watch.tested(completion, Trouble.NO_TOOLS, completion.text[:300])


def _is_called_rightly(completion: Completion) -> bool:
    for call in completion.tool_calls:
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError:
            continue
        if call.name == "note_number" and isinstance(arguments, dict) and arguments.get("number") == NUMBER:
            return True
    return False


STATUSES: dict[int, Trouble] = {
    HTTPStatus.UNAUTHORIZED: Trouble.KEY,
    HTTPStatus.FORBIDDEN: Trouble.KEY,
    HTTPStatus.NOT_FOUND: Trouble.MODEL,
    HTTPStatus.TOO_MANY_REQUESTS: Trouble.LIMIT,
    HTTPStatus.PAYMENT_REQUIRED: Trouble.CREDIT,
    HTTPStatus.BAD_REQUEST: Trouble.REFUSED,
    HTTPStatus.UNPROCESSABLE_ENTITY: Trouble.REFUSED,
}


def trouble_of(error: ModelError) -> Trouble:
    """Returns what is in the way, by what the error came of."""
    causes = list(_causes(error))
    if isinstance(error, TooSlow) or any(isinstance(each, TimeoutError) for each in causes):
        return Trouble.SLOW
    if any(isinstance(each, socket.gaierror) for each in causes):
        return Trouble.NAME
    if any(isinstance(each, OSError) for each in causes):
        return Trouble.UNREACHABLE
    statuses = [status for each in causes if isinstance(status := getattr(each, "status_code", None), int)]
    if known := next((STATUSES[status] for status in statuses if status in STATUSES), None):
        return known
    # Ours alone: the stream ended without an end, or had nothing in it.
    if len(causes) == 1 or any(isinstance(each, ValueError) for each in causes):
        return Trouble.PROTOCOL
    is_theirs = any(status >= HTTPStatus.INTERNAL_SERVER_ERROR for status in statuses)
    return Trouble.PROVIDER if is_theirs else Trouble.OTHER


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and what it came of, which LiteLLM keeps in several places."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [getattr(each, "original_exception", None), each.__cause__, each.__context__]
