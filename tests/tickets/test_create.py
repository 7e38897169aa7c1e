"""Opening tickets: numbers, defaults, rights, and never twice for one matter."""

import re
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Team, User
from conversations.actions import Sender, receive
from conversations.enums import EventType, Priority
from conversations.models import Contact, Conversation, Event, Inbox
from core.actor import Actor, ActorKind
from core.errors import Forbidden, Invalid, NotFound
from tickets.actions import create_ticket, update_ticket
from tickets.enums import TicketEventType, TicketSource, TicketStatus
from tickets.models import Ticket, TicketEvent
from tickets.queries import timeline


def test_ticket_gets_the_next_number_and_the_conversations_facts(
    conversation: Conversation, agent: Actor, team: Team
) -> None:
    first = create_ticket(
        by=agent, subject=" Pedido \n atrasado ", description=" há dias ", conversation=conversation
    )
    second = create_ticket(by=agent, subject="Troca de tamanho", conversation=conversation)
    assert first.just_created
    assert re.fullmatch(r"#\d{4,}", first.reference)
    assert second.number == first.number + 1
    stored = Ticket.objects.get(pk=first.pk)
    assert (stored.subject, stored.description) == ("Pedido atrasado", "há dias")
    assert (stored.team, stored.requester) == (team, conversation.contact)
    assert (stored.status, stored.priority) == (TicketStatus.NEW, Priority.NORMAL)
    assert (stored.source, stored.created_by_kind, stored.created_by_name) == (
        TicketSource.AGENT,
        "agent",
        "Lia",
    )
    assert list(stored.conversations.all()) == [conversation]
    assert [(event.seq, event.type) for event in timeline(stored)] == [(1, TicketEventType.CREATED)]


def test_ticket_takes_the_inbox_team_when_the_conversation_has_none(
    conversation: Conversation, agent: Actor
) -> None:
    Conversation.objects.update(team=None)
    assert (
        create_ticket(by=agent, subject="Pedido", conversation=conversation).team == conversation.inbox.team
    )


def test_ticket_takes_the_named_team_and_priority(
    conversation: Conversation, agent: Actor, other_team: Team
) -> None:
    ticket = create_ticket(
        by=agent, subject="Estorno", conversation=conversation, team=other_team, priority=Priority.URGENT
    )
    assert (ticket.team, ticket.priority) == (other_team, Priority.URGENT)


def test_customer_sees_the_event_of_a_ticket_the_agent_opened(
    conversation: Conversation, agent: Actor
) -> None:
    ticket = create_ticket(by=agent, subject="Pedido", conversation=conversation)
    conversation.refresh_from_db()
    event = Event.objects.get(type=EventType.TICKET_CREATED)
    assert not event.is_internal
    assert event.seq == conversation.last_seq
    assert event.payload == {"ticket": str(ticket.pk), "number": ticket.number, "subject": "Pedido"}


def test_customer_does_not_see_what_staff_call_the_matter(conversation: Conversation, bruno: User) -> None:
    create_ticket(by=bruno.as_actor(), subject="Kunde ist schwierig", conversation=conversation)
    assert Event.objects.get(type=EventType.TICKET_CREATED).is_internal


def test_same_key_returns_the_same_ticket(conversation: Conversation, agent: Actor) -> None:
    first = create_ticket(by=agent, subject="Pedido", conversation=conversation, idempotency_key="run:1")
    again = create_ticket(
        by=agent, subject="Algo diferente", conversation=conversation, idempotency_key="run:1"
    )
    assert (again.pk, again.just_created, again.subject) == (first.pk, False, "Pedido")
    assert Event.objects.filter(type=EventType.TICKET_CREATED).count() == 1


def test_same_key_without_a_conversation_returns_the_same_ticket(ana: User) -> None:
    first = create_ticket(by=ana.as_actor(), subject="Servidor", idempotency_key="x")
    assert create_ticket(by=ana.as_actor(), subject="Servidor", idempotency_key="x").pk == first.pk
    assert create_ticket(by=ana.as_actor(), subject="Servidor", idempotency_key="y").pk != first.pk


