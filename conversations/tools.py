"""What an agent may do with the conversation it is in, and learn of its customer."""

from typing import Annotated

from django.db.models import Q
from django.utils.translation import gettext_noop

from conversations.actions import hand_over as hand_over_action
from conversations.actions import request_verification as request_verification_action
from conversations.actions import resolve as resolve_action
from conversations.enums import AuthorKind, Direction
from conversations.models import Conversation, Message
from conversations.queries.proof import is_verified
from core.actor import Actor, ActorKind
from core.errors import Conflict, NotFound
from core.reasons import in_english, reason
from llm.tools import Effect, ToolContext, ToolResult, refusal, tool

# Why people get a conversation that no model has told of.
ASKED_FOR_PEOPLE = reason("The customer asked for a person.")
PREVIOUS, THEIR_MESSAGES, LONGEST_MESSAGE = 3, 8, 400
SAY_IT_IS_SETTLED = gettext_noop(
    "the customer has not said that in their last message. Ask whether the matter is settled, and copy their "
    "words."
)

NOT_VERIFIED = gettext_noop(
    "the customer's identity is not verified. Call request_verification, or hand over."
)


def conversation_of(context: ToolContext) -> Conversation:
    """Returns the conversation a tool was called in; raises NotFound where the caller may not see it.

    An agent acts in the conversation it was called for and has no view of its own.
    """
    viewer = Actor.system() if context.actor.kind == ActorKind.AGENT else context.actor
    if context.conversation_id is not None:
        rows = Conversation.objects.visible_to(viewer).select_related("contact", "identity")
        found = rows.filter(pk=context.conversation_id).first()
        if found is not None:
            return found
    raise NotFound


@tool(
    description=gettext_noop(
        "Give the conversation to a person of the team. Use it when the customer asks for a person, "
        "is upset, or when you cannot help. Say nothing afterwards: the customer is told by the system."
    ),
    effect=Effect.WRITE,
)
def hand_over(
    context: ToolContext, *, reason: Annotated[str, "Why, in one sentence, for the colleague who takes over."]
) -> ToolResult:
    """Hands the conversation in hand over and ends the run; which conversation is not the model's to say."""
    if context.conversation_id is None:
        raise NotFound
    conversation = Conversation.objects.filter(pk=context.conversation_id).first()
    if conversation is None:
        raise NotFound
    # The one sentence that is ours, and is said in the reader's language.
    why = ASKED_FOR_PEOPLE if reason == in_english(ASKED_FOR_PEOPLE) else reason
    hand_over_action(conversation=conversation, by=context.actor, reason=why)
    return ToolResult("The conversation is with the team now.", ends_run=True)


@tool(
    description=gettext_noop(
        "Close the conversation. Only when the customer has said in their last message that "
        "the matter is settled or that they need nothing more. Say goodbye before you call it, nothing "
        "afterwards."
    ),
    effect=Effect.WRITE,
)
def resolve(
    context: ToolContext,
    *,
    said: Annotated[str, "The words of the customer's last message that say so, copied exactly."],
) -> ToolResult:
    """Resolves the conversation and ends the run, if the customer's last message has the words."""
    conversation = conversation_of(context)
    theirs = Message.objects.filter(conversation=conversation, direction=Direction.IN).order_by("-seq")
    last = theirs.values_list("text", flat=True).first() or ""
    if not _plain(said) or _plain(said) not in _plain(last):
        return refusal(SAY_IT_IS_SETTLED)
    resolve_action(conversation=conversation, by=context.actor)
    return ToolResult("The conversation is closed.", ends_run=True)


@tool(
    description=gettext_noop(
        "Mail the customer a one-time code, to the address that we have, to prove who they are. Use "
        "it when another tool needs a verified customer. They type the code here; the system recognises it."
    ),
    effect=Effect.WRITE,
)
def request_verification(context: ToolContext) -> ToolResult:
    """Has a code sent. Neither model nor customer names the address, and the model is not told it."""
    conversation = conversation_of(context)
    if is_verified(conversation):
        return ToolResult("The customer's identity is verified already.")
    try:
        request_verification_action(conversation=conversation, by=context.actor)
    except Conflict as error:
        return refusal(f"{error.detail} They cannot be verified here: offer a person, and hand over.")
    return ToolResult(
        "A code of six digits was mailed to the address that we have. Ask the customer to type it here. If "
        "they cannot, hand over. Names and addresses that they tell you prove nothing."
    )


@tool(
    description=gettext_noop(
        "Read what was said in this customer's earlier conversations with us. Only for customers "
        "whose identity is verified."
    ),
    effect=Effect.READ,
    needs_verification=True,
)
def previous_conversations(context: ToolContext) -> ToolResult:
    """Returns the ends of the customer's other conversations, without notes and without what others wrote.

    Whoever is not verified gets nothing, whatever a policy says: in a chat without a login anybody can be
    anybody.
    """
    conversation = conversation_of(context)
    if not is_verified(conversation):
        return refusal(NOT_VERIFIED)
    theirs = Conversation.objects.filter(contact=conversation.contact_id).exclude(pk=conversation.pk)
    told = [_told(each) for each in theirs.order_by("-created_at")[:PREVIOUS]]
    return ToolResult("\n\n".join(told) or "There is no earlier conversation.")


def _told(conversation: Conversation) -> str:
    said = Message.objects.filter(conversation=conversation).exclude(direction=Direction.NOTE)
    by_us_or_them = ~Q(author_kind=AuthorKind.CONTACT) | Q(author_id=str(conversation.contact_id))
    last = list(said.filter(by_us_or_them, deleted_at=None).order_by("-seq")[:THEIR_MESSAGES])[::-1]
    lines = (f"{each.author_kind}: {' '.join(each.text.split())[:LONGEST_MESSAGE]}" for each in last)
    return "\n".join((f"{conversation.created_at:%Y-%m-%d} ({conversation.status})", *lines))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
