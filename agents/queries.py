"""Reads of the agent runtime."""

from django.db.models import Max

from agents.enums import RunStatus
from agents.models import Agent, Run
from conversations.models import Conversation

# A superseded run has answered nothing: the next one answers for it.
SETTLED = (RunStatus.ANSWERED, RunStatus.HANDED_OVER, RunStatus.CANCELLED, RunStatus.FAILED)


def agent_of(inbox_id: int) -> Agent | None:
    """Returns the active agent that answers in an inbox; the first by name when several are set."""
    return Agent.objects.filter(inboxes=inbox_id, is_active=True).order_by("name").first()


def settled_seq(conversation: Conversation) -> int:
    """Returns the number up to which the customer's messages have been dealt with by runs."""
    settled = Run.objects.filter(conversation=conversation, status__in=SETTLED)
    return int(settled.aggregate(last=Max("up_to_seq"))["last"] or 0)
