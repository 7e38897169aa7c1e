"""Writing first: to whom, through what, and in which conversation."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Team, User
from agents.models import Agent
from conversations.actions import assign, begin, hand_back, receive, reply, resolve, send_template
from conversations.channels import adapter
from conversations.enums import Status
from conversations.errors import WindowClosed
from conversations.exchange import Sender
from conversations.models import Contact, ContactIdentity, Conversation, Delivery, Inbox, MessageTemplate
from conversations.queries.inboxes import current_conversations, inboxes_of
from core.actor import Actor, ActorKind
from core.errors import Forbidden, Invalid, NotFound

pytestmark = pytest.mark.django_db
EVA = "Eva@Example.com"


def test_a_first_mail_begins_a_conversation_of_its_own(mailbox: Inbox, bruno: User) -> None:
    row = begin(inbox=mailbox, to=EVA, subject=" Your\n parcel ", by=bruno.as_actor())
    reply(conversation=row, text="It is late", by=bruno.as_actor())
    row.refresh_from_db()
    assert (row.subject, row.status, row.assignee) == ("Your parcel", Status.OPEN, bruno)
    assert (row.identity.external_id, row.contact.email, row.team) == (
        "eva@example.com", "eva@example.com", mailbox.team
    )  # fmt: skip
    assert Delivery.objects.get().conversation == row
    other = begin(inbox=mailbox, to=EVA, subject="Your bill", by=bruno.as_actor())
    assert (other == row, other.contact == row.contact) == (False, True)


def test_the_answer_to_a_first_message_comes_into_the_same_conversation(post: Inbox, bruno: User) -> None:
    row = begin(inbox=post, to="eva@x", by=bruno.as_actor())
    answer = receive(inbox=post, sender=Sender("eva@x", name="Eva"), text="Thanks")
    assert answer.conversation == row
    assert Contact.objects.get(pk=row.contact_id).name == "Eva"


def test_the_same_first_mail_again_is_one_conversation(mailbox: Inbox, bruno: User) -> None:
    """A lost answer and a second press of the button would be two mails."""
    once, rows = uuid4(), []
    for _ in range(2):
        row = begin(inbox=mailbox, to=EVA, subject="Parcel", by=bruno.as_actor(), client_id=once)
        reply(conversation=row, text="Late", by=bruno.as_actor(), client_id=once)
        rows.append(row)
    assert rows[0] == rows[1]
    assert (Conversation.objects.count(), Delivery.objects.count()) == (1, 1)


def test_a_person_has_one_conversation_where_there_are_no_subjects(
    letter: Conversation, post: Inbox, bruno: User
) -> None:
    resolve(conversation=letter, by=bruno.as_actor())
    row = begin(inbox=post, to=letter.identity, by=bruno.as_actor())
    assert (row, row.status) == (letter, Status.OPEN)
    assert begin(inbox=post, to=letter.identity, by=bruno.as_actor()) == letter


def test_the_agent_is_not_asked_and_falls_silent(post: Inbox, letter: Conversation, bruno: User) -> None:
    """It would answer in the middle of what a person has begun."""
    agent = Agent.objects.create(name="Lia")
    agent.inboxes.add(post)
    hand_back(conversation=letter, by=bruno.as_actor())
    for to in (letter.identity, "max@x"):
        row = begin(inbox=post, to=to, by=bruno.as_actor())
        if to == "max@x":
            assert row.status == Status.OPEN
            continue
        reply(conversation=row, text="Here", by=bruno.as_actor())
        row.refresh_from_db()
        assert (row.status, row.assignee) == (Status.OPEN, bruno)


def test_a_closed_window_takes_a_template_first(post: Inbox, template: MessageTemplate, bruno: User) -> None:
    row = begin(inbox=post, to="max@x", by=bruno.as_actor())
    with pytest.raises(WindowClosed):
        reply(conversation=row, text="Hello", by=bruno.as_actor())
    values = {"1": "Max", "2": "7"}
    sent = send_template(conversation=row, template=template, variables=values, by=bruno.as_actor())
    assert Delivery.objects.get().message == sent


@pytest.mark.parametrize("to", ["", "eva", "eva@", "support@shop.example"])
def test_what_is_no_address_begins_nothing(mailbox: Inbox, bruno: User, to: str) -> None:
    with pytest.raises(Invalid) as refused:
        begin(inbox=mailbox, to=to, subject="Parcel", by=bruno.as_actor())
    assert refused.value.extra == {"field": "to"}
    assert not Contact.objects.exists()


def test_a_mail_without_a_subject_begins_nothing(mailbox: Inbox, bruno: User) -> None:
    with pytest.raises(Invalid) as refused:
        begin(inbox=mailbox, to=EVA, subject=" \n", by=bruno.as_actor())
    assert refused.value.extra == {"field": "subject"}


def test_a_channel_that_reaches_no_strangers_reaches_whom_it_knows(team: Team, bruno: User) -> None:
    inbox = Inbox.objects.create(name="Bot", channel="telegram", team=team)
    with pytest.raises(Invalid):
        begin(inbox=inbox, to="12345", by=bruno.as_actor())
    known = receive(inbox=inbox, sender=Sender("12345", name="Eva"), text="Hello").conversation
    assert begin(inbox=inbox, to=known.identity, by=bruno.as_actor()) == known


def test_visitors_of_a_site_are_not_written_to(conversation: Conversation, bruno: User) -> None:
    with pytest.raises(Invalid):
        begin(inbox=conversation.inbox, to=conversation.identity, by=bruno.as_actor())


def test_nobody_writes_through_an_inbox_of_another_team(
    mailbox: Inbox, letter: Conversation, ana: User, bruno: User, clara: User
) -> None:
    def writes(by: Actor, to: Any = EVA) -> Conversation:
        return begin(inbox=mailbox, to=to, subject="Parcel", by=by)

    with pytest.raises(NotFound):
        writes(clara.as_actor())
    with pytest.raises(Forbidden):
        writes(letter.contact.as_actor())
    with pytest.raises(Forbidden):
        writes(Actor(ActorKind.AGENT, "1", "Lia"))
    with pytest.raises(NotFound):
        writes(bruno.as_actor(), letter.identity)
    assert writes(ana.as_actor()).inbox == mailbox
    Inbox.objects.filter(pk=mailbox.pk).update(team=None)
    assert writes(clara.as_actor()).inbox == mailbox
    Inbox.objects.filter(pk=mailbox.pk).update(is_active=False)
    with pytest.raises(NotFound):
        writes(ana.as_actor())


def test_what_another_team_talks_about_is_not_broken_into(
    letter: Conversation, post: Inbox, bruno: User, ana: User, other_team: Team
) -> None:
    assign(conversation=letter, by=ana.as_actor(), to=None, team=other_team)
    with pytest.raises(Forbidden):
        begin(inbox=post, to=letter.identity, by=bruno.as_actor())
    assert list(current_conversations(post, bruno.as_actor())) == []


def test_people_are_found_by_whatever_is_known_of_them(post: Inbox, bruno: User) -> None:
    for name, phone in [("Eva Souza", "+5511987654321"), ("Max", "+4915112345")]:
        sender = Sender(phone.removeprefix("+"), name=name, phone=phone)
        for _ in range(2):
            receive(inbox=post, sender=sender, text="Hello")

    def found(search: str) -> list[str]:
        return [row.contact.name for row in current_conversations(post, bruno.as_actor(), search=search)]

    assert found("") == ["Max", "Eva Souza"]
    assert found("souza") == found("+55 (11) 98765") == found("98765-4321") == ["Eva Souza"]
    assert found("nobody") == []


def test_contacts_and_strangers_have_no_inboxes(post: Inbox, letter: Conversation) -> None:
    assert not inboxes_of(letter.contact.as_actor()).exists()


@pytest.mark.parametrize("kind", ["whatsapp_cloud", "evolution"])
@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+55 (11) 98765-4321", "5511987654321"),
        ("5511987654321", "5511987654321"),
        ("+49.151/12345", "4915112345"),
        ("011 98765", ""),
        ("eva", ""),
        ("", ""),
        ("+55 11 98765-4321 x2", ""),
        ("٥٥١١٩٨٧٦٥٤٣٢١", ""),
        ("1" * 16, ""),
    ],
)
def test_numbers_are_read_as_people_write_them(kind: str, typed: str, number: str) -> None:
    found = adapter(kind).recipient(typed, None)
    assert (found.phone if found else "") == (f"+{number}" if number else "")
    if found:
        assert found.external_id.partition("@")[0] == number


def test_an_identity_is_made_once(post: Inbox, bruno: User) -> None:
    for _ in range(2):
        begin(inbox=post, to="Eva@x ", by=bruno.as_actor())
    assert ContactIdentity.objects.get().external_id == "eva@x"
