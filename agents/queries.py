"""Reads of the agent runtime."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import CharField, Count, Exists, Max, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from agents.enums import RunStatus
from agents.models import Agent, AgentQuerySet, Run, RunQuerySet
from conversations.enums import AuthorKind, Direction, EventType, Status
from conversations.models import Conversation, Event, Inbox, Message
from conversations.queries.reports import Line, Lines, Narrowed, counted, may_count, tally
from conversations.queries.threads import messages_for_frames
from core.actor import Actor
from core.errors import NotFound
from core.spans import Span
from llm.models import ModelCall

# A superseded run has answered nothing: the next one answers for it.
SETTLED = (
    RunStatus.ANSWERED,
    RunStatus.HANDED_OVER,
    RunStatus.CANCELLED,
    RunStatus.FAILED,
    RunStatus.WAITING,
)
# What the ledger says of each call, and what no call sums up to.
ASKED: dict[str, type[int | Decimal]] = {"prompt_tokens": int, "completion_tokens": int, "cost": Decimal}
MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """How far a customer's message has been answered.

    `status` is the conversation's. Without a `message` that `is_final`, there is nothing to wait for: people
    have the conversation, or the agent was stopped.
    """

    question: Message
    status: Status
    message: Message | None
    run: Run | None
    is_final: bool


def agent_of(inbox_id: int) -> Agent | None:
    """Returns the active agent that answers in an inbox; the first by name when several are set."""
    return Agent.objects.filter(inboxes=inbox_id, is_active=True).order_by("name", "pk").first()


def settled_seq(conversation: Conversation) -> int:
    """Returns the number up to which the customer's messages have been dealt with by runs."""
    settled = Run.objects.filter(conversation=conversation, status__in=SETTLED)
    return int(settled.aggregate(last=Max("up_to_seq"))["last"] or 0)


def answer_to(question: Message) -> Answer:
    """Returns what was said to a customer's message: the agent's answer to it, or the next word of others.

    An answer of the agent counts when its run took the message in; campaigns answer nobody.
    """
    # In this order: what is final by the first two is seen with its message by the third.
    status = Conversation.objects.filter(pk=question.conversation_id).values_list("status", flat=True).first()
    runs = Run.objects.filter(conversation=question.conversation_id, up_to_seq__gte=question.seq)
    is_settled = runs.filter(status__in=SETTLED).exists()
    said = messages_for_frames(Message.objects.filter(conversation=question.conversation_id))
    answers = said.filter(seq__gt=question.seq, direction=Direction.OUT).exclude(details__has_key="campaign")
    by_others = ~Q(author_kind=AuthorKind.AGENT)
    message = answers.filter(by_others | Q(run__in=runs.values("pk"))).order_by("seq").first()
    run = runs.filter(pk=message.run).first() if message and message.run else None
    is_final = message is not None or status != Status.BOT or is_settled
    return Answer(question, Status(status or Status.RESOLVED), message, run, is_final)


def runs_of_agents(span: Span, *, actor: Actor, narrowed: Narrowed) -> list[Line]:
    """Returns what agents did: `runs`, how many `answered`, handed over or failed, their tokens and `cost`.

    `alone` counts the conversations in which an agent answered and none ever handed over. What models were
    asked is read from the ledger: every try is in it, in US dollars. A run counts where it began, and where
    the asker may count its conversation. Of `helpful` and `not_helpful` answers customers said so, and
    `helpful_share` is the share of the first in both, None where nobody said anything.
    """
    handed = Run.objects.filter(conversation=OuterRef("conversation"), status=RunStatus.HANDED_OVER)
    said = Message.objects.filter(run=OuterRef("pk")).values("helpful")
    rows = span.within(_runs(actor, narrowed), "started_at")
    rows = rows.annotate(gave_up=Exists(handed), rated=Subquery(said))
    for name in ASKED:
        rows = rows.annotate(**{f"asked_{name}": _ledger(name)})
    figures = {
        "runs": Count("pk"),
        "answered": Count("pk", filter=Q(status=RunStatus.ANSWERED)),
        "handed_over": Count("pk", filter=Q(status=RunStatus.HANDED_OVER)),
        "failed": Count("pk", filter=Q(status=RunStatus.FAILED)),
        "alone": Count("conversation", distinct=True, filter=Q(status=RunStatus.ANSWERED, gave_up=False)),
        "helpful": Count("pk", filter=Q(rated=True)),
        "not_helpful": Count("pk", filter=Q(rated=False)),
        **{name: Coalesce(Sum(f"asked_{name}"), kind(0)) for name, kind in ASKED.items()},
    }
    lines = Lines(span, narrowed.by, dict.fromkeys(figures, 0))
    lines.add(tally(rows, "agent_id" if narrowed.by == "agent" else None, **figures))
    found = lines.ordered()
    for line in found:
        line.figures["helpful_share"] = _share(line.figures["helpful"], line.figures["not_helpful"])
    return found


