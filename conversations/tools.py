"""What an agent may do with the conversation it is in."""

from typing import Annotated

from conversations.actions import hand_over as hand_over_action
from conversations.models import Conversation
from core.errors import NotFound
from llm.tools import ToolContext, ToolResult, tool


@tool(
    description="Give the conversation to a person of the team. Use it when the customer asks for a person, "
    "is upset, or when you cannot help. Say nothing afterwards: the customer is told by the system."
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
    hand_over_action(conversation=conversation, by=context.actor, reason=reason)
    return ToolResult("The conversation is with the team now.", ends_run=True)
