"""What an agent may do with a tool, here and now. Asked in the step's transaction, whatever a prompt says.

Everything is denied but what stands in the agent's list. What a refusal says is for the model: what it is to
do instead.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from agents.enums import ApprovalStatus, Verdict
from agents.models import Agent, Approval, Step, ToolPolicy
from conversations.models import Contact, Conversation
from conversations.queries.proof import is_verified
from llm.tools import Effect, Tool

A_DAY = timedelta(days=1)
# An asked call counts whatever became of it: people are not asked the same all day.
COUNTED = (Verdict.ALLOWED, Verdict.ASKED)
NOT_YOURS = gettext_noop("you may not use this tool.")
UNVERIFIED = gettext_noop(
    "this needs a customer whose identity is verified. Call request_verification if you have it, else hand "
    "over."
)
WAITS = gettext_noop(
    "a colleague has been asked about this already. Tell the customer to wait; do not ask again."
)
TOO_OFTEN = gettext_noop(
    "this was done as often as is allowed here. Offer the customer a person, and hand over if they agree."
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What binds an agent's calls of a tool: its policy where it says something, else the tool's defaults."""

    needs_verification: bool
    needs_approval: bool
    most_per_conversation: int | None = None
    most_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a call, and for the model why nothing is done."""

    verdict: Verdict
    reason: str = ""


def defaults(tool: Tool) -> Terms:
    """Returns the terms of a tool of which no policy speaks: what is dangerous is asked for."""
    return Terms(tool.needs_verification, tool.effect == Effect.DANGEROUS)


def terms(agent_id: int, tool: Tool) -> Terms:
    """Returns the terms that hold for an agent."""
    usual = defaults(tool)
    row = ToolPolicy.objects.filter(agent_id=agent_id, tool=tool.name).first()
    if row is None:
        return usual
    return Terms(
        usual.needs_verification if row.needs_verification is None else row.needs_verification,
        usual.needs_approval if row.needs_approval is None else row.needs_approval,
        row.most_per_conversation,
        row.most_per_day,
    )


def judge(agent_id: int, tool: Tool, conversation: Conversation, *, is_approved: bool = False) -> Judgement:
    """Says whether a call may have its effect; `is_approved` when a person has said yes to it.

    Read anew each time: a tool that is taken away while an answer is made is gone. A person's yes stands for
    the approval and the caps, not for the customer's identity.
    """
    if not Agent.objects.filter(pk=agent_id, tools__contains=[tool.name]).exists():
        return Judgement(Verdict.NOT_ALLOWED, NOT_YOURS)
    held = terms(agent_id, tool)
    if held.needs_verification and not is_verified(conversation):
        return Judgement(Verdict.UNVERIFIED, UNVERIFIED)
    if is_approved:
        return Judgement(Verdict.APPROVED)
    if _is_used_up(held, tool, conversation):
        return Judgement(Verdict.CAPPED, TOO_OFTEN)
    if not held.needs_approval:
        return Judgement(Verdict.ALLOWED)
    pending = Approval.objects.filter(conversation=conversation, status=ApprovalStatus.PENDING)
    if pending.filter(tool=tool.name).exists():
        return Judgement(Verdict.CAPPED, WAITS)
    return Judgement(Verdict.ASKED)


def _is_used_up(held: Terms, tool: Tool, conversation: Conversation) -> bool:
    calls = Step.objects.filter(tool=tool.name, failed=False, verdict__in=COUNTED)
    here = calls.filter(run__conversation=conversation)
    if _reaches(here, held.most_per_conversation):
        return True
    if held.most_per_day is None:
        return False
    # Of a customer with several conversations, one call at a time is counted. Outside a transaction nothing
    # can be held, and nothing is decided.
    people = Contact.objects.filter(pk=conversation.contact_id)
    if connection.in_atomic_block:
        list(people.select_for_update().values("pk"))
    theirs = calls.filter(run__conversation__contact=conversation.contact_id)
    return _reaches(theirs.filter(created_at__gt=timezone.now() - A_DAY), held.most_per_day)


def _reaches(calls: "QuerySet[Step]", most: int | None) -> bool:
    return most is not None and calls[:most].count() >= most