def _share(part: int, rest: int) -> float | None:
    return round(part / (part + rest), 4) if part + rest else None


def reasons_for_people(span: Span, *, actor: Actor, narrowed: Narrowed) -> list[tuple[str, int]]:
    """Returns why conversations came from agents to people, the most frequent first, with how often."""
    handed = _runs(actor, narrowed).filter(status=RunStatus.HANDED_OVER)
    told = Event.objects.filter(
        conversation__in=span.within(handed, "started_at").values("conversation"),
        type=EventType.CONVERSATION_UPDATED,
        payload__has_key="reason",
    )
    counts = span.within(told, "created_at").values(reason=KT("payload__reason")).annotate(n=Count("pk"))
    return list(counts.order_by("-n", "reason").values_list("reason", "n")[:MOST_REASONS])


def agent_names(ids: Iterable[str]) -> dict[str, str]:
    """Returns what the agents are called, by their numbers as text."""
    return {str(pk): name for pk, name in Agent.objects.filter(pk__in=ids).values_list("pk", "name")}


def _runs(actor: Actor, narrowed: Narrowed) -> "QuerySet[Run]":
    everything = may_count(actor) == Q() and narrowed.team is None and narrowed.inbox is None
    rows = Run.objects.all()
    return rows if everything else rows.filter(conversation__in=counted(actor, narrowed))


def _ledger(name: str) -> Subquery:
    """What the calls of a run sum up to."""
    calls = ModelCall.objects.filter(reference=Cast(OuterRef("pk"), CharField())).order_by()
    return Subquery(calls.values("reference").annotate(total=Sum(name)).values("total"))


def agents_for(actor: Actor) -> AgentQuerySet:
    """Returns the agents that the actor sees, each with those of its inboxes that the actor sees."""
    seen = Prefetch("inboxes", Inbox.objects.visible_to(actor).order_by("pk"), to_attr="seen_inboxes")
    return AgentQuerySet(Agent).visible_to(actor).prefetch_related(seen)


def agent_by_id(agent_id: int, *, actor: Actor) -> Agent:
    """Returns the agent; raises NotFound when there is none or the actor may not see it."""
    found = agents_for(actor).filter(pk=agent_id).first()
    if found is None:
        raise NotFound
    return found


def sees_all_inboxes(agent: Agent, actor: Actor) -> bool:
    """Says whether the actor sees every inbox in which the agent answers: whom a change would concern."""
    return not agent.inboxes.exclude(pk__in=Inbox.objects.visible_to(actor)).exists()


def runs_for(actor: Actor) -> RunQuerySet:
    """Returns the runs of conversations that the actor sees, each with its agent."""
    return RunQuerySet(Run).visible_to(actor).select_related("agent")


def run_by_id(run_id: UUID, *, actor: Actor) -> Run:
    """Returns the run with its steps; raises NotFound when there is none or the actor may not see it."""
    found = runs_for(actor).filter(pk=run_id).prefetch_related("steps").first()
    if found is None:
        raise NotFound
    return found
