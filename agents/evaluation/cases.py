"""What a suite says: cases, their cast, their turns and what is expected of them. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

SCRIPTED = "scripted"
SOMEBODY = "Davi Duarte"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Kind(StrEnum):
    """What a case is about; reports count by it."""

    GROUNDING = "grounding"
    REFUSAL = "refusal"
    HAND_OVER = "hand_over"
    TOOL_USE = "tool_use"
    WRONG_CUSTOMER = "wrong_customer"
    INJECTION = "injection"
    MULTI_TURN = "multi_turn"


@dataclass(frozen=True, slots=True)
class Words:
    """Words that must be there, accents and case aside: all of `all`, and one of `any` if it names some."""

    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A tool that must be called, with at least these arguments; texts need only be contained."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExpectedTickets:
    """How many tickets the customer must have, and what one of them must say."""

    count: int
    holding: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a case may take at most: model calls and tools of one answer, tokens, US dollars."""

    steps: int | None = None
    tokens: int | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come of a turn, or of a whole case; None and empty fields ask nothing.

    `answers`: "yes" (cites what we know), "no" (cites nothing, and offers a ticket or a person, or hands
    over), "silent" (people have the conversation). `cites` names articles by id or title. `never` must stand
    in no prompt that is sent to the model, and in nothing that the customer reads.
    """

    answers: str = ""
    cites: tuple[str, ...] | None = None
    says: Words = Words()
    says_not: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    language: str = ""
    calls: tuple[ExpectedCall, ...] = ()
    calls_not: tuple[str, ...] = ()
    status: str = ""
    tickets: ExpectedTickets | None = None
    never: tuple[str, ...] = ()
    at_most: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Move:
    """What a scripted model does next: says a text, calls a tool, or both."""

    text: str = ""
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """What the customer says, what a scripted model answers, and what must come of it."""

    says: str
    script: tuple[Move, ...] = ()
    expect: Expectation = Expectation()


@dataclass(frozen=True, slots=True)
class KnownArticle:
    """An article of the case's own knowledge."""

    id: str
    title: str
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    """Who writes. Names are the customer's own, and may hold anything."""

    name: str = SOMEBODY
    email: str = ""
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody else, whose matters must stay theirs: what they said, our notes on it, their ticket."""

    name: str
    email: str = ""
    says: tuple[str, ...] = ()
    note: str = ""
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class StandIn:
    """A tool for one case that always returns the same text; it changes nothing."""

    name: str
    description: str
    result: str


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation and what must come of it. `known`: a reason why it fails, for a model or for "*"."""

    id: str
    title: str
    kind: Kind
    language: str
    turns: tuple[Turn, ...]
    where: str
    expect: Expectation = Expectation()
    demo: bool = False
    articles: tuple[KnownArticle, ...] = ()
    customer: Customer = Customer()
    others: tuple[Other, ...] = ()
    channel: str = "web"
    tools: tuple[StandIn, ...] = ()
    persona: str = ""
    model: str = ""
    time: datetime = NOON
    known: Mapping[str, str] = field(default_factory=dict)

    def known_fault(self, model: str) -> str:
        """Returns why the case is known to fail with a model; empty where it has to pass."""
        return self.known.get(model) or self.known.get("*", "")
