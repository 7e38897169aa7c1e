"""Tickets in the admin: found with few queries, changed through the actions."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from conversations.enums import Priority
from conversations.models import Contact, Conversation
from core.actor import Actor
from tickets.actions import create_ticket, update_ticket
from tickets.enums import TicketEventType, TicketSource, TicketStatus
from tickets.models import Ticket
from tickets.queries import timeline

LIST = "/admin/tickets/ticket/"


@pytest.fixture
def ticket(conversation: Conversation, agent: Actor) -> Ticket:
    return create_ticket(by=agent, subject="Pedido atrasado", conversation=conversation)


@pytest.fixture
def desk(client: Client, ana: User) -> Client:
    client.force_login(ana)
    return client


def queries_of_list(desk: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> int:
    with django_assert_max_num_queries(20) as captured:
        assert desk.get(LIST).status_code == 200
    return len(captured)


def test_list_asks_as_much_for_three_as_for_one(
    desk: Client,
    ticket: Ticket,
    conversation: Conversation,
    agent: Actor,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    queries_of_list(desk, django_assert_max_num_queries)
    one = queries_of_list(desk, django_assert_max_num_queries)
    for subject in ("Boleto vencido", "Troca de tamanho"):
        create_ticket(by=agent, subject=subject, conversation=conversation)
    assert queries_of_list(desk, django_assert_max_num_queries) == one


@pytest.mark.parametrize("words", ["atrasado", "davi@example.com", "1"])
def test_search_finds_by_subject_customer_and_number(desk: Client, ticket: Ticket, words: str) -> None:
    page = desk.get(LIST, {"q": words if words != "1" else str(ticket.number)})
    assert ticket.reference in page.content.decode()


def test_change_goes_through_the_action(desk: Client, ticket: Ticket, ana: User) -> None:
    page = desk.post(
        f"{LIST}{ticket.pk}/change/",
        {
            "subject": "Pedido perdido",
            "description": "",
            "status": "solved",
            "priority": "30",
            "team": "",
            "assignee": str(ana.pk),
            "events-TOTAL_FORMS": "0",
            "events-INITIAL_FORMS": "0",
        },
    )
    assert page.status_code == 302
    ticket.refresh_from_db()
    assert (ticket.status, ticket.priority, ticket.team, ticket.assignee) == (
        TicketStatus.SOLVED, Priority.HIGH, None, ana
    )  # fmt: skip
    assert ticket.solved_at is not None
    told = timeline(ticket)[-1]
    assert (told.actor_name, set(told.changes)) == (
        "Ana", {"subject", "status", "priority", "team", "assignee"}
    )  # fmt: skip
    assert "Pedido atrasado → Pedido perdido" in desk.get(f"{LIST}{ticket.pk}/change/").content.decode()


def test_new_one_goes_through_the_action(desk: Client, davi: Contact) -> None:
    data = {"subject": "Catálogo", "description": "", "priority": "20", "team": "", "requester": str(davi.pk)}
    page = desk.post(f"{LIST}add/", {**data, "events-TOTAL_FORMS": "0", "events-INITIAL_FORMS": "0"})
    assert page.status_code == 302
    ticket = Ticket.objects.get()
    assert (ticket.requester, ticket.source) == (davi, TicketSource.DESK)
    assert [event.type for event in timeline(ticket)] == [TicketEventType.CREATED]


def test_refusal_of_the_action_is_shown(client: Client, clara: User, davi: Contact) -> None:
    clara.user_permissions.set(
        Permission.objects.filter(content_type__app_label__in=["tickets", "conversations"])
    )
    client.force_login(clara)
    data = {"subject": "Catálogo", "description": "", "priority": "20", "team": "", "requester": str(davi.pk)}
    page = client.post(
        f"{LIST}add/", {**data, "events-TOTAL_FORMS": "0", "events-INITIAL_FORMS": "0"}, follow=True
    )
    assert "There is no such customer, or you may not see them." in page.content.decode()
    assert not Ticket.objects.exists()


def test_operator_with_rights_sees_their_teams_only(
    client: Client, bruno: User, clara: User, ticket: Ticket
) -> None:
    permissions = Permission.objects.filter(content_type__app_label="tickets")
    for user, status in ((bruno, 200), (clara, 302)):
        user.user_permissions.set(permissions)
        client.force_login(user)
        assert client.get(f"{LIST}{ticket.pk}/change/").status_code == status


def test_operator_reads_a_ticket_with_its_history_and_changes_nothing(
    client: Client, bruno: User, ticket: Ticket
) -> None:
    update_ticket(ticket=ticket, by=bruno.as_actor(), subject="Pedido perdido")
    client.force_login(bruno)
    page = client.get(f"{LIST}{ticket.pk}/change/").content.decode()
    assert "Pedido atrasado → Pedido perdido" in page
    assert client.post(f"{LIST}{ticket.pk}/change/", {"subject": "x"}).status_code == 403
    assert client.post(f"{LIST}add/", {"subject": "x"}).status_code == 403


def test_marking_as_solved_goes_through_the_action(desk: Client, ticket: Ticket) -> None:
    desk.post(LIST, {"action": "solve", "_selected_action": [str(ticket.pk)]})
    ticket.refresh_from_db()
    assert ticket.status == TicketStatus.SOLVED
    assert timeline(ticket)[-1].changes == {"status": {"from": "new", "to": "solved"}}


def test_marking_as_solved_opens_no_closed_ticket_again(desk: Client, ticket: Ticket) -> None:
    update_ticket(ticket=ticket, by=Actor.system(), status=TicketStatus.CLOSED)
    page = desk.post(LIST, {"action": "solve", "_selected_action": [str(ticket.pk)]}, follow=True)
    assert "0 tickets were solved." in page.content.decode()
    ticket.refresh_from_db()
    assert ticket.status == TicketStatus.CLOSED


def test_nobody_deletes_one(desk: Client, ticket: Ticket) -> None:
    assert desk.post(f"{LIST}{ticket.pk}/delete/", {"post": "yes"}).status_code == 403
