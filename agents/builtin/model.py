"""The quoting model: the same tools as any model, rules in the place of a language model.

It says what stands in an article and where, or that nothing does. What may be answered with alone, and what
is near enough to be offered, is the search's to say: its thresholds are measured.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.builtin import phrases
from agents.builtin.files import without_files
from agents.builtin.intents import TICKET, Intent, intent_of, plain, without_request
from agents.builtin.phrases import Language, language_of
from conversations.tools import ASKED_FOR_PEOPLE
from core.reasons import in_english
from knowledge.tools import FoundPassage, parse_result
from llm.fence import unfence
from llm.types import ChatMessage, ToolCall

LONGEST_QUOTE = 900  # characters
# Words come one by one, as they would from a model; a long passage is not drawn out beyond this.
SECONDS_PER_WORD = 0.03
LONGEST_STREAM = 1.8  # seconds

FINANCE = re.compile(
    r"\b(?:pag\w+|boleto|pix|cart[ao]\w*|cobr\w+|reembolso|estorno|fatura|nota fiscal|invoice|refund"
    r"|payment|paid|charge\w*|card|factura|reintegro|tarjeta|devolucion del dinero)\b"
)
SALES = re.compile(
    r"\b(?:compr\w+ em quantidade|orcamento|cotizacion|quote|bulk|desconto|discount|descuento)\b"
)
URGENT = re.compile(r"\b(?:urgent\w*|emergencia|emergency|asap|perigo|peligro|danger\w*|fogo|incendio)\b")


@dataclass(frozen=True, slots=True)
class Turn:
    """The customer's last message and what has happened since."""

    text: str
    before: tuple[str, ...]
    said_last: str
    results: Mapping[str, str]
    language: Language
    has_files: bool = False


class QuotingModel:
    """Answers by quoting; see `llm.local.LocalModel` for the shape."""

    async def stream(
        self, messages: list[ChatMessage], tools: list[dict[str, Any]]
    ) -> AsyncIterator[str | ToolCall]:
        """Yields words at a reading pace, and tool calls."""
        allowed = {tool["function"]["name"] for tool in tools}
        turn = read_turn(messages)
        for part in answer(turn, allowed):
            if isinstance(part, ToolCall):
                yield part
                continue
            async for word in paced(part):
                yield word


async def paced(text: str) -> AsyncIterator[str]:
    """Yields a text word by word, the first at once."""
    words = re.findall(r"\S+\s*|\s+", text)
    pause = min(SECONDS_PER_WORD, LONGEST_STREAM / max(1, len(words)))
    for number, word in enumerate(words):
        if number:
            await asyncio.sleep(pause)
        yield word


def read_turn(messages: list[ChatMessage]) -> Turn:
    """Finds the customer's last message, what was said before it, and the results of tools since."""
    users = [index for index, message in enumerate(messages) if message["role"] == "user"]
    last = users[-1] if users else len(messages)
    told = [without_files(_content(messages[index])) for index in users]
    texts = [text for text, _ in told]
    answers = [_content(row) for row in messages[:last] if row["role"] == "assistant" and row["content"]]
    text = texts[-1] if texts else ""
    return Turn(
        text=text,
        before=tuple(texts[:-1]),
        said_last=answers[-1] if answers else "",
        results=_results(messages[last:]),
        language=language_of(text, _default_language(messages, texts)),
        has_files=told[-1][1] if told else False,
    )


def _content(message: ChatMessage) -> str:
    return unfence(message["content"])


def _default_language(messages: list[ChatMessage], texts: list[str]) -> str:
    """The language of the conversation so far, else that of the customer's browser."""
    if len(texts) > 1:
        return language_of(" ".join(texts[:-1]), _locale(messages))
    return _locale(messages)


def _locale(messages: list[ChatMessage]) -> str:
    found = re.search(r"^Locale: ([\w-]+)$", messages[0]["content"] if messages else "", re.MULTILINE)
    return found[1] if found else "en"


def _results(messages: list[ChatMessage]) -> dict[str, str]:
    """Returns the results of this turn's tools by the tool's name."""
    names: dict[str, str] = {}
    results: dict[str, str] = {}
    for message in messages:
        for call in message.get("tool_calls", []):
            names[call["id"]] = call["function"]["name"]
        if message["role"] == "tool":
            results[names.get(message.get("tool_call_id", ""), "")] = _content(message)
    return results


def answer(turn: Turn, allowed: set[str]) -> Iterator[str | ToolCall]:
    """Decides what to say or do next."""
    if "create_ticket" in turn.results:
        yield _ticket_told(turn)
    elif "hand_over" in turn.results:
        yield phrases.REFUSED[turn.language]
    elif "search_knowledge" in turn.results:
        yield from _from_knowledge(turn, allowed)
    else:
        yield from _first_move(turn, allowed)


