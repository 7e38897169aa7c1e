"""What happened before: past conversations that mean the same, and how they ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from agents.copilot.asking import count
from agents.copilot.drafting import asked
from conversations.enums import AuthorKind, Direction
from conversations.models import Conversation, Message
from conversations.queries.threads import history
from core.actor import Actor
from knowledge.queries import similar_messages

MOST = 5
# Several of the nearest messages may belong to one conversation.
MESSAGES = 40
NEAR = 0.5  # cosine


@dataclass(frozen=True, slots=True)
class Similar:
    """A past conversation. `outcome` is the last thing we said to the customer, "" where nobody did."""

    conversation: Conversation
    score: float
    said: str
    outcome: str


def similar_conversations(*, conversation: Conversation, by: Actor) -> list[Similar]:
    """Returns other conversations in which a customer wrote nearly the same, nearest first.

    Only those the actor may see, which is asked before anything is ranked. Asks no model of others.
    """
    count(by)
    found = similar_messages(asked(history(conversation)), actor=by, limit=MESSAGES, threshold=NEAR)
    nearest: dict[UUID, tuple[float, str]] = {}
    for one in found:
        message = one.message
        if message.author_kind == AuthorKind.CONTACT and message.conversation_id != conversation.pk:
            nearest.setdefault(message.conversation_id, (one.score, message.text))
    chosen = list(nearest)[:MOST]
    rows = Conversation.objects.filter(pk__in=chosen).select_related("contact").in_bulk()
    outcomes = _outcomes(chosen)
    return [Similar(rows[key], *nearest[key], outcomes.get(key, "")) for key in chosen if key in rows]


def _outcomes(ids: Iterable[UUID]) -> dict[UUID, str]:
    said = Message.objects.filter(conversation__in=list(ids), direction=Direction.OUT)
    last = said.order_by("conversation_id", "-seq").distinct("conversation_id")
    return dict(last.values_list("conversation_id", "text"))
