"""The short transactions around a run: begin, step, finish. No model is asked inside any of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from agents.citations import Cited
from agents.enums import RunStatus
from agents.models import Run, Step
from agents.queries import SETTLED, agent_of, settled_seq
from agents.tasks import answer
from conversations.actions import add_event, hand_over, lock, plan_marking, reply
from conversations.actions.record import save_locked
from conversations.enums import Direction, EventType, Status
from conversations.models import Conversation, Message
from core.actor import Actor
from core.errors import NotFound
from core.queue import defer
from core.storable import storable
from llm.tools import ToolContext, ToolResult, get_tool, refusal
from llm.types import Choice, ToolCall, Usage

# A machine may be restarted several times in a row, but a run that kills its own worker has to end.
MAX_ATTEMPTS = 10
# A customer who goes on writing is answered once for all, but not kept waiting for ever.
START_OVER_WITHIN = timedelta(seconds=15)
# No job takes so long to begin, and no run to end; what is older than a day is for people to find.
OVERLOOKED_AFTER, LONGEST_RUN, LOOKED_BACK = timedelta(seconds=20), timedelta(minutes=2), timedelta(days=1)
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has come to, to be written down."""

    text: str
    cited: Cited
    choices: Sequence[Choice]
    usage: Usage
    model: str


@transaction.atomic(durable=True)
def begin_run(*, conversation_id: UUID | str) -> Run | None:
    """Opens the run that answers what is unanswered, or takes up one whose worker died.

    Returns None when there is nothing to do: people have the conversation, or all is answered. The row lock
    taken here waits for a message that is just being stored, so that none is overlooked.
    """
    system = Actor.system()
    try:
        conversation = lock(conversation_id, by=system)
    except NotFound:  # deleted while the job waited
        return None
    if conversation.status != Status.BOT:
        _close_left(conversation)
        return None
    left = Run.objects.filter(conversation=conversation, status=RunStatus.RUNNING).first()
    if left is not None:
        return _taken_up(left, conversation)
    if conversation.last_contact_seq <= settled_seq(conversation):
        return None
    agent = agent_of(conversation.inbox_id)
    if agent is None:
        hand_over(conversation=conversation, by=system, reason="No agent answers in this inbox.")
        return None
    plan_marking(conversation, typing=True)
    return Run.objects.create(agent=agent, conversation=conversation, up_to_seq=conversation.last_contact_seq)


def _close_left(conversation: Conversation) -> None:
    """Ends a run that was killed between its tool's hand-over and its own end."""
    for run in Run.objects.filter(conversation=conversation, status=RunStatus.RUNNING):
        _close(run, RunStatus.HANDED_OVER)


def _taken_up(run: Run, conversation: Conversation) -> Run | None:
    """Continues a killed run as its next attempt; after too many, people get the conversation."""
    run.attempt += 1
    if run.attempt > MAX_ATTEMPTS:
        _close(run, RunStatus.FAILED, "The run was killed too often.")
        hand_over(conversation=conversation, by=run.agent.as_actor(), reason=run.detail)
        return None
    run.up_to_seq = conversation.last_contact_seq
    run.save(update_fields=["attempt", "up_to_seq"])
    return run


def run_step(*, run: Run, call: ToolCall, number: int) -> ToolResult:
    """Carries out one tool call and its trace in one transaction; a step done before returns its result.

    Refused once the agent no longer owns the conversation: what a model asks for after a person has come in
    has no effect. Ids come from the run, never from the call. A tool that only reads runs before the
    transaction: a customer who writes does not wait for a search.
    """
    call = storable(call)
    if call.name not in run.agent.tools:
        return _take_step(run, call, number, lambda: refusal("you may not use this tool."))
    tool = get_tool(call.name)
    context = ToolContext(run.agent.as_actor(), run.conversation_id, f"{run.pk}:{number}")
    if not tool.only_reads:
        return _take_step(run, call, number, lambda: tool.run(context, call.arguments))
    known = Step.objects.filter(run=run, number=number).first()
    if known is not None:
        return as_result(known)
    found = tool.run(context, call.arguments)
    return _take_step(run, call, number, lambda: found)


@transaction.atomic(durable=True)
def _take_step(run: Run, call: ToolCall, number: int, act: Callable[[], ToolResult]) -> ToolResult:
    """Acts and writes it down, unless that was done before or the agent no longer may."""
    conversation = lock(run.conversation_id, by=Actor.system())
    known = Step.objects.filter(run=run, number=number).first()
    if known is not None:
        return as_result(known)
    if not _is_current(run) or conversation.status != Status.BOT:
        return refusal("the conversation is no longer yours.")
    result = storable(act())  # a refusal may name what the model called an argument
    Step.objects.create(
        run=run, number=number, tool=call.name[:64], call_id=call.id[:120], arguments=call.arguments[:65_536],
        result=result.text, citations=list(result.citations), choices=list(result.choices),
        ends_run=result.ends_run, failed=result.failed,
    )  # fmt: skip
    return result


def as_result(step: Step) -> ToolResult:
    """Returns what a stored step came to."""
    return ToolResult(
        step.result, tuple(step.citations), tuple(step.choices), ends_run=step.ends_run, failed=step.failed
    )


