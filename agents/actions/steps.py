"""The steps of a run: a tool call judged, carried out and written down in one transaction."""

from collections.abc import Callable

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_noop

from agents.actions.approvals import ask
from agents.enums import ApprovalStatus, RunStatus, Verdict
from agents.models import Approval, Run, Step
from agents.outside import UNKNOWN
from agents.policy import NOT_YOURS, Judgement, judge
from agents.toolbox import find_tool
from conversations.actions import lock
from conversations.enums import Status
from conversations.models import Conversation
from core.actor import Actor
from core.errors import NotFound
from core.storable import storable
from llm.tools import Tool, ToolContext, ToolResult, refusal
from llm.types import ToolCall

SAID_NO = gettext_noop("a colleague refused it. Do not try again; tell the customer, and offer a person.")


def run_step(*, run: Run, call: ToolCall, number: int, approval: Approval | None = None) -> ToolResult:
    """Carries out one tool call and its trace in one transaction; a step done before returns its result.

    Refused once the agent no longer owns the conversation: what a model asks for after a person has come in
    has no effect; and where the agent's policy says so. Ids come from the run, never from the call. A tool
    that only reads runs before the transaction: a customer who writes does not wait for a search. One that
    changes somebody else's system is written down as begun, called, and written down as answered: killed in
    between, it is called again with the same key where that system knows keys, and else left as unknown.
    `approval`: a person has decided on this very call.
    """
    step = _Step(run, storable(call), number, approval)
    known = Step.objects.filter(run=run, number=number).first()
    if known is not None:
        return as_result(known)
    step.read()
    return step.call_out() if step.calls_out else step.take()


def carry_out_decided(run: Run) -> None:
    """Does what people have approved since, and notes what they refused, as the next steps of a run."""
    decided = Approval.objects.untold().filter(conversation=run.conversation_id).order_by("asked_at")
    for approval in decided:
        call = ToolCall(approval.call_id, approval.tool, approval.arguments)
        run_step(run=run, call=call, number=next_number(run), approval=approval)


def carry_on_calls(run: Run) -> None:
    """Makes the calls again that a killed worker had begun, where the system asked does nothing twice."""
    for begun in Step.objects.filter(run=run, is_settled=False):
        tool = _found(begun.tool)
        if tool is not None and tool.may_repeat:
            context = ToolContext(run.agent.as_actor(), run.conversation_id, begun.key)
            _settle(begun, tool.run(context, begun.arguments))


def next_number(run: Run) -> int:
    """Returns the number of the next step; calls of tools that do not exist have numbers, but no row."""
    last = Step.objects.filter(run=run).aggregate(last=Max("number"))["last"]
    return 0 if last is None else last + 1


