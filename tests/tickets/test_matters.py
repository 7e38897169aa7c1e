"""Which requests of one conversation are one matter, in the alphabets and with the numbers people write."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from conversations.actions import Sender, receive
from conversations.models import Conversation
from core.actor import Actor
from tests.conversations.test_receive import in_parallel
from tickets.actions import create_ticket, update_ticket
from tickets.enums import TicketEventType, TicketStatus
from tickets.matters import contradict, normalised, references
from tickets.models import Ticket
from tickets.queries import timeline

LONG = "O pacote chegou aberto e faltavam duas das três camisetas que comprei"


def is_joined(conversation: Conversation, by: Actor, one: str, other: str, *texts: str) -> bool:
    """Whether the second of two requests finds the ticket of the first."""
    first, second = texts or ("", "")
    made = create_ticket(by=by, subject=one, description=first, conversation=conversation)
    return create_ticket(by=by, subject=other, description=second, conversation=conversation).pk == made.pk


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("PEDIDO ATRASADO", "pedido atrasado"),
        ("Devolução", "DEVOLUCAO"),
        ("Devolucao", "devolução!!"),
        ("Pedido  \n atrasado", "pedido atrasado"),
        ("Żółty płaszcz", "ŻÓŁTY PŁASZCZ"),
        ("返金について", "返金について"),
        ("😡", "😡"),
        ("Devoluc\u0327a\u0303o", "Devolução"),
    ],
)
def test_same_words_are_one_matter_however_they_are_written(
    conversation: Conversation, agent: Actor, one: str, other: str
) -> None:
    assert is_joined(conversation, agent, one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("😡", "😀"),
        ("返金について", "配送について"),
        ("Żółty płaszcz", "Zwrot pieniędzy"),
        ("100%", "50%"),
        ("?", "!"),
    ],
)
def test_other_words_are_another_matter_in_any_alphabet(
    conversation: Conversation, agent: Actor, one: str, other: str
) -> None:
    assert not is_joined(conversation, agent, one, other)


@pytest.mark.parametrize(
    ("one", "other", "joined"),
    [
        ("Reembolso do pedido 4512", "Reembolso do pedido #4512", True),
        ("Reembolso do pedido AB-4512", "Reembolso do pedido ab-4512", True),
        ("Reembolso do pedido 4512", "Reembolso do pedido 4513", False),
        ("Reembolso do pedido A1B2C3", "Reembolso do pedido A1B2C4", False),
        ("Reembolso do pedido 4512", "Reembolso do pedido", True),
        ("Reembolso dos pedidos 4512 e 4513", "Reembolso dos pedidos 4513 e 4514", True),
        # Two digits count things, they name nothing.
        ("Reembolso de 12 camisetas azuis", "Reembolso de 13 camisetas azuis", True),
    ],
)
def test_numbers_of_orders_tell_matters_apart(
    conversation: Conversation, agent: Actor, one: str, other: str, *, joined: bool
) -> None:
    assert is_joined(conversation, agent, one, other) == joined


def test_number_in_the_description_tells_apart_what_is_alike_in_all_else(
    conversation: Conversation, agent: Actor
) -> None:
    texts = (f"{LONG}: pedido 4512", f"{LONG}: pedido 9981")
    assert not is_joined(conversation, agent, "Faltam itens", "Faltam itens", *texts)


@pytest.mark.parametrize(("length", "joined"), [(39, False), (40, True)])
def test_descriptions_are_compared_from_forty_letters_on(
    conversation: Conversation, agent: Actor, length: int, *, joined: bool
) -> None:
    text = "O pacote chegou aberto e faltam duas das três"[:length]
    assert len(normalised(text)) == length
    assert is_joined(conversation, agent, "Camisetas", "Pacote aberto", text, text.upper()) == joined


@pytest.mark.parametrize(
    ("status", "joined"),
    [
        (TicketStatus.NEW, True),
        (TicketStatus.OPEN, True),
        (TicketStatus.PENDING, True),
        (TicketStatus.SOLVED, False),
        (TicketStatus.CLOSED, False),
    ],
)
def test_request_joins_a_ticket_on_which_work_is_left(
    conversation: Conversation, agent: Actor, ana: User, status: TicketStatus, *, joined: bool
) -> None:
    first = create_ticket(by=agent, subject="Pedido", conversation=conversation)
    update_ticket(ticket=first, by=ana.as_actor(), status=status)
    again = create_ticket(by=agent, subject="Pedido", conversation=conversation)
    assert (again.pk == first.pk) == joined
    assert again.just_created != joined


def test_request_joins_the_newest_of_several_that_are_alike(
    conversation: Conversation, agent: Actor, ana: User
) -> None:
    old = create_ticket(by=agent, subject="Reembolso do pedido atrasado 4512", conversation=conversation)
    new = create_ticket(by=agent, subject="Reembolso do pedido atrasado 9981", conversation=conversation)
    # Neither is contradicted by what names no order.
    again = create_ticket(by=agent, subject="Reembolso do pedido atrasado", conversation=conversation)
    assert again.pk == new.pk
    update_ticket(ticket=new, by=ana.as_actor(), status=TicketStatus.CLOSED)
    assert (
        create_ticket(by=agent, subject="Reembolso do pedido atrasado 4512", conversation=conversation).pk
        == old.pk
    )


def test_letters_that_are_capitals_only_when_taken_apart_are_folded_too() -> None:
    assert normalised("℡, 20 ㎅") == "tel 20 kb"


def test_signs_that_were_not_said_before_are_kept(conversation: Conversation, agent: Actor) -> None:
    for said in ("😀", "😡", "😡 ", "?", ""):
        create_ticket(by=agent, subject="Pedido", description=said, conversation=conversation)
    assert [event.text for event in timeline(Ticket.objects.get())] == ["", "😡", "?"]


def test_joining_changes_nothing_of_what_staff_have_set(
    conversation: Conversation, agent: Actor, bruno: User
) -> None:
    first = create_ticket(by=agent, subject="Pedido", description="Ontem", conversation=conversation)
    update_ticket(ticket=first, by=bruno.as_actor(), assignee=bruno, priority=40, status=TicketStatus.PENDING)
    create_ticket(
        by=agent, subject="Pedido!", description="E hoje", conversation=conversation, priority=10
    )  # fmt: skip
    first.refresh_from_db()
    assert (first.subject, first.description) == ("Pedido", "Ontem")
    assert (first.status, first.priority, first.assignee) == (TicketStatus.PENDING, 40, bruno)
    last = timeline(first)[-1]
    assert (last.type, last.text, last.actor_name, last.seq) == (
        TicketEventType.REPEATED, "E hoje", "Lia", first.last_seq
    )  # fmt: skip


def test_subject_that_staff_changed_is_the_one_that_is_compared(
    conversation: Conversation, agent: Actor, bruno: User
) -> None:
    first = create_ticket(by=agent, subject="Pedido atrasado", conversation=conversation)
    update_ticket(ticket=first, by=bruno.as_actor(), subject="Transportadora perdeu o pacote")
    assert create_ticket(by=agent, subject="Pedido atrasado", conversation=conversation).pk != first.pk


@pytest.mark.django_db(transaction=True)
def test_what_many_add_at_once_is_kept_once_each_and_in_one_row_of_numbers(
    conversation: Conversation, agent: Actor
) -> None:
    """From two conversations of one ticket: neither waits for the other's lock, both for the ticket's."""
    other = receive(inbox=conversation.inbox, sender=Sender("eva"), text="Oi").conversation
    ticket = create_ticket(by=agent, subject="Troca", conversation=conversation)
    ticket.conversations.add(other)
    texts = [f"Veio na cor errada, e é a vez {number}" for number in range(8)]

    def add(text: str, where: Conversation) -> object:
        return create_ticket(by=agent, subject="Troca", description=text, conversation=where).pk

    calls = [partial(add, text, where) for text in texts for where in (conversation, other)]
    assert set(in_parallel(calls)) == {ticket.pk}
    history = timeline(ticket)
    assert [line.seq for line in history] == list(range(1, 10))
    assert sorted(line.text for line in history[1:]) == texts
    assert Ticket.objects.get().last_seq == 9


@given(st.text(max_size=200))
def test_marks_around_words_do_not_count(text: str) -> None:
    assert normalised(f"  {text}!? ") == normalised(text)


@given(st.text(max_size=100), st.text(max_size=100))
def test_texts_contradict_each_other_both_ways_or_neither_and_never_themselves(one: str, other: str) -> None:
    assert contradict(one, other) == contradict(other, one)
    assert not contradict(one, one)
    assert not contradict(one, f"{one} {other}")


@given(st.from_regex(r"[a-z]{0,3}[0-9]{3,9}[a-z]{0,3}", fullmatch=True), st.sampled_from("#.,;:()!? \n"))
def test_number_is_found_whatever_stands_around_it(number: str, mark: str) -> None:
    assert references(f"pedido{mark}{number}{mark}") == {number}
    assert contradict(f"pedido {number}", f"pedido{mark}1{number}{mark}")