@transaction.atomic(durable=True)
def finish_run(*, run: Run, outcome: Outcome) -> RunStatus:
    """Writes the answer, if it still is one; returns how the run ended.

    Under the conversation's row lock it is asked again whether the agent owns the conversation and whether
    the customer has written more meanwhile; then the answer is dropped, and a new run answers for all.
    """
    conversation = lock(run.conversation_id, by=Actor.system())
    row = Run.objects.select_for_update().get(pk=run.pk)
    if row.status != RunStatus.RUNNING or row.attempt != run.attempt:
        return RunStatus(row.status)
    _note_usage(row, outcome)
    written_more = conversation.last_contact_seq > row.up_to_seq
    if conversation.status != Status.BOT:
        return _dropped(row, conversation, RunStatus.CANCELLED)
    if written_more:
        plan_answer(conversation.pk)
        if _may_start_over(conversation):
            return _dropped(row, conversation, RunStatus.SUPERSEDED)
    reply(
        conversation=conversation, text=outcome.text, by=row.agent.as_actor(), run=row.pk,
        citations=outcome.cited.citations, choices=outcome.choices,
    )  # fmt: skip
    _close(row, RunStatus.ANSWERED)
    return RunStatus.ANSWERED


@transaction.atomic(durable=True)
def end_run(
    *, run: Run, status: RunStatus, detail: str = "", usage: Usage | None = None, model: str = ""
) -> None:
    """Ends a run without an answer: handed over by its tool, stopped by the customer, or failed.

    A failed run gives the conversation to people and tells the customer; nothing is left unanswered.
    """
    conversation = lock(run.conversation_id, by=Actor.system())
    row = Run.objects.select_for_update().get(pk=run.pk)
    if row.status != RunStatus.RUNNING or row.attempt != run.attempt:
        return
    if usage is not None:
        _note_usage(row, Outcome("", Cited("", ()), (), usage, model))
    _dropped(row, conversation, status, detail)
    if status == RunStatus.FAILED:
        hand_over(conversation=conversation, by=row.agent.as_actor(), reason=detail)
    if status == RunStatus.CANCELLED and conversation.last_contact_seq > row.up_to_seq:
        plan_answer(conversation.pk)


def drop_running(conversation: Conversation) -> bool:
    """Ends the running run of a locked conversation that a person has taken; says whether there was one."""
    run = Run.objects.select_for_update().filter(conversation=conversation, status=RunStatus.RUNNING).first()
    if run is None:
        return False
    _close(run, RunStatus.CANCELLED, "A person took over.")
    add_event(conversation, EventType.RUN_CANCELLED, run=str(run.pk))
    return True


def _is_current(run: Run) -> bool:
    return Run.objects.filter(pk=run.pk, status=RunStatus.RUNNING, attempt=run.attempt).exists()


def _may_start_over(conversation: Conversation) -> bool:
    """True while the first unanswered message is young; later, an answer to some of it beats none."""
    unanswered = Message.objects.filter(
        conversation=conversation, direction=Direction.IN, seq__gt=settled_seq(conversation)
    )
    first = unanswered.order_by("seq").first()
    return first is not None and timezone.now() - first.created_at < START_OVER_WITHIN


def plan_answer(conversation_id: UUID | str) -> None:
    """Adds the job that answers a conversation; one, however many messages come before it starts."""
    key = f"agent:{conversation_id}"
    defer(answer, lock=key, queueing_lock=key, conversation_id=str(conversation_id))


def plan_overlooked() -> None:
    """Plans the answers that customers wait for and nobody makes: whatever became of their jobs.

    A job is lost when it fails in a way that nobody thought of. Planned twice is answered once.
    """
    now = timezone.now()
    waiting = Conversation.objects.filter(
        status=Status.BOT, waiting_since__lt=now - OVERLOOKED_AFTER, waiting_since__gt=now - LOOKED_BACK
    )
    runs = Run.objects.filter(conversation=OuterRef("pk"))
    answered = runs.filter(status__in=SETTLED, up_to_seq__gte=OuterRef("last_contact_seq"))
    young = runs.filter(status=RunStatus.RUNNING, started_at__gt=now - LONGEST_RUN)
    # Machines are not answered.
    by_people = Message.objects.filter(
        conversation=OuterRef("pk"), seq=OuterRef("last_contact_seq"), is_automatic=False
    )
    due = waiting.filter(Exists(by_people), ~Exists(answered), ~Exists(young))
    for pk in due.values_list("pk", flat=True)[:AT_ONCE]:
        plan_answer(pk)


def _dropped(run: Run, conversation: Conversation, status: RunStatus, detail: str = "") -> RunStatus:
    """Closes a run whose text is not an answer and tells readers to take it off the screen."""
    _close(run, status, detail)
    superseded = status == RunStatus.SUPERSEDED
    event = EventType.RUN_SUPERSEDED if superseded else EventType.RUN_CANCELLED
    add_event(conversation, event, run=str(run.pk))
    save_locked(conversation)
    return status


def _note_usage(run: Run, outcome: Outcome) -> None:
    run.model = outcome.model[:120]
    run.prompt_tokens += outcome.usage.prompt_tokens
    run.completion_tokens += outcome.usage.completion_tokens
    run.cost += outcome.usage.cost


def _close(run: Run, status: RunStatus, detail: str = "") -> None:
    run.status, run.detail, run.finished_at = status, detail[:300], timezone.now()
    run.save()