class _Step:
    """One tool call on its way through the policy."""

    def __init__(self, run: Run, call: ToolCall, number: int, approval: Approval | None) -> None:
        self.run, self.call, self.number, self.approval = run, call, number, approval
        self.tool = _found(call.name)
        self.act: Callable[[], ToolResult] = self._run_tool
        self.begun: Step | None = None
        self.is_begun = False

    @property
    def calls_out(self) -> bool:
        """Says whether the call changes somebody else's system."""
        return self.tool is not None and self.tool.calls_out and not self.tool.only_reads

    def call_out(self) -> ToolResult:
        """Notes the call as begun, makes it, and notes what came of it; each in a transaction of its own."""
        self.act = self._begin
        result = self.take()
        return _settle(self.begun, self._run_tool()) if self.begun is not None else result

    def _begin(self) -> ToolResult:
        """Stands for the call while it is made: after a crash this is what is known of it."""
        assert self.tool is not None  # noqa: S101 (narrows the type)
        complaint = self.tool.complaint(self.call.arguments)
        self.is_begun = complaint is None
        return complaint or ToolResult(UNKNOWN, failed=True)

    def read(self) -> None:
        """Lets a tool that only reads do so before the transaction, if it may."""
        if self.tool is None or not self.tool.only_reads or self.approval is not None:
            return
        if judge(self.run.agent_id, self.tool, self.run.conversation).verdict != Verdict.ALLOWED:
            return
        found = self._run_tool()
        self.act = lambda: found

    @transaction.atomic(durable=True)
    def take(self) -> ToolResult:
        """Acts and writes it down, unless that was done before or the agent no longer may."""
        conversation = lock(self.run.conversation_id, by=Actor.system())
        known = Step.objects.filter(run=self.run, number=self.number).first()
        if known is not None:
            return as_result(known)
        if not is_current(self.run) or conversation.status != Status.BOT or not self._is_open():
            return refusal(gettext_noop("the conversation is no longer yours."))
        judgement = self._judge(conversation)
        result = self._carried_out(judgement, conversation)
        if result.failed and judgement.verdict == Verdict.ASKED:
            judgement = Judgement(Verdict.ALLOWED)  # nobody was asked: the arguments were wrong
        result = storable(result)  # a refusal may name what the model called an argument
        self._keep(judgement.verdict, result)
        return result

    def _is_open(self) -> bool:
        """Locks the decision, if there is one, and says whether it may still have an effect."""
        if self.approval is None:
            return True
        rows = Approval.objects.select_for_update(of=("self",)).filter(pk=self.approval.pk).untold()
        self.approval = rows.first()
        return self.approval is not None

    def _judge(self, conversation: Conversation) -> Judgement:
        if self.tool is None:
            return Judgement(Verdict.NOT_ALLOWED, NOT_YOURS)
        if self.approval is not None and self.approval.status == ApprovalStatus.REFUSED:
            return Judgement(Verdict.REFUSED, SAID_NO)
        return judge(self.run.agent_id, self.tool, conversation, is_approved=self.approval is not None)

    def _carried_out(self, judgement: Judgement, conversation: Conversation) -> ToolResult:
        if judgement.reason or self.tool is None:
            return refusal(judgement.reason)
        if judgement.verdict != Verdict.ASKED:
            return self.act()
        return self.tool.complaint(self.call.arguments) or ask(self.run, conversation, self.call)

    def _run_tool(self) -> ToolResult:
        assert self.tool is not None  # noqa: S101 (narrows the type)
        context = ToolContext(self.run.agent.as_actor(), self.run.conversation_id, self._key())
        return self.tool.run(context, self.call.arguments)

    def _key(self) -> str:
        """Names this one call. An approved one has its approval's: no second run can do it again."""
        return f"approval:{self.approval.pk}" if self.approval else f"{self.run.pk}:{self.number}"

    def _keep(self, verdict: Verdict, result: ToolResult) -> None:
        step = Step.objects.create(
            run=self.run, number=self.number, tool=self.call.name[:64], call_id=self.call.id[:120],
            arguments=self.call.arguments[:65_536], result=result.text, citations=list(result.citations),
            choices=list(result.choices), ends_run=result.ends_run, failed=result.failed,
            effect=self.tool.effect if self.tool else "", verdict=verdict,
            approved_by=self.approval.decided_by_name if self.approval else "",
            key=self._key(), is_settled=not self.is_begun,
        )  # fmt: skip
        self.begun = step if self.is_begun else None
        if self.approval is not None:
            Approval.objects.filter(pk=self.approval.pk).update(told_at=timezone.now())


def _settle(begun: Step, result: ToolResult) -> ToolResult:
    """Writes down what came of a call, whoever has the conversation by now."""
    result = storable(result)
    Step.objects.filter(pk=begun.pk).update(result=result.text, failed=result.failed, is_settled=True)
    return result


def _found(name: str) -> Tool | None:
    try:
        return find_tool(name)
    except NotFound:
        return None


def as_result(step: Step) -> ToolResult:
    """Returns what a stored step came to."""
    return ToolResult(
        step.result, tuple(step.citations), tuple(step.choices), ends_run=step.ends_run, failed=step.failed
    )


def is_current(run: Run) -> bool:
    """Says whether this attempt at a run is still the one that acts."""
    return Run.objects.filter(pk=run.pk, status=RunStatus.RUNNING, attempt=run.attempt).exists()
