"""Figures of tickets."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from accounts.models import Team, User
from conversations.models import Conversation
from conversations.queries.reports import Narrowed
from core.actor import Actor
from core.spans import Span, Step
from tickets.actions import create_ticket, update_ticket
from tickets.models import Ticket
from tickets.queries import opened_and_solved, unsolved_now

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
DAYS = Span(date(2026, 10, 2), date(2026, 10, 4))


def made(opened: int, solved: int | None = None, **more: Any) -> Ticket:
    ticket = create_ticket(by=SYSTEM, subject=f"Pedido {opened} {solved} {more}")
    if solved is not None:
        update_ticket(ticket=ticket, by=SYSTEM, status="solved")
        more["solved_at"] = datetime(2026, 10, solved, 12, tzinfo=UTC)
    Ticket.objects.filter(pk=ticket.pk).update(created_at=datetime(2026, 10, opened, 12, tzinfo=UTC), **more)
    return ticket


def figures(actor: Actor = SYSTEM, **more: Any) -> list[tuple[Any, ...]]:
    found = opened_and_solved(DAYS, actor=actor, narrowed=Narrowed(**more))
    return [(line.figures["opened"], line.figures["solved"], line.figures["backlog"]) for line in found]


def test_the_backlog_is_what_was_left_at_the_end_of_each_day() -> None:
    made(1)  # since ever
    made(1, solved=1)
    made(1, solved=3)
    made(2, solved=2)
    made(4)
    made(5)
    assert figures() == [(1, 1, 2), (0, 1, 1), (1, 0, 2)]


def test_groups_are_told_apart_and_narrowed(team: Team, other_team: Team, bruno: User) -> None:
    made(2, team=team, assignee=bruno)
    made(3, team=other_team)
    month = Span(date(2026, 10, 1), date(2026, 10, 31), Step.MONTH)
    by_team = opened_and_solved(month, actor=SYSTEM, narrowed=Narrowed(by="team"))
    assert [(line.group, line.figures["opened"]) for line in by_team] == [("finance", 1), ("support", 1)]
    by_operator = opened_and_solved(month, actor=SYSTEM, narrowed=Narrowed(by="operator"))
    assert {line.group for line in by_operator} == {None, str(bruno.pk)}
    assert sum(row[0] for row in figures(team=team)) == 1


def test_operators_count_what_is_theirs_and_see_none_of_others(
    bruno: User, clara: User, other_team: Team, conversation: Conversation
) -> None:
    made(2, assignee=bruno)
    made(2, team=other_team)
    assert sum(row[0] for row in figures(bruno.as_actor())) == 1
    assert figures(clara.as_actor()) == [(0, 0, 0)] * 3
    assert unsolved_now(actor=bruno.as_actor(), narrowed=Narrowed()) == {"new": 1, "open": 0, "pending": 0}


def test_ticket_that_was_opened_again_counts_as_never_solved() -> None:
    ticket = made(2, solved=2)
    assert figures() == [(1, 1, 0), (0, 0, 0), (0, 0, 0)]
    update_ticket(ticket=ticket, by=SYSTEM, status="open")
    assert figures() == [(1, 0, 1), (0, 0, 1), (0, 0, 1)]


def test_moment_at_midnight_is_of_the_day_that_begins() -> None:
    ticket = made(2)
    for at, days in (
        (datetime(2026, 10, 2, 23, 59, 59, 999_999, tzinfo=UTC), [1, 0, 0]),
        (datetime(2026, 10, 3, tzinfo=UTC), [0, 1, 0]),
        (datetime(2026, 10, 1, 23, 59, 59, 999_999, tzinfo=UTC), [0, 0, 0]),
        (datetime(2026, 10, 5, tzinfo=UTC), [0, 0, 0]),
    ):
        Ticket.objects.filter(pk=ticket.pk).update(created_at=at)
        assert [opened for opened, _solved, _left in figures()] == days


def test_backlog_is_of_the_narrowed_team_alone_and_of_no_group(team: Team, other_team: Team) -> None:
    made(1, team=team)
    made(3, team=team)
    made(1, team=other_team)
    assert [left for _opened, _solved, left in figures(team=team)] == [1, 2, 2]
    lines = opened_and_solved(DAYS, actor=SYSTEM, narrowed=Narrowed(by="team"))
    assert {line.figures["backlog"] for line in lines} == {None}


def test_what_is_left_now_counts_each_status_in_which_work_is_left(team: Team, other_team: Team) -> None:
    for number, status in enumerate(["new", "open", "open", "pending", "solved", "closed"]):
        ticket = made(2, team=team if number % 2 else other_team)
        update_ticket(ticket=ticket, by=SYSTEM, status=status)
    assert unsolved_now(actor=SYSTEM, narrowed=Narrowed()) == {"new": 1, "open": 2, "pending": 1}
    assert unsolved_now(actor=SYSTEM, narrowed=Narrowed(team=team)) == {"new": 0, "open": 1, "pending": 1}
