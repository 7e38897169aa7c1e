"""Tickets at the desk: lists, the page, changes."""

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django.asserts import assertNumQueries

from accounts.models import Team, User
from conversations.enums import Priority
from conversations.models import Conversation, Inbox
from desk.enums import TicketView
from desk.queries.tickets import ticket_counts, ticket_page
from tests.desk.conftest import said
from tickets.actions import create_ticket, update_ticket
from tickets.enums import TicketStatus
from tickets.models import Ticket

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


@pytest.fixture
def ticket(conversation: Conversation, bruno: User) -> Ticket:
    return create_ticket(
        conversation=conversation, subject="Parcel lost", description="Since Monday", by=bruno.as_actor()
    )


def change(client: Client, ticket: Ticket, **data: Any) -> tuple[int, Json]:
    url = f"/admin/tickets/{ticket.number}/change/"
    answer = client.post(url, json.dumps(data), content_type="application/json")
    return answer.status_code, answer.json()


def numbers(actor: User, view: TicketView, search: str = "") -> list[str]:
    return [row.subject for row in ticket_page(actor.as_actor(), view, search=search)[0]]


def test_each_list_holds_its_own(ana: User, bruno: User, team: Team) -> None:
    by = ana.as_actor()
    create_ticket(subject="free", by=by, team=team)
    mine = create_ticket(subject="mine", by=by, team=team)
    done = create_ticket(subject="done", by=by, team=team)
    update_ticket(ticket=mine, assignee=bruno, by=by)
    update_ticket(ticket=done, status=TicketStatus.SOLVED, by=by)
    assert numbers(bruno, TicketView.OPEN) == ["mine", "free"]
    assert numbers(bruno, TicketView.MINE) == ["mine"]
    assert numbers(bruno, TicketView.UNASSIGNED) == ["free"]
    assert numbers(bruno, TicketView.DONE) == ["done"]
    assert numbers(bruno, TicketView.ALL) == ["done", "mine", "free"]
    assert ticket_counts(bruno.as_actor()) == {"open": 2, "mine": 1, "unassigned": 1}


@pytest.mark.parametrize("words", ["parcel", "DAVI", "davi@example", "#{number}", "{number}"])
def test_search_finds_number_subject_and_customer(
    ticket: Ticket, bruno: User, team: Team, words: str
) -> None:
    create_ticket(subject="Other", by=bruno.as_actor(), team=team)
    found = numbers(bruno, TicketView.ALL, words.format(number=ticket.number))
    assert found == ["Parcel lost"]


def test_pages_join_without_gap(as_bruno: Client, bruno: User, team: Team) -> None:
    for number in range(53):
        create_ticket(subject=f"Ticket {number}", by=bruno.as_actor(), team=team)
    first = as_bruno.get("/admin/tickets/rows/").json()
    second = as_bruno.get("/admin/tickets/rows/", {"before": first["next"]}).json()
    told = [row["subject"] for row in first["rows"] + second["rows"]]
    assert told == [f"Ticket {number}" for number in reversed(range(53))]
    assert second["next"] == ""
    assert as_bruno.get("/admin/tickets/rows/", {"before": "x"}).status_code == 422


def test_changes_go_through_the_action_and_are_told(as_bruno: Client, bruno: User, ticket: Ticket) -> None:
    status, told = change(as_bruno, ticket, assignee=bruno.pk, priority=Priority.HIGH)
    assert status == 200
    assert told["ticket"]["assignee"]["name"] == "Bruno"
    assert told["ticket"]["status"] == TicketStatus.OPEN
    assert set(told["history"][-1]["changes"]) == {"assignee", "priority", "status"}
    assert told["history"][-1]["by"] == {"kind": "operator", "name": "Bruno"}
    _, told = change(as_bruno, ticket, assignee=None, status="solved", subject="Parcel found")
    assert (told["ticket"]["assignee"], told["ticket"]["subject"]) == (None, "Parcel found")


def test_moving_a_ticket_out_of_ones_sight(as_bruno: Client, ticket: Ticket, other_team: Team) -> None:
    assert change(as_bruno, ticket, team=other_team.pk) == (200, {"ticket": None})
    assert as_bruno.get(f"/admin/tickets/{ticket.number}/").status_code == 404


def test_no_team_means_everybody(as_bruno: Client, as_clara: Client, ticket: Ticket) -> None:
    assert change(as_bruno, ticket, team=None)[1]["ticket"]["team"] is None
    assert as_clara.get(f"/admin/tickets/{ticket.number}/state/").status_code == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 422),
        ({"number": 5}, 422),
        ({"status": "gone"}, 422),
        ({"status": 5}, 422),
        ({"subject": " "}, 422),
        ({"priority": "20"}, 422),
        ({"priority": 21}, 422),
        ({"team": 999_999}, 404),
        ({"team": "x"}, 422),
        ({"assignee": 999_999}, 404),
    ],
)
def test_what_makes_no_sense_is_a_problem(as_bruno: Client, ticket: Ticket, data: Json, status: int) -> None:
    told, answer = change(as_bruno, ticket, **data)
    assert (told, answer["status"]) == (status, status)
    ticket.refresh_from_db()
    assert ticket.last_seq == 1


def test_the_page_links_only_conversations_one_may_open(
    as_bruno: Client, ticket: Ticket, inbox: Inbox, other_team: Team, conversation: Conversation
) -> None:
    hidden = said(inbox, "eva")
    Conversation.objects.filter(pk=hidden.pk).update(team=other_team)
    ticket.conversations.add(hidden)
    told = as_bruno.get(f"/admin/tickets/{ticket.number}/state/").json()
    assert [row["id"] for row in told["conversations"]] == [str(conversation.pk)]
    assert told["description"] == "Since Monday"


@pytest.mark.parametrize("count", [1, 3])
def test_a_page_of_tickets_costs_the_same_for_one_and_for_three(
    as_bruno: Client, bruno: User, team: Team, count: int
) -> None:
    for number in range(count):
        create_ticket(subject=f"Ticket {number}", by=bruno.as_actor(), team=team)
    # Session, user, teams, tickets, counts.
    with assertNumQueries(5):
        assert len(as_bruno.get("/admin/tickets/rows/").json()["rows"]) == count


@pytest.mark.parametrize("count", [1, 3])
def test_a_ticket_costs_the_same_for_one_conversation_and_for_three(
    as_bruno: Client, inbox: Inbox, ticket: Ticket, count: int
) -> None:
    for number in range(count - 1):
        ticket.conversations.add(said(inbox, f"customer {number}"))
    # Session, user, teams, ticket, custom fields, conversations, history.
    with assertNumQueries(7):
        told = as_bruno.get(f"/admin/tickets/{ticket.number}/state/").json()
    assert len(told["conversations"]) == count
