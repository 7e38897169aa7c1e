"""Recordings of what a model was asked and answered, and the tape that writes or plays them.

A recording is a file for each case and model: a line of JSON for each exchange, with the request as it is
compared (without addresses, ids and times, which differ each time) and the pieces of the answer as they came.
"""

import asyncio
import difflib
import json
import re
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.evaluation.cases import Move
from llm import tap, wire
from llm.errors import ModelError
from llm.providers import Provider
from llm.types import ChatMessage

FOLDER = "recordings"
LONGEST_DIFFERENCE = 40  # lines
_CHANGING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "(id)"),
    (re.compile(r"https?://[^/\s\"'\\)]+"), "https://site"),
    (re.compile(r"^Time: .+$", re.MULTILINE), "Time: (now)"),
)
Json = dict[str, Any]


@dataclass(slots=True)
class Exchange:
    """One question to a model and what it answered. `seconds` only where a recording tells them."""

    turn: int
    step: int
    request: Json
    pieces: list[Json] = field(default_factory=list)
    error: str = ""
    temporary: bool = False
    seconds: float | None = None

    def as_json(self) -> Json:
        """Returns the line of a recording."""
        row: Json = {"turn": self.turn, "step": self.step, "seconds": self.seconds}
        row |= {"request": self.request, "answer": self.pieces}
        return row | ({"error": self.error, "temporary": self.temporary} if self.error else {})

    @classmethod
    def from_json(cls, row: Json) -> "Exchange":
        """Reads such a line back."""
        return cls(
            int(row["turn"]), int(row["step"]), row["request"], row["answer"], row.get("error", ""),
            bool(row.get("temporary")), row["seconds"],
        )  # fmt: skip


def normalised(messages: Sequence[ChatMessage], tools: Sequence[Json]) -> Json:
    """Returns a request as two runs of the same case have it. Pictures and sound count by their size."""
    return {"messages": [unchanging(dict(one)) for one in messages], "tools": unchanging(list(tools))}