SAME = [
    ("Pedido não chegou", "Meu pedido nao chegou!"),
    ("Produto com defeito", "Produto chegou com defeito"),
    ("Cargo duplicado en la tarjeta", "Cobro duplicado en la tarjeta"),
    ("Refund for order 4512", "Refund request for order 4512"),
    ("???", "???"),
]
DIFFERENT = [
    ("Problema no pagamento com boleto", "Problema no pagamento com cartão"),
    ("Problema con el pago", "Problema con el envío"),
    ("Change delivery address", "Change delivery date"),
    ("Refund for order 4512 not received yet", "Refund for order 9981 not received yet"),
    ("Ajuda", "Ajuda com troca"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same_matter_in_other_words_is_one_ticket(
    conversation: Conversation, agent: Actor, one: str, other: str
) -> None:
    first = create_ticket(by=agent, subject=one, conversation=conversation)
    again = create_ticket(by=agent, subject=other, conversation=conversation)
    assert (again.pk, again.just_created) == (first.pk, False)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_matters_are_two_tickets(
    conversation: Conversation, agent: Actor, one: str, other: str
) -> None:
    first = create_ticket(by=agent, subject=one, conversation=conversation)
    assert create_ticket(by=agent, subject=other, conversation=conversation).pk != first.pk


def test_same_description_under_another_subject_is_one_ticket(
    conversation: Conversation, agent: Actor
) -> None:
    text = "O pacote chegou aberto e faltavam duas das três camisetas que comprei"
    first = create_ticket(by=agent, subject="Faltam itens", description=text, conversation=conversation)
    again = create_ticket(
        by=agent, subject="Pacote aberto", description=f"{text}!", conversation=conversation
    )
    assert again.pk == first.pk


def test_same_subject_about_another_order_is_another_ticket(conversation: Conversation, agent: Actor) -> None:
    first = create_ticket(by=agent, subject="Reembolso", description="Pedido 4512", conversation=conversation)
    other = create_ticket(by=agent, subject="Reembolso", description="Pedido 9981", conversation=conversation)
    more = create_ticket(
        by=agent, subject="Reembolso", description="Pedido 9981, cartão final 4321", conversation=conversation
    )
    assert (other.pk == first.pk, more.pk == other.pk) == (False, True)


def test_short_descriptions_are_not_compared(conversation: Conversation, agent: Actor) -> None:
    first = create_ticket(by=agent, subject="Boleto", description="não funciona", conversation=conversation)
    other = create_ticket(by=agent, subject="Senha", description="não funciona", conversation=conversation)
    assert other.pk != first.pk


def test_what_a_second_request_adds_is_kept_once(conversation: Conversation, agent: Actor) -> None:
    for text in ("Comprei ontem", "E veio na cor errada", "e veio na cor errada.", "", "comprei ontem"):
        ticket = create_ticket(by=agent, subject="Troca", description=text, conversation=conversation)
    told = [(event.seq, event.type, event.text) for event in timeline(ticket)]
    assert told == [(1, TicketEventType.CREATED, ""), (2, TicketEventType.REPEATED, "E veio na cor errada")]


def test_solved_matter_gets_a_new_ticket(conversation: Conversation, agent: Actor, ana: User) -> None:
    first = create_ticket(by=agent, subject="Pedido", conversation=conversation)
    update_ticket(ticket=first, by=ana.as_actor(), status=TicketStatus.SOLVED)
    assert create_ticket(by=agent, subject="Pedido", conversation=conversation).pk != first.pk


def test_same_words_in_another_conversation_are_another_ticket(
    conversation: Conversation, inbox: Inbox, agent: Actor
) -> None:
    other = receive(inbox=inbox, sender=Sender("eva"), text="oi").conversation
    first = create_ticket(by=agent, subject="Pedido", conversation=conversation)
    assert create_ticket(by=agent, subject="Pedido", conversation=other).pk != first.pk


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("keyed", [False, True])
def test_twenty_at_once_make_one_ticket(conversation: Conversation, agent: Actor, *, keyed: bool) -> None:
    def open_one(number: int) -> tuple[object, bool]:
        try:
            ticket = create_ticket(
                by=agent,
                subject="Pedido não chegou" if number % 2 else "Meu pedido não chegou",
                conversation=conversation,
                idempotency_key="run:7" if keyed else f"run:{number}",
            )
            return ticket.pk, ticket.just_created
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(open_one, range(20)))
    assert len({pk for pk, _ in results}) == 1
    assert sum(created for _, created in results) == 1
    assert Ticket.objects.count() == 1
    assert Event.objects.filter(type=EventType.TICKET_CREATED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_with_one_key_and_no_conversation_make_one_ticket(ana: User) -> None:
    by = ana.as_actor()

    def open_one(number: int) -> object:
        try:
            return create_ticket(by=by, subject=f"Matter {number}", idempotency_key="once").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(open_one, range(20)))) == 1
    assert TicketEvent.objects.count() == 1


