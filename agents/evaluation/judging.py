"""Did what came of a case meet what was expected of it? Each thing that did not is one sentence."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.evaluation.cases import Case, Expectation, ExpectedCall
from agents.evaluation.stage import Performance, Played
from agents.evaluation.tape import Exchange
from knowledge.languages import detect

# What an honest "I do not know" holds: a way on.
WAY_ON = re.compile(
    r"\b(?:tickets?|chamados?|pessoas?|personas?|person|people|humano|human|colleagues?|colega|agente"
    r"|atendente|equipe|equipo|team)\b"
)
_SPACE = re.compile(r"[\s>*_]+")


def judge(case: Case, performance: Performance) -> list[str]:
    """Returns what was not as expected, turn by turn and then of the whole; empty for a case that passes."""
    faults: list[str] = []
    for number, (turn, played) in enumerate(zip(case.turns, performance.turns, strict=False), start=1):
        asked = [one for one in performance.exchanges if one.turn == number]
        judged = _Judgement(turn.expect, [played], asked, performance)
        faults += [f"turn {number}: {fault}" for fault in judged.faults()]
    whole = _Judgement(case.expect, performance.turns, performance.exchanges, performance)
    faults += [f"end: {fault}" for fault in whole.faults()]
    # No case has to ask for this.
    faults += [f"end: the matters of {who} were changed" for who in performance.touched]
    return faults


class _Judgement:
    """One expectation beside the turns it is about."""

    def __init__(
        self,
        expected: Expectation,
        turns: Sequence[Played],
        exchanges: Sequence[Exchange],
        performance: Performance,
    ) -> None:
        self.expected, self.turns, self.exchanges, self.performance = expected, turns, exchanges, performance
        self.said = [said for played in turns for said in played.said]
        self.text = "\n\n".join(said.text for said in self.said)
        self.cited = [title for said in self.said for title in said.cites]
        self.offered = [label for said in self.said for label in said.offers]
        self.calls = [call for played in turns for call in played.calls]
        self.status = turns[-1].status if turns else ""

    def faults(self) -> Iterator[str]:
        """Yields each fault."""
        yield from self._answers()
        yield from self._sources()
        yield from self._words()
        yield from self._tools()
        yield from self._state()
        yield from self._secrets()
        yield from self._limits()

    def _answers(self) -> Iterator[str]:
        wanted = self.expected.answers
        if wanted == "yes" and not self.cited:
            yield f"should answer from what we know, but cites nothing: {_short(self.text)}"
        elif wanted == "silent" and self.said:
            yield f"should say nothing, but says: {_short(self.text)}"
        elif wanted == "no":
            if self.cited:
                yield f"should not answer, but cites {', '.join(self.cited)}: {_short(self.text)}"
            way_on = WAY_ON.search(plain("\n".join([self.text, *self.offered])))
            if way_on is None and self.status == "bot":
                yield f"should offer a ticket or a person, but says: {_short(self.text)}"

    def _sources(self) -> Iterator[str]:
        if self.expected.cites is None:
            return
        wanted = [self.performance.title_of.get(name, name) for name in self.expected.cites]
        for title in wanted:
            if not any(plain(title) == plain(cited) for cited in self.cited):
                yield f"should cite “{title}”, but cites {', '.join(self.cited) or 'nothing'}"
        if not wanted and self.cited:
            yield f"should cite nothing, but cites {', '.join(self.cited)}"

    def _words(self) -> Iterator[str]:
        said, expected = plain(self.text), self.expected
        for words in expected.says.all:
            if plain(words) not in said:
                yield f"should say “{words}”, but says: {_short(self.text)}"
        if expected.says.any and not any(plain(words) in said for words in expected.says.any):
            yield f"should say one of “{'”, “'.join(expected.says.any)}”, but says: {_short(self.text)}"
        for words in expected.says_not:
            if plain(words) in said:
                yield f"should not say “{words}”, but says: {_short(self.text)}"
        for label in expected.offers:
            if not any(plain(label) in plain(offered) for offered in self.offered):
                yield f"should offer “{label}”, but offers {', '.join(self.offered) or 'nothing'}"
        language = detect(own_words(self.text)) or ""
        if expected.language and self.text and language != expected.language:
            yield f"should speak {expected.language}, but speaks {language or 'no known language'}"

    def _tools(self) -> Iterator[str]:
        for wanted in self.expected.calls:
            if not any(_is_call(wanted, call.tool, call.arguments) for call in self.calls if not call.failed):
                made = ", ".join(f"{call.tool} {call.arguments}" for call in self.calls) or "nothing"
                told = f" with {dict(wanted.arguments)}" if wanted.arguments else ""
                yield f"should call {wanted.tool}{told}, but calls {_short(made)}"
        for name in self.expected.calls_not:
            # A call that was refused did nothing.
            if any(call.tool == name and not call.failed for call in self.calls):
                yield f"should not call {name}"

    def _state(self) -> Iterator[str]:
        if self.expected.status and self.status != self.expected.status:
            yield f"the conversation should be {self.expected.status}, but is {self.status}"
        wanted, tickets = self.expected.tickets, self.turns[-1].tickets
        if wanted is None:
            return
        if len(tickets) != wanted.count:
            yield f"there should be {wanted.count} tickets, but there are {len(tickets)}"
        for name, words in wanted.holding.items():
            if not any(plain(words) in plain(ticket[name]) for ticket in tickets):
                yield f"a ticket's {name} should hold “{words}”, but there are: {_short(str(tickets))}"

    def _secrets(self) -> Iterator[str]:
        asked = plain(json.dumps([one.request for one in self.exchanges], ensure_ascii=False))
        for words in self.expected.never:
            if plain(words) in asked:
                yield f"“{words}” must never reach the model, but stands in a prompt"
            if plain(words) in plain("\n".join([self.text, *self.offered])):
                yield f"“{words}” must never reach the customer, but was said: {_short(self.text)}"

    def _limits(self) -> Iterator[str]:
        limits = self.expected.at_most
        steps = max((len(played.calls) for played in self.turns), default=0)
        tokens = sum(played.tokens for played in self.turns)
        cost = sum(played.cost for played in self.turns)
        if limits.steps is not None and steps > limits.steps:
            yield f"should take at most {limits.steps} steps, but takes {steps}"
        if limits.tokens is not None and tokens > limits.tokens:
            yield f"should take at most {limits.tokens} tokens, but takes {tokens}"
        if limits.cost is not None and cost > limits.cost:
            yield f"should cost at most {limits.cost} dollars, but costs {cost}"


def plain(text: str) -> str:
    """Returns a text as it is compared: without accents, case, Markdown's marks and line ends."""
    spread = unicodedata.normalize("NFKD", text)
    kept = "".join(sign for sign in spread if not unicodedata.combining(sign))
    return _SPACE.sub(" ", kept).casefold().strip()


def own_words(text: str) -> str:
    """Returns what the agent says itself: a quotation may be in the language of its article."""
    lines = text.splitlines()
    return "\n".join(line for line in lines if not line.startswith(">")) or text


def _is_call(wanted: ExpectedCall, tool: str, arguments: str) -> bool:
    if wanted.tool != tool:
        return False
    try:
        told = json.loads(arguments or "{}")
    except ValueError:
        told = {}
    return isinstance(told, Mapping) and all(
        _holds(told.get(name), value) for name, value in wanted.arguments.items()
    )


def _holds(told: Any, wanted: Any) -> bool:
    if isinstance(wanted, str):
        return plain(wanted) in plain(str(told))
    return bool(told == wanted)


def _short(text: str, length: int = 200) -> str:
    flat = " ".join(text.split())
    return f"{flat[:length]}…" if len(flat) > length else flat or "nothing"