def unchanging(value: Any) -> Any:
    """Returns a value without what differs each time: ids, addresses, the time of day."""
    if isinstance(value, str):
        for pattern, instead in _CHANGING:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, dict):
        return {name: unchanging(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [unchanging(part) for part in value]
    return value if isinstance(value, (int, float, bool, type(None))) else repr(value)


class Tape:
    """Stands where the provider is asked: notes every exchange, and says who answers."""

    def __init__(self, source: tap.Source = wire.pieces) -> None:
        """Takes who answers: providers, unless somebody else is named."""
        self.source = source
        self.exchanges: list[Exchange] = []
        self.turn = self.step = 0
        self.unrecorded = ""

    def begin_turn(self, number: int) -> None:
        """Notes that what is asked now belongs to another turn."""
        self.turn, self.step = number, 0

    async def pieces(
        self, provider: Provider, messages: Sequence[ChatMessage], tools: Sequence[Json]
    ) -> AsyncGenerator[wire.Piece]:
        """Answers as `wire.pieces` does, from the source."""
        self.step += 1
        exchange = Exchange(self.turn, self.step, normalised(messages, tools))
        self.exchanges.append(exchange)
        began = time.perf_counter()
        try:
            async for piece in self.source(provider, messages, tools):
                exchange.pieces.append(_as_json(piece))
                yield piece
        except NotRecorded as error:
            self.unrecorded = self.unrecorded or error.difference
            raise
        except ModelError as error:
            exchange.error, exchange.temporary = error.detail, error.temporary
            raise
        except (GeneratorExit, asyncio.CancelledError):
            # Whoever listened lost patience; played again, the answer breaks off at the same place.
            exchange.error, exchange.temporary = "It did not answer in time.", True
            raise
        finally:
            exchange.seconds = round(time.perf_counter() - began, 3)


class NotRecorded(ModelError):
    """This request stands in no recording."""

    def __init__(self, difference: str) -> None:
        """Takes what differs from the request that was recorded in its place."""
        super().__init__("The request was not recorded.")
        self.difference = difference


class Recorded:
    """Answers from a recording: by the whole request, or where `lenient` by turn and step alone."""

    def __init__(self, exchanges: Sequence[Exchange], *, lenient: bool = False) -> None:
        """Takes the exchanges in their order; each answers once."""
        self.left, self.lenient, self.asked = list(exchanges), lenient, 0
        self.all = tuple(exchanges)
        self.seconds = 0.0

    async def pieces(
        self, _provider: Provider, messages: Sequence[ChatMessage], tools: Sequence[Json]
    ) -> AsyncGenerator[wire.Piece]:
        """Yields what was recorded; raises what was raised, and NotRecorded where nothing fits."""
        request = normalised(messages, tools)
        found = self._found(request)
        self.left.remove(found)
        self.seconds += found.seconds or 0.0
        for row in found.pieces:
            yield _as_piece(row)
        if found.error:
            raise ModelError(found.error, temporary=found.temporary)

    def _found(self, request: Json) -> Exchange:
        number, self.asked = self.asked, self.asked + 1
        fitting = [one for one in self.left if self.lenient or one.request == request]
        if fitting:
            return fitting[0]
        instead = self.all[number].request if number < len(self.all) else {}
        raise NotRecorded(difference(instead, request))


class Scripted:
    """Answers what the case says, whatever is asked: a model that gives in to anything."""

    def __init__(self, moves: Sequence[Sequence[Move]], tape: Tape) -> None:
        """Takes the moves of each turn, and the tape, which knows which turn it is."""
        self.moves: list[Iterator[Move]] = [iter(row) for row in moves]
        self.tape = tape

    async def pieces(
        self, _provider: Provider, _messages: Sequence[ChatMessage], _tools: Sequence[Json]
    ) -> AsyncGenerator[wire.Piece]:
        """Yields the next move of the turn; a script that has ended fails as a provider does."""
        move = next(self.moves[self.tape.turn - 1], None)
        if move is None:
            message = "The script has ended."
            raise ModelError(message)
        for word in re.findall(r"\S+\s*", move.text):
            yield wire.Piece(text=word)
        if move.tool:
            arguments = json.dumps(move.arguments, ensure_ascii=False)
            yield wire.Piece(calls=(wire.CallPart(0, f"call_{move.tool}", move.tool, arguments),))
        yield wire.Piece(finish="tool_calls" if move.tool else "stop")


def difference(recorded: Json, asked: Json) -> str:
    """Returns what changed between two requests, line by line."""
    lines = difflib.unified_diff(_lines(recorded), _lines(asked), "recorded", "asked", lineterm="", n=1)
    found = [line[:400] for line in lines]
    more = len(found) - LONGEST_DIFFERENCE
    return "\n".join([*found[:LONGEST_DIFFERENCE], *([f"… {more} lines more"] if more > 0 else [])])


def _lines(request: Json) -> list[str]:
    """Returns a request as a person reads it: texts with their own lines."""
    lines: list[str] = []
    for message in request.get("messages", ()):
        told = {name: part for name, part in message.items() if name not in {"role", "content"}}
        lines += [f"[{message['role']}]", *str(message["content"]).splitlines()]
        lines += [json.dumps(told, ensure_ascii=False)] if told else []
    for tool in request.get("tools", ()):
        lines += [f"[tool {tool['function']['name']}]"]
        lines += json.dumps(tool["function"], ensure_ascii=False, indent=1).splitlines()
    return lines


def place(suite: Path, model: str, case: str) -> Path:
    """Returns where the recording of a case with a model lies."""
    return suite / FOLDER / re.sub(r"[^\w.-]+", "-", model) / f"{case}.jsonl"


def write(path: Path, exchanges: Sequence[Exchange]) -> None:
    """Writes a recording whole; what was there before is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps(one.as_json(), ensure_ascii=False) for one in exchanges]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def read(path: Path) -> list[Exchange]:
    """Reads a recording; raises OSError, ValueError or KeyError where it cannot be read."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Exchange.from_json(json.loads(line)) for line in lines if line.strip()]


def _as_json(piece: wire.Piece) -> Json:
    """Returns a piece without what it does not hold."""
    row: Json = {"text": piece.text, "finish": piece.finish, "thought": piece.thought}
    row["tokens"] = list(piece.tokens) if piece.tokens else None
    row["calls"] = [[part.key, part.id, part.name, part.arguments] for part in piece.calls]
    return {name: value for name, value in row.items() if value}


def _as_piece(row: Json) -> wire.Piece:
    asked, said = row.get("tokens") or (0, 0)
    return wire.Piece(
        text=row.get("text", ""),
        calls=tuple(wire.CallPart(*part) for part in row.get("calls", ())),
        finish=row.get("finish", ""),
        tokens=(asked, said) if "tokens" in row else None,
        thought=row.get("thought", False),
    )