def test_outer_transaction_takes_the_ticket_with_it(conversation: Conversation, agent: Actor) -> None:
    seq = conversation.last_seq

    def create_and_fail() -> None:
        with transaction.atomic():
            create_ticket(by=agent, subject="Pedido", conversation=conversation)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        create_and_fail()
    conversation.refresh_from_db()
    assert (Ticket.objects.count(), conversation.last_seq) == (0, seq)


def test_stranger_may_not_open_one_in_a_conversation(
    conversation: Conversation, clara: User, inbox: Inbox
) -> None:
    other = receive(inbox=inbox, sender=Sender("eva"), text="oi").conversation.contact
    for actor in (clara.as_actor(), other.as_actor()):
        with pytest.raises(NotFound):
            create_ticket(by=actor, subject="Pedido", conversation=conversation)


def test_agent_without_a_conversation_is_refused(agent: Actor, db: None) -> None:
    with pytest.raises(Forbidden):
        create_ticket(by=agent, subject="Pedido")


def test_customer_opens_one_for_themselves_only(davi: Contact, inbox: Inbox) -> None:
    other = receive(inbox=inbox, sender=Sender("eva"), text="oi").conversation.contact
    ticket = create_ticket(by=davi.as_actor(), subject="Pedido")
    assert (ticket.requester, ticket.source) == (davi, TicketSource.CHAT)
    with pytest.raises(Invalid):
        create_ticket(by=davi.as_actor(), subject="Pedido", contact=other)


def test_operator_names_only_customers_they_talk_to(
    davi: Contact, bruno: User, clara: User, ana: User
) -> None:
    assert create_ticket(by=bruno.as_actor(), subject="Pedido", contact=davi).requester == davi
    assert create_ticket(by=ana.as_actor(), subject="Pedido", contact=davi).requester == davi
    with pytest.raises(Invalid):
        create_ticket(by=clara.as_actor(), subject="Pedido", contact=davi)


def test_customer_of_another_conversation_is_refused(
    conversation: Conversation, inbox: Inbox, bruno: User
) -> None:
    other = receive(inbox=inbox, sender=Sender("eva"), text="oi").conversation.contact
    with pytest.raises(Invalid):
        create_ticket(by=bruno.as_actor(), subject="Pedido", conversation=conversation, contact=other)


def test_invalid_values_are_refused(ana: User) -> None:
    by = ana.as_actor()
    for wrong in (
        {"subject": " \x00 "},
        {"subject": "x" * 201},
        {"subject": "x", "description": "y" * 10_001},
        {"subject": "x", "priority": 21},
    ):
        with pytest.raises(Invalid):
            create_ticket(by=by, **wrong)
    assert not Ticket.objects.exists()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=200), st.text(max_size=500))
def test_any_text_is_stored_or_refused(conversation: Conversation, subject: str, description: str) -> None:
    by = Actor(ActorKind.AGENT, "1", "Lia")
    try:
        ticket = create_ticket(by=by, subject=subject, description=description, conversation=conversation)
    except Invalid:
        return
    assert Ticket.objects.filter(pk=ticket.pk, subject=ticket.subject).exists()


def test_key_of_another_row_is_a_constraint(ana: User) -> None:
    create_ticket(by=ana.as_actor(), subject="Pedido", idempotency_key="k")
    with pytest.raises(IntegrityError), transaction.atomic():
        Ticket.objects.create(subject="Outro", source="api", idempotency_key="k")


def test_unknown_conversation_is_not_found(agent: Actor, conversation: Conversation) -> None:
    conversation.pk = uuid4()
    with pytest.raises(NotFound):
        create_ticket(by=agent, subject="Pedido", conversation=conversation)
