"""The short transactions around a run: begin, finish, end. No model is asked inside any of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from agents.actions.planning import plan_answer
from agents.actions.spending import note_used
from agents.citations import Cited
from agents.enums import RunStatus, Verdict
from agents.grounding import Check
from agents.models import Approval, Run
from agents.queries import SETTLED, agent_of, settled_seq
from conversations.actions import add_event, hand_over, lock, plan_marking, reply
from conversations.actions.record import save_locked
from conversations.enums import Direction, EventType, Status
from conversations.models import Conversation, Message
from conversations.tools import ASKED_FOR_PEOPLE
from core.actor import Actor
from core.errors import NotFound
from core.reasons import reason
from core.storable import storable
from llm.types import Choice

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
    model: str
    checks: Sequence[Check] = ()
    reused_from: UUID | None = None


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
    if left is not None and not _close_ended(left, conversation):
        return _taken_up(left, conversation)
    is_answered = conversation.last_contact_seq <= settled_seq(conversation)
    if is_answered and not Approval.objects.untold().filter(conversation=conversation).exists():
        return None
    agent = agent_of(conversation.inbox_id)
    if agent is None:
        hand_over(conversation=conversation, by=system, reason=reason("No agent answers in this inbox."))
        return None
    plan_marking(conversation, typing=True)
    return Run.objects.create(agent=agent, conversation=conversation, up_to_seq=conversation.last_contact_seq)


def _close_left(conversation: Conversation) -> None:
    """Ends a run that was killed between its tool's hand-over and its own end."""
    for run in Run.objects.filter(conversation=conversation, status=RunStatus.RUNNING):
        _close(run, _ended_as(run, conversation))


def _close_ended(run: Run, conversation: Conversation) -> bool:
    """Ends a run that was killed between a tool that ends runs and its own end; says whether it was one."""
    last = run.steps.order_by("-number").first()
    if last is None or not last.ends_run:
        return False
    _close(run, _ended_as(run, conversation))
    return True


def _ended_as(run: Run, conversation: Conversation) -> RunStatus:
    """Returns what a run came to that a tool has ended."""
    if conversation.status == Status.RESOLVED:
        return RunStatus.ANSWERED
    is_waiting = conversation.status == Status.BOT and run.steps.filter(verdict=Verdict.ASKED).exists()
    return RunStatus.WAITING if is_waiting else RunStatus.HANDED_OVER


def _taken_up(run: Run, conversation: Conversation) -> Run | None:
    """Continues a killed run as its next attempt; after too many, people get the conversation."""
    run.attempt += 1
    if run.attempt > MAX_ATTEMPTS:
        _close(run, RunStatus.FAILED, reason("The run was killed too often."))
        hand_over(conversation=conversation, by=run.agent.as_actor(), reason=run.detail)
        return None
    run.up_to_seq = conversation.last_contact_seq
    run.save(update_fields=["attempt", "up_to_seq"])
    return run


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
    _note(row, outcome.model, outcome.checks)
    row.reused_from_id = outcome.reused_from
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
    *,
    run: Run,
    status: RunStatus,
    detail: str = "",
    model: str = "",
    checks: Sequence[Check] = (),
) -> None:
    """Ends a run without an answer: handed over or otherwise ended by its tool, stopped, or failed.

    A failed run gives the conversation to people and tells the customer; nothing is left unanswered.
    """
    conversation = lock(run.conversation_id, by=Actor.system())
    row = Run.objects.select_for_update().get(pk=run.pk)
    if row.status != RunStatus.RUNNING or row.attempt != run.attempt:
        return
    _note(row, model, checks)
    if status == RunStatus.HANDED_OVER:
        status = _ended_as(row, conversation)
    _dropped(row, conversation, status, detail)
    if status in {RunStatus.FAILED, RunStatus.HANDED_OVER}:
        # Nothing happens where a tool did it. Who presses the button gets people, whatever the agent may do.
        hand_over(conversation=conversation, by=row.agent.as_actor(), reason=detail or ASKED_FOR_PEOPLE)
    if status == RunStatus.CANCELLED and conversation.last_contact_seq > row.up_to_seq:
        plan_answer(conversation.pk)


def drop_running(conversation: Conversation) -> bool:
    """Ends the running run of a locked conversation that a person has taken; says whether there was one."""
    run = Run.objects.select_for_update().filter(conversation=conversation, status=RunStatus.RUNNING).first()
    if run is None:
        return False
    _close(run, RunStatus.CANCELLED, reason("A person took over."))
    add_event(conversation, EventType.RUN_CANCELLED, run=str(run.pk))
    return True


def _may_start_over(conversation: Conversation) -> bool:
    """True while the first unanswered message is young; later, an answer to some of it beats none."""
    unanswered = Message.objects.filter(
        conversation=conversation, direction=Direction.IN, seq__gt=settled_seq(conversation)
    )
    first = unanswered.order_by("seq").first()
    return first is not None and timezone.now() - first.created_at < START_OVER_WITHIN


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


def _note(run: Run, model: str, checks: Sequence[Check]) -> None:
    run.model, run.checks = model[:120], storable(list(checks))


def _close(run: Run, status: RunStatus, detail: str = "") -> None:
    """Ends a run with what it has cost. What a call comes to that is still under way is added by it."""
    Run.objects.select_for_update().get(pk=run.pk)
    note_used(run)
    run.status, run.detail, run.finished_at = status, detail[:300], timezone.now()
    run.save()
