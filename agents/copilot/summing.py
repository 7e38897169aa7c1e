"""A conversation in short, kept until somebody writes again."""

from django.db.models import QuerySet

from agents.copilot.asking import ask, count, require_model, rules
from agents.copilot.languages import english_name
from agents.enums import SuggestionKind
from agents.models import Suggestion
from conversations.enums import AuthorKind, Direction
from conversations.models import Conversation, Message
from core.actor import Actor
from core.storable import storable
from llm.fence import fence
from llm.types import ChatMessage

# Some five thousand tokens: of a longer conversation the first messages and the newest.
BEGINNING, END = 4_000, 15_000  # characters
LONGEST_MESSAGE = 2_000  # characters
MOST_MESSAGES = 1_000
WHO = {AuthorKind.CONTACT: "customer", AuthorKind.AGENT: "AI agent", AuthorKind.OPERATOR: "operator"}


def stored_summary(conversation: Conversation, *, language: str) -> Suggestion | None:
    """Returns the summary in a language that holds all that was said; None where there is none."""
    kept = _newest(conversation, language)
    return kept if kept is not None and not _after(conversation, kept.up_to_seq).exists() else None


def summarise(*, conversation: Conversation, language: str, by: Actor) -> Suggestion:
    """Sums a conversation up in a language and keeps it; the one that still holds is returned.

    Notes are in it, since operators read it; of what was summed up before, that summary is read. Raises
    Forbidden for who is no staff, NeedsModel without a model, TooMany, and Unavailable when none answers.
    """
    if kept := stored_summary(conversation, language=language):
        return kept
    require_model()
    count(by)
    before = _newest(conversation, language)
    rows = _after(conversation, before.up_to_seq if before else 0).order_by("-seq")[:MOST_MESSAGES]
    said = list(rows)[::-1]
    parts = [fence(before.text, label="summary so far")] if before else []
    parts.append(fence("\n".join(within_budget([_line(message) for message in said])), label="conversation"))
    messages: list[ChatMessage] = [
        rules("summary", language=english_name(language)),
        {"role": "user", "content": "\n\n".join(parts)},
    ]
    answer = ask(messages, purpose="summary", reference=str(conversation.pk))
    return Suggestion.objects.create(
        conversation=conversation,
        kind=SuggestionKind.SUMMARY,
        text=storable(answer.text.strip()),
        up_to_seq=said[-1].seq if said else 0,
        language=language,
        by_id=int(by.id),
        model=answer.model,
        cost=answer.usage.cost,
    )


def within_budget(lines: list[str]) -> list[str]:
    """Returns the first and the newest lines that fit, with one between them that counts what is missing."""
    first = _fitting(lines, BEGINNING)
    newest = _fitting(lines[first:][::-1], END)
    missing = len(lines) - first - newest
    if not missing:
        return lines
    return [*lines[:first], f"({missing} messages are left out here)", *lines[len(lines) - newest :]]


def _fitting(lines: list[str], budget: int) -> int:
    """Says how many of the first lines fit."""
    used = 0
    for number, line in enumerate(lines):
        used += len(line) + 1
        if used > budget:
            return number
    return len(lines)


def _newest(conversation: Conversation, language: str) -> Suggestion | None:
    rows = Suggestion.objects.filter(conversation=conversation, kind=SuggestionKind.SUMMARY)
    return rows.filter(language=language).order_by("-created_at").first()


def _after(conversation: Conversation, seq: int) -> "QuerySet[Message]":
    rows = Message.objects.filter(conversation=conversation, seq__gt=seq)
    return rows.exclude(author_kind=AuthorKind.SYSTEM)


def _line(message: Message) -> str:
    who = "note" if message.direction == Direction.NOTE else WHO.get(AuthorKind(message.author_kind), "us")
    return f"{who}: {message.text[:LONGEST_MESSAGE]}"
