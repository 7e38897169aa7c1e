"""What happened in conversations, counted from their rows.

Administrators, and keys for all teams, count everything; leads, and keys of teams, what is their teams' or
nobody's; operators what is assigned to them. What was done twice is counted as it stands now: a conversation
that was resolved and opened again is not resolved.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import CharField, Count, F, Q, QuerySet, Value
from django.db.models.functions import Cast

from accounts.models import Team, User
from accounts.queries import seen_by_team
from conversations.enums import AuthorKind, Direction, Status
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor
from core.errors import Forbidden
from core.spans import Percentile, Span, seconds_between

# What rows may be told apart by, and where a conversation says it.
GROUPS = {"team": "team__slug", "inbox": "inbox_id", "channel": "inbox__channel", "operator": "assignee_id"}
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which conversations are counted beside what the asker may count, and by what they are told apart."""

    team: Team | None = None
    inbox: Inbox | None = None
    by: str | None = None


@dataclass(slots=True)
class Line:
    """The figures of one step, and of one group where rows are told apart; a group without a name is None."""

    start: date
    group: str | None
    figures: Figures = field(default_factory=dict)


def may_count(actor: Actor) -> Q:
    """Returns the condition for rows with team and assignee that the actor may count; raises Forbidden."""
    if not actor.is_staff:
        raise Forbidden
    if actor.is_admin:
        return Q()
    return seen_by_team(actor) if actor.leads else Q(assignee_id=actor.id)


def opened_and_resolved(span: Span, *, actor: Actor, narrowed: Narrowed) -> list[Line]:
    """Returns how many conversations were begun (`opened`) and how many `resolved`."""
    rows = counted(actor, narrowed)
    lines = Lines(span, narrowed.by, {"opened": 0, "resolved": 0})
    group = GROUPS.get(narrowed.by or "")
    lines.add(tally(span.within(rows, "created_at"), group, opened=Count("pk")))
    lines.add(tally(span.within(rows, "resolved_at"), group, resolved=Count("pk")))
    return lines.ordered()


def open_now(*, actor: Actor, narrowed: Narrowed) -> dict[str, int]:
    """Returns how many conversations stand in each status that is not resolved, at this moment."""
    rows = counted(actor, narrowed).exclude(status=Status.RESOLVED).values("status").annotate(n=Count("pk"))
    found = dict(rows.order_by().values_list("status", "n"))
    return {status.value: found.get(status.value, 0) for status in Status if status != Status.RESOLVED}


def first_replies(span: Span, *, actor: Actor, narrowed: Narrowed) -> list[Line]:
    """Returns how long customers waited for the first reply, of a person or an agent, in seconds.

    Conversations count where they began; those without a reply count in none of the figures.
    """
    replied = counted(actor, narrowed).filter(first_reply_at__isnull=False)
    return _times(span, replied, "created_at", "first_reply_at", narrowed.by, at="created_at")


def resolutions(span: Span, *, actor: Actor, narrowed: Narrowed) -> list[Line]:
    """Returns how long it took from a conversation's beginning until it was resolved, in seconds."""
    rows = counted(actor, narrowed)
    return _times(span, rows, "created_at", "resolved_at", narrowed.by, at="resolved_at")


def operators(span: Span, *, actor: Actor, narrowed: Narrowed) -> list[Line]:
    """Returns for each operator `replies` they wrote, and of the conversations that are theirs how many were
    `resolved` and how long customers waited for the first reply (`median` and `p90` seconds).
    """  # noqa: D205 (the first sentence is long)
    rows = counted(actor, narrowed).filter(assignee__isnull=False)
    lines = Lines(span, "operator", {"replies": 0, "resolved": 0, "median": None, "p90": None})
    lines.add(tally(span.within(_replies(actor, narrowed), "created_at"), "author_id", replies=Count("pk")))
    lines.add(tally(span.within(rows, "resolved_at"), "assignee_id", resolved=Count("pk")))
    waited = seconds_between("created_at", "first_reply_at")
    replied = span.within(rows.filter(first_reply_at__isnull=False), "created_at")
    lines.add(tally(replied, "assignee_id", median=Percentile(waited, 0.5), p90=Percentile(waited, 0.9)))
    return lines.ordered()


