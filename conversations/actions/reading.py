"""Signs of life that leave no event: read marks and typing."""

from uuid import UUID

from conversations.actions.marking import plan_marking
from conversations.groups import DESK_ALL, conversation_group, desk_group
from conversations.models import Conversation
from core.actor import Actor
from core.errors import NotFound
from core.realtime import publish, send


def read_by_contact(*, conversation_id: UUID, seq: int) -> None:
    """Moves the customer's read mark forward, never back nor past the end, and shows it to the desk."""
    rows = Conversation.objects.filter(pk=conversation_id, read_by_contact_seq__lt=seq, last_seq__gte=seq)
    if rows.update(read_by_contact_seq=seq):
        publish(
            [conversation_group(conversation_id)],
            {"type": "read", "conversation": str(conversation_id), "seq": seq},
        )


def read_by_operator(*, conversation: Conversation, seq: int, by: Actor) -> None:
    """Marks the conversation as seen by the team up to `seq`, never back nor past the end.

    Plans to tell the provider, where a channel can be told.
    """
    rows = Conversation.objects.visible_to(by).filter(pk=conversation.pk)
    if not rows.exists():
        raise NotFound
    if rows.filter(read_by_operator_seq__lt=seq, last_seq__gte=seq).update(read_by_operator_seq=seq):
        # Only what the customer wrote can be told to have been read.
        if conversation.read_by_operator_seq < conversation.last_contact_seq <= seq:
            plan_marking(conversation)
        publish(
            [desk_group(conversation.team_id), DESK_ALL],
            {"type": "hint", "conversation": str(conversation.pk), "seq": conversation.last_seq},
        )


async def set_typing(*, conversation_id: UUID | str, who: str, name: str, on: bool) -> None:
    """Tells the other side that somebody types. `who`: contact, agent or operator. Nothing is stored."""
    group = conversation_group(conversation_id)
    frame = {"type": "typing", "conversation": str(conversation_id), "who": who, "name": name, "on": on}
    await send([group], frame)
