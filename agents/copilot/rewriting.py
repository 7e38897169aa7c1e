"""Texts in another language or tone. Nothing is kept: what comes of it is in the operator's hands."""

from collections.abc import Mapping
from dataclasses import dataclass

from agents.copilot.asking import ask, count, require_model, rules
from agents.copilot.languages import english_name
from agents.grounding import facts
from conversations.enums import AuthorKind
from conversations.models import Conversation, Message
from core.actor import Actor
from core.errors import Invalid
from knowledge.languages import detect, language_or_default
from llm.fence import fence
from llm.types import ChatMessage

LONGEST_TEXT = 10_000  # characters, as the composer takes
READ = 5  # of the customer's messages, to tell their language
TRANSLATE = "translate"
TONES: Mapping[str, str] = {
    "friendlier": "Make it friendlier and warmer.",
    "shorter": "Make it clearly shorter.",
    "formal": "Make it more formal.",
}


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A text in other words. `added` are figures and addresses that the former text did not have.

    `language` is the one it was translated into, "" where only the tone changed.
    """

    text: str
    added: tuple[str, ...]
    language: str = ""


def rewrite(*, conversation: Conversation, text: str, wish: str, by: Actor) -> Rewritten:
    """Returns what an operator wrote in another tone, or (`translate`) in the customer's language.

    Raises Invalid for another wish and for no text or too much, NeedsModel without a model, Forbidden for who
    is no staff, TooMany, and Unavailable when none answers.
    """
    if wish == TRANSLATE:
        return _translated(text, customers_language(conversation), by, str(conversation.pk))
    if wish not in TONES:
        raise Invalid(field="wish")
    return _rewritten(text, TONES[wish], "rewriting", by, str(conversation.pk))


def translate_message(*, message: Message, language: str, by: Actor) -> Rewritten:
    """Returns a message in an operator's language; the message stays as it is. Raises as `rewrite` does."""
    return _translated(message.text, language, by, str(message.conversation_id))


def customers_language(conversation: Conversation) -> str:
    """Returns the language in which the customer wrote last, else that of their browser."""
    said = Message.objects.filter(conversation=conversation, author_kind=AuthorKind.CONTACT)
    texts = said.order_by("-seq").values_list("text", flat=True)[:READ]
    return detect("\n".join(texts)) or language_or_default(conversation.contact.locale)


def _translated(text: str, language: str, by: Actor, reference: str) -> Rewritten:
    wish = f"Translate it into {english_name(language)}."
    made = _rewritten(text, wish, "translation", by, reference)
    return Rewritten(made.text, made.added, language)


def _rewritten(text: str, wish: str, purpose: str, by: Actor, reference: str) -> Rewritten:
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise Invalid(field="text")
    require_model()
    count(by)
    messages: list[ChatMessage] = [
        rules("rewrite", wish=wish),
        {"role": "user", "content": fence(text, label="text")},
    ]
    made = ask(messages, purpose=purpose, reference=reference).text.strip()
    return Rewritten(made, tuple(sorted(facts(made) - facts(text))))