def counted(actor: Actor, narrowed: Narrowed) -> "QuerySet[Conversation]":
    """Returns the conversations that are counted."""
    return _chosen(narrowed).filter(may_count(actor))


def tally(rows: "QuerySet[Any]", group: str | None, **figures: Any) -> "QuerySet[Any, Any]":
    """Returns (start, group, figures) of rows that have a `start`; the group as text."""
    name = Cast(F(group), CharField()) if group else Value(None, CharField(null=True))
    found: QuerySet[Any, Any] = rows.values("start", told=name).annotate(**figures).order_by()
    return found


class Lines:
    """Figures of several statements, put together by step and group.

    Where nothing is told apart every step has a line, else every step and group of which there is something.
    """

    def __init__(self, span: Span, by: str | None, nothing: Figures) -> None:
        self._nothing = nothing
        self._lines: dict[tuple[date, str | None], Line] = {}
        if by is None:
            for start in span.steps():
                self._line(start, None)

    def add(self, rows: "QuerySet[Any, Any]") -> None:
        """Takes what `tally` returned."""
        for row in rows:
            line = self._line(row.pop("start"), row.pop("told"))
            line.figures.update(row)

    def ordered(self) -> list[Line]:
        """Returns the lines, the earliest first."""
        return sorted(self._lines.values(), key=lambda line: (line.start, line.group or ""))

    def _line(self, start: date, group: str | None) -> Line:
        return self._lines.setdefault((start, group), Line(start, group, dict(self._nothing)))


def names_of(by: str | None, groups: set[str]) -> Mapping[str, str]:
    """Returns what people call the groups of a report."""
    named: dict[str, Callable[[], Any]] = {
        "team": lambda: Team.objects.filter(slug__in=groups).values_list("slug", "name"),
        "inbox": lambda: Inbox.objects.filter(pk__in=groups).values_list("pk", "name"),
        "operator": lambda: ((row.pk, row.display_name) for row in User.objects.filter(pk__in=groups)),
    }
    return {str(key): name for key, name in named[by]()} if by in named else {name: name for name in groups}


def _times(span: Span, rows: "QuerySet[Any]", begin: str, end: str, by: str | None, *, at: str) -> list[Line]:
    lines = Lines(span, by, {"conversations": 0, "median": None, "p90": None})
    took = seconds_between(begin, end)
    figures = {"conversations": Count("pk"), "median": Percentile(took, 0.5), "p90": Percentile(took, 0.9)}
    lines.add(tally(span.within(rows, at), GROUPS.get(by or ""), **figures))
    return lines.ordered()


def _replies(actor: Actor, narrowed: Narrowed) -> "QuerySet[Message]":
    """What operators wrote to customers; neither what programs did with a key, nor what came from a phone."""
    written = Message.objects.filter(author_kind=AuthorKind.OPERATOR, direction=Direction.OUT)
    rows = written.filter(author_id__regex="^[0-9]+$")
    if may_count(actor) == Q() and narrowed.team is None and narrowed.inbox is None:
        return rows
    if actor.leads:
        return rows.filter(conversation__in=counted(actor, narrowed))
    # An operator's own, whoever has the conversation by now.
    return rows.filter(author_id=actor.id, conversation__in=_chosen(narrowed))


def _chosen(narrowed: Narrowed) -> "QuerySet[Conversation]":
    rows = Conversation.objects.all()
    rows = rows if narrowed.team is None else rows.filter(team=narrowed.team)
    return rows if narrowed.inbox is None else rows.filter(inbox=narrowed.inbox)