def _first_move(turn: Turn, allowed: set[str]) -> Iterator[str | ToolCall]:
    if turn.has_files and not turn.text:
        yield from _cannot_see(turn, allowed)
        return
    intent = intent_of(turn.text)
    offered_ticket = turn.said_last.startswith(tuple(phrases.NOT_FOUND.values()))
    asked_matter = turn.said_last.startswith(tuple(phrases.ASK_MATTER.values()))
    is_matter = asked_matter and intent == Intent.QUESTION
    if intent == Intent.PERSON and "hand_over" in allowed:
        yield _call("hand_over", reason=in_english(ASKED_FOR_PEOPLE))
    elif "create_ticket" in allowed and (
        intent == Intent.TICKET or is_matter or (intent == Intent.YES and (offered_ticket or asked_matter))
    ):
        yield from _ticket(turn, is_matter=is_matter)
    elif intent == Intent.GREETING:
        yield phrases.GREETING[turn.language]
    elif intent == Intent.THANKS:
        yield phrases.THANKS[turn.language]
    elif intent == Intent.NO:
        yield phrases.DECLINED[turn.language]
    elif "search_knowledge" in allowed:
        yield _call("search_knowledge", query=_chosen(turn) or turn.text)
    else:
        yield phrases.NOT_FOUND[turn.language]


def _cannot_see(turn: Turn, allowed: set[str]) -> Iterator[str | ToolCall]:
    """Says that files mean nothing to rules, and offers somebody who can look."""
    if "offer_choices" in allowed and "offer_choices" not in turn.results:
        yield _call("offer_choices", labels=[phrases.PERSON_BUTTON[turn.language]])
        return
    yield phrases.CANNOT_SEE[turn.language]


def _ticket(turn: Turn, *, is_matter: bool) -> Iterator[str | ToolCall]:
    """Opens a ticket about what was told; asks for it when nothing was."""
    matter = turn.text if is_matter else without_request(turn.text)
    if not matter:
        told = (text for text in reversed(turn.before) if intent_of(text) == Intent.QUESTION)
        matter = next(told, "")
    if not matter:
        yield phrases.ASK_MATTER[turn.language]
        return
    words = plain(matter)
    team = "finance" if FINANCE.search(words) else "sales" if SALES.search(words) else ""
    yield _call(
        "create_ticket",
        subject=_first_sentence(matter),
        description=matter,
        team=team,
        priority="high" if URGENT.search(words) else "normal",
    )


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s|\n", text.strip())[0].strip(" .!")[:120]


def _ticket_told(turn: Turn) -> str:
    result = turn.results["create_ticket"]
    number = re.search(r"#\d+", result)
    if number is None:
        return phrases.REFUSED[turn.language]
    words = phrases.KNOWN if "exists already" in result else phrases.OPENED
    return words[turn.language].format(number=number[0])


def _from_knowledge(turn: Turn, allowed: set[str]) -> Iterator[str | ToolCall]:
    """Quotes above the upper threshold, offers between the two, says so below the lower.

    Buttons are asked for first and the text that goes with them is said after: a model that has nothing more
    to say after a tool would look like one that failed.
    """
    found = parse_result(turn.results["search_knowledge"])
    if found and found[0].certain:
        yield quote(found[0], turn.language)
        return
    if turn.has_files and not found:
        # What the words did not tell may be in the picture.
        yield from _cannot_see(turn, allowed)
        return
    if "offer_choices" in allowed and "offer_choices" not in turn.results:
        ticket, person = phrases.TICKET_BUTTON[turn.language], phrases.PERSON_BUTTON[turn.language]
        titles = [passage.title for passage in found[:3]]
        # None of the three may fit: the way on must not end there.
        yield _call("offer_choices", labels=[*titles, ticket] if titles else [ticket, person])
        return
    words = phrases.OFFER if found and "offer_choices" in allowed else phrases.NOT_FOUND
    yield words[turn.language]


def quote(passage: FoundPassage, language: Language) -> str:
    """Returns a passage as an answer: who speaks, the passage, and the number of its source."""
    lines = _cut(passage.text).strip().splitlines()
    body = "\n".join(f"> {line}" if line.strip() else ">" for line in lines)
    return f"{phrases.QUOTE[language]}\n\n{body} [{passage.number}]"


def _cut(text: str) -> str:
    """Cuts a long passage at the end of a sentence."""
    if len(text) <= LONGEST_QUOTE:
        return text
    head = text[:LONGEST_QUOTE]
    end = max(head.rfind(mark) for mark in (". ", ".\n", "! ", "? ", "\n\n"))
    return f"{head[: end + 1].rstrip()} …" if end > LONGEST_QUOTE // 3 else f"{head.rstrip()}…"


def _chosen(turn: Turn) -> str:
    """The offered article that the customer names by its number ("2", "a segunda" is not understood)."""
    offered = re.search(r"^\[buttons: (.+)\]$", turn.said_last, re.MULTILINE)
    number = plain(turn.text)
    if offered and number.isdecimal() and len(number) == 1:
        labels = offered[1].split(" | ")
        if 1 <= int(number) <= len(labels):
            return labels[int(number) - 1]
    return ""


def _call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(f"call_{name}", name, json.dumps(arguments, ensure_ascii=False))


__all__ = ["TICKET", "QuotingModel", "Turn", "answer", "quote", "read_turn"]
