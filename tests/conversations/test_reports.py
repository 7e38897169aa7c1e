"""Figures of conversations: right to the second, by the clocks of the place, and only what one may count."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.enums import Role
from accounts.models import Team, User
from conversations.actions import Sender, assign, receive, reply, resolve
from conversations.models import Conversation, Inbox, Message
from conversations.queries.reports import (
    Line,
    Narrowed,
    first_replies,
    names_of,
    open_now,
    opened_and_resolved,
    operators,
    resolutions,
)
from core.actor import Actor, ActorKind
from core.errors import Forbidden
from core.spans import Span, Step
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
OCTOBER = Span(date(2026, 10, 1), date(2026, 10, 31), Step.MONTH)
ALL = Narrowed()
Past = Callable[..., Conversation]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def past(inbox: Inbox) -> Past:
    """Makes a conversation of a moment, with a first reply and an end so many minutes after."""

    def make(
        at: str, *, where: Inbox = inbox, replied: int | None = None, resolved: int | None = None, **more: Any
    ) -> Conversation:
        begun = moment(at)
        row = receive(
            inbox=where, sender=Sender(f"{at} {where.pk} {replied} {resolved}"), text="Olá"
        ).conversation
        if resolved is not None:
            resolve(conversation=row, by=SYSTEM)
            more["resolved_at"] = begun + timedelta(minutes=resolved)
        if replied is not None:
            more["first_reply_at"] = begun + timedelta(minutes=replied)
        Conversation.objects.filter(pk=row.pk).update(created_at=begun, **more)
        return row

    return make


@pytest.fixture
def elsa(team: Team) -> User:
    """Who leads the support team."""
    return make_user("elsa", Role.LEAD, team)


@pytest.fixture
def finance(other_team: Team) -> Inbox:
    return Inbox.objects.create(name="Finance", channel="api", team=other_team)


def shown(lines: list[Line], *names: str) -> list[tuple[Any, ...]]:
    return [(str(line.start), line.group, *(line.figures[name] for name in names)) for line in lines]


def test_each_day_has_a_line_and_days_end_by_the_clocks_of_the_place(past: Past) -> None:
    past("2026-10-02T02:30")  # still the first of October in São Paulo
    past("2026-10-02T03:30")
    past("2026-10-03T12:00", resolved=24 * 60)
    past("2026-10-06T12:00")
    days = (date(2026, 10, 1), date(2026, 10, 4), Step.DAY)
    here = opened_and_resolved(Span(*days, "America/Sao_Paulo"), actor=SYSTEM, narrowed=ALL)
    assert [row[2:] for row in shown(here, "opened", "resolved")] == [(1, 0), (1, 0), (1, 0), (0, 1)]
    there = opened_and_resolved(Span(*days), actor=SYSTEM, narrowed=ALL)
    assert [row[2:] for row in shown(there, "opened", "resolved")] == [(0, 0), (2, 0), (1, 0), (0, 1)]


def test_weeks_and_months_are_summed(past: Past) -> None:
    for day in (1, 2, 5, 30):
        past(f"2026-10-{day:02}T12:00")
    weeks = opened_and_resolved(
        Span(date(2026, 10, 1), date(2026, 10, 11), Step.WEEK), actor=SYSTEM, narrowed=ALL
    )
    assert shown(weeks, "opened") == [("2026-09-28", None, 2), ("2026-10-05", None, 1)]
    assert shown(opened_and_resolved(OCTOBER, actor=SYSTEM, narrowed=ALL), "opened") == [
        ("2026-10-01", None, 4)
    ]


@pytest.mark.parametrize("by", ["team", "inbox", "channel"])
def test_groups_are_told_apart(past: Past, finance: Inbox, inbox: Inbox, by: str) -> None:
    past("2026-10-01T12:00")
    past("2026-10-01T13:00", where=finance)
    past("2026-10-01T14:00", where=finance)
    found = opened_and_resolved(OCTOBER, actor=SYSTEM, narrowed=Narrowed(by=by))
    names = {
        "team": {"support": 1, "finance": 2},
        "inbox": {str(inbox.pk): 1, str(finance.pk): 2},
        "channel": {"web": 1, "api": 2},
    }
    assert {line.group: line.figures["opened"] for line in found} == names[by]
    assert len(names_of(by, {str(line.group) for line in found})) == 2


def test_one_team_or_inbox_can_be_counted_alone(past: Past, finance: Inbox, other_team: Team) -> None:
    past("2026-10-01T12:00")
    past("2026-10-01T13:00", where=finance)
    for narrowed in (Narrowed(team=other_team), Narrowed(inbox=finance)):
        assert shown(opened_and_resolved(OCTOBER, actor=SYSTEM, narrowed=narrowed), "opened")[0][2] == 1
        assert sum(open_now(actor=SYSTEM, narrowed=narrowed).values()) == 1


def test_half_waited_less_than_the_median_and_nine_tenths_less_than_p90(past: Past) -> None:
    for number in range(11):
        past(f"2026-10-{number + 1:02}T12:00", replied=number * 10, resolved=number * 100)
    past("2026-10-20T12:00")
    replies = first_replies(OCTOBER, actor=SYSTEM, narrowed=ALL)
    assert shown(replies, "conversations", "median", "p90") == [("2026-10-01", None, 11, 3000, 5400)]
    took = resolutions(OCTOBER, actor=SYSTEM, narrowed=ALL)
    assert shown(took, "conversations", "median", "p90") == [("2026-10-01", None, 11, 30000, 54000)]


def test_a_step_without_any_has_no_median(past: Past) -> None:
    found = first_replies(OCTOBER, actor=SYSTEM, narrowed=ALL)
    assert shown(found, "conversations", "median", "p90") == [("2026-10-01", None, 0, None, None)]


def test_what_was_opened_again_is_not_resolved_and_stands_among_the_open(past: Past, inbox: Inbox) -> None:
    row = past("2026-10-01T12:00", resolved=5)
    assert shown(opened_and_resolved(OCTOBER, actor=SYSTEM, narrowed=ALL), "resolved")[0][2] == 1
    receive(inbox=inbox, sender=Sender(row.identity.external_id), text="Ainda não")
    assert shown(opened_and_resolved(OCTOBER, actor=SYSTEM, narrowed=ALL), "resolved")[0][2] == 0
    assert open_now(actor=SYSTEM, narrowed=ALL) == {"bot": 0, "open": 1, "snoozed": 0}


def test_everybody_counts_what_they_may(
    *, past: Past, finance: Inbox, ana: User, elsa: User, bruno: User, clara: User, team: Team
) -> None:
    mine = past("2026-10-01T12:00")
    past("2026-10-02T12:00")
    past("2026-10-03T12:00", where=finance)
    past("2026-10-04T12:00", where=finance)
    past("2026-10-05T12:00", where=finance, team=None)
    assign(conversation=mine, to=bruno, by=SYSTEM)
    of_team = Actor(ActorKind.API_KEY, "1", "key", leads=True, team_ids=frozenset({team.pk}))
    actors = {"ana": ana.as_actor(), "elsa": elsa.as_actor(), "bruno": bruno.as_actor()}
    actors |= {"clara": clara.as_actor(), "key": of_team}
    counts = {
        name: shown(opened_and_resolved(OCTOBER, actor=actor, narrowed=ALL), "opened")[0][2]
        for name, actor in actors.items()
    }
    assert counts == {"ana": 5, "elsa": 3, "bruno": 1, "clara": 0, "key": 3}
    for read in (opened_and_resolved, first_replies, resolutions, operators):
        with pytest.raises(Forbidden):
            read(OCTOBER, actor=Actor(ActorKind.AGENT, "1", "Lia"), narrowed=ALL)


def test_operators_are_told_with_their_replies_and_what_is_theirs(
    past: Past, bruno: User, clara: User, elsa: User, finance: Inbox
) -> None:
    done = past("2026-10-01T12:00", replied=10, resolved=60)
    Conversation.objects.filter(pk=done.pk).update(assignee=bruno)
    for _ in range(3):
        reply(conversation=done, text="Olá", by=bruno.as_actor())
    reply(conversation=past("2026-10-02T12:00", where=finance), text="Olá", by=clara.as_actor())
    program = Actor(ActorKind.API_KEY, str(bruno.pk), "Shop", is_admin=True)
    reply(conversation=done, text="Olá", by=program)
    Message.objects.update(created_at=moment("2026-10-03T12:00"))
    Conversation.objects.filter(pk=done.pk).update(first_reply_at=moment("2026-10-01T12:10"))

    def told(actor: Actor) -> list[tuple[Any, ...]]:
        found = operators(OCTOBER, actor=actor, narrowed=ALL)
        return [row[1:] for row in shown(found, "replies", "resolved", "median")]

    of_bruno = (str(bruno.pk), 3, 1, 600)
    assert told(SYSTEM)[0] == of_bruno
    assert told(SYSTEM)[1][:3] == (str(clara.pk), 1, 0)
    assert told(elsa.as_actor()) == told(bruno.as_actor()) == [of_bruno]
    assert [row[0] for row in told(clara.as_actor())] == [str(clara.pk)]
    assert names_of("operator", {str(bruno.pk)}) == {str(bruno.pk): "Bruno"}
