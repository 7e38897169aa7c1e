"""Calls that wait for a person: asked, decided, carried out once, or let go."""

import json
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import User
from agents.actions.planning import plan_answer
from agents.enums import ApprovalStatus
from agents.models import Approval, Run
from conversations.actions import add_event, hand_over, lock
from conversations.actions.record import add_message, require_staff, save_locked, system_draft
from conversations.enums import EventType, Status
from conversations.models import Conversation
from core.actor import Actor, ActorKind
from core.errors import Conflict, NotFound
from core.language import spoken
from core.reasons import reason
from core.storable import storable
from llm.tools import ToolResult, refusal
from llm.types import ToolCall

# Nobody approves what they cannot read.
LONGEST_ARGUMENTS = 4_000
ASKED = "A colleague was asked whether this may be done; the customer has been told. Wait."
TOO_LONG = gettext_noop("what a colleague has to approve may have 4000 characters. Say it shorter.")
OVERDUE_AT_ONCE = 100


def ask(run: Run, conversation: Conversation, call: ToolCall) -> ToolResult:
    """Keeps a call until a person has decided, tells the desk and the customer, and ends the run.

    The caller holds the conversation's row, and has checked arguments and policy.
    """
    if len(call.arguments) > LONGEST_ARGUMENTS:
        return refusal(TOO_LONG)
    approval = Approval.objects.create(
        run=run, conversation=conversation, tool=call.name, call_id=call.id[:120],
        arguments=call.arguments.strip() or "{}",
        expires_at=timezone.now() + timedelta(minutes=settings.APPROVAL_MINUTES),
    )  # fmt: skip
    add_event(
        conversation, EventType.APPROVAL_ASKED, by=run.agent.as_actor(), is_internal=True,
        approval=str(approval.pk), tool=approval.tool, arguments=storable(json.loads(approval.arguments)),
        expires_at=approval.expires_at.isoformat(),
    )  # fmt: skip
    with translation.override(spoken(conversation.contact.locale)):
        text = _("I am asking a colleague whether this may be done. You will hear of it here.")
    add_message(conversation, system_draft(text))
    save_locked(conversation, "preview")
    return ToolResult(ASKED, ends_run=True)


def approve_call(*, approval: Approval, by: Actor) -> Approval:
    """Lets the call be carried out, with the arguments that were shown; the agent's next run does it, once.

    Idempotent. Raises Forbidden for all but staff, NotFound where the actor does not see the conversation,
    Conflict when it was decided otherwise, is too late, or people have the conversation.
    """
    return _decide(approval, ApprovalStatus.APPROVED, by)


def refuse_call(*, approval: Approval, by: Actor) -> Approval:
    """Has nothing done; the agent is told, and answers the customer. Raises what `approve_call` raises."""
    return _decide(approval, ApprovalStatus.REFUSED, by)


@transaction.atomic
def _decide(approval: Approval, status: ApprovalStatus, by: Actor) -> Approval:
    require_staff(by)
    conversation = lock(approval.conversation_id, by=by)
    row = _locked(approval)
    if row.status == status:
        return row
    if row.status != ApprovalStatus.PENDING:
        raise Conflict(_("This was decided already."))
    if row.expires_at <= timezone.now() or conversation.status != Status.BOT:
        raise Conflict(_("It is too late: the AI agent does not wait for this any more."))
    _close(row, status, conversation, by=by)
    save_locked(conversation)
    plan_answer(conversation.pk)
    return row


def _locked(approval: Approval) -> Approval:
    row = Approval.objects.select_for_update(of=("self",)).filter(pk=approval.pk).first()
    if row is None:
        raise NotFound
    return row


def _close(row: Approval, status: ApprovalStatus, conversation: Conversation, *, by: Actor) -> None:
    """Writes the decision and its event; the caller saves the conversation's numbers."""
    row.status, row.decided_at, row.decided_by_name = status, timezone.now(), by.name[:120]
    if by.kind == ActorKind.OPERATOR:
        row.decided_by = User.objects.filter(pk=by.id).first()
    if status not in {ApprovalStatus.APPROVED, ApprovalStatus.REFUSED}:
        row.told_at = row.decided_at
    row.save()
    add_event(
        conversation, EventType.APPROVAL_DECIDED, by=by, is_internal=True,
        approval=str(row.pk), tool=row.tool, verdict=status.value,
    )  # fmt: skip


def let_go(conversation: Conversation, *, by: Actor) -> None:
    """Ends what waits in a locked conversation that the agent no longer has: it has no effect any more."""
    for row in Approval.objects.select_for_update(of=("self",)).filter(conversation=conversation).open():
        _close(row, ApprovalStatus.CANCELLED, conversation, by=by)


def expire_approvals() -> int:
    """Gives the conversations to people in which nobody decided in time; returns how many calls had expired.

    Plans anew the answers of what was decided but whose job was lost.
    """
    now = timezone.now()
    lost = Approval.objects.untold().filter(decided_at__lt=now - timedelta(seconds=20))
    for conversation in lost.values_list("conversation", flat=True).distinct()[:OVERDUE_AT_ONCE]:
        plan_answer(conversation)
    due = Approval.objects.filter(status=ApprovalStatus.PENDING, expires_at__lte=now).order_by("expires_at")
    found = list(due.select_related("run__agent")[:OVERDUE_AT_ONCE])
    for approval in found:
        _expire(approval)
    return len(found)


@transaction.atomic(durable=True)
def _expire(approval: Approval) -> None:
    try:
        conversation = lock(approval.conversation_id, by=Actor.system())
        row = _locked(approval)
    except NotFound:  # erased meanwhile
        return
    if row.status != ApprovalStatus.PENDING:
        return
    _close(row, ApprovalStatus.EXPIRED, conversation, by=Actor.system())
    save_locked(conversation)
    why = reason("Nobody decided in time whether %s may be done.", row.tool)
    hand_over(conversation=conversation, by=approval.run.agent.as_actor(), reason=why)
