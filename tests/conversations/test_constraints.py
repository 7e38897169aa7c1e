"""What the database itself refuses, whoever writes past the actions."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import CheckConstraint, ProtectedError, UniqueConstraint
from django.utils import timezone

from accounts.models import ApiKey, User
from conversations.actions import Sender, receive, reply
from conversations.enums import AuthorKind, Direction, Status
from conversations.models import Contact, ContactIdentity, Conversation, Event, Inbox, Message
from core.actor import Actor

# Every constraint by name, and a change of the row of that model that breaks it.
BROKEN: dict[str, tuple[Any, dict[str, Any]]] = {
    "inbox_secret_not_empty": (Inbox, {"secret": ""}),
    "identity_not_empty": (ContactIdentity, {"external_id": ""}),
    "conversation_resolved_has_time": (Conversation, {"status": Status.RESOLVED}),
    "conversation_numbers_not_ahead": (Conversation, {"last_contact_seq": 2}),
    "message_only_contacts_write_in": (Message, {"author_kind": AuthorKind.AGENT}),
}


def refuses(name: str) -> Any:
    return pytest.raises(IntegrityError, match=name)


@pytest.mark.parametrize("name", BROKEN)
def test_check_refuses_its_case(conversation: Conversation, name: str) -> None:
    model, wrong = BROKEN[name]
    with refuses(name), transaction.atomic():
        model.objects.update(**wrong)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("conversation_resolved_has_time", {"resolved_at": timezone.now()}),
        ("conversation_numbers_not_ahead", {"read_by_operator_seq": 2}),
        ("conversation_numbers_not_ahead", {"read_by_contact_seq": 2}),
        ("conversation_numbers_not_ahead", {"last_seq": 0}),
    ],
    ids=["time without resolving", "operator ahead", "contact ahead", "end goes back"],
)
def test_check_of_conversations_refuses_each_half(
    conversation: Conversation, name: str, wrong: dict[str, Any]
) -> None:
    with refuses(name), transaction.atomic():
        Conversation.objects.update(**wrong)


def test_check_refuses_an_assignee_beside_the_agent(conversation: Conversation, bruno: User) -> None:
    with refuses("conversation_bot_has_no_assignee"), transaction.atomic():
        Conversation.objects.update(status=Status.BOT, assignee=bruno)
    Conversation.objects.update(status=Status.OPEN, assignee=bruno)
    Conversation.objects.update(status=Status.BOT, assignee=None)


@pytest.mark.parametrize("direction", [Direction.OUT, Direction.NOTE])
def test_check_refuses_a_customer_who_writes_as_us(conversation: Conversation, direction: Direction) -> None:
    with refuses("message_only_contacts_write_in"), transaction.atomic():
        Message.objects.update(direction=direction)


def test_check_refuses_a_key_without_hash(db: None) -> None:
    with refuses("apikey_hash_not_empty"), transaction.atomic():
        ApiKey.objects.create(name="x", prefix="p", key_hash="", scopes=[])


@pytest.fixture
def two(conversation: Conversation, system: Actor, inbox: Inbox) -> tuple[Message, Message]:
    """A message of the customer and one of ours."""
    second = reply(conversation=conversation, text="b", by=system)
    return Message.objects.get(seq=1), second


def test_number_is_taken_once(two: tuple[Message, Message]) -> None:
    with refuses("message_seq_once"), transaction.atomic():
        Message.objects.filter(pk=two[1].pk).update(seq=1)
    with refuses("event_seq_once"), transaction.atomic():
        Event.objects.filter(seq=2).update(seq=1)


def test_client_id_is_taken_once_per_conversation(two: tuple[Message, Message], inbox: Inbox) -> None:
    key = uuid4()
    Message.objects.filter(pk=two[0].pk).update(client_id=key)
    with refuses("message_client_id_once"), transaction.atomic():
        Message.objects.filter(pk=two[1].pk).update(client_id=key)
    assert receive(inbox=inbox, sender=Sender("otto"), text="x", client_id=key).created


def test_external_id_is_taken_once_per_inbox(two: tuple[Message, Message]) -> None:
    Message.objects.filter(pk=two[0].pk).update(external_id="wamid")
    with refuses("message_external_id_once"), transaction.atomic():
        Message.objects.filter(pk=two[1].pk).update(external_id="wamid")


def test_run_says_one_message_in_the_whole_system(two: tuple[Message, Message]) -> None:
    run = uuid4()
    Message.objects.filter(pk=two[0].pk).update(run=run)
    with refuses("message_one_per_run"), transaction.atomic():
        Message.objects.filter(pk=two[1].pk).update(run=run)


def test_identity_is_one_per_inbox(conversation: Conversation, inbox: Inbox, davi: Contact) -> None:
    with refuses("identity_once_per_inbox"), transaction.atomic():
        ContactIdentity.objects.create(inbox=inbox, external_id="davi", contact=davi)
    other = Inbox.objects.create(name="Other")
    ContactIdentity.objects.create(inbox=other, external_id="davi", contact=davi)


def test_key_of_an_inbox_is_its_own(inbox: Inbox) -> None:
    with pytest.raises(IntegrityError, match="key"), transaction.atomic():
        Inbox.objects.create(name="Copy", key=inbox.key)


def test_every_constraint_of_the_models_is_in_the_database(conversation: Conversation) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint UNION SELECT indexname FROM pg_indexes")
        known = {name for (name,) in cursor.fetchall()}
    for model in (Inbox, ContactIdentity, Contact, Conversation, Message, Event, ApiKey):
        for constraint in model._meta.constraints:
            assert isinstance(constraint, CheckConstraint | UniqueConstraint)
            assert constraint.name in known
        assert {index.name for index in model._meta.indexes} <= known


def test_inbox_with_history_cannot_be_deleted(conversation: Conversation, inbox: Inbox) -> None:
    with pytest.raises(ProtectedError):
        inbox.delete()


def test_deleted_contact_takes_what_was_said_along(two: tuple[Message, Message], davi: Contact) -> None:
    Conversation.objects.all().delete()
    davi.delete()
    for model in (Contact, ContactIdentity, Conversation, Message, Event):
        assert not model.objects.exists(), model


def test_deleted_operator_leaves_history_and_name(conversation: Conversation, bruno: User) -> None:
    reply(conversation=conversation, text="x", by=bruno.as_actor())
    Conversation.objects.update(assignee=bruno)
    bruno.delete()
    assert Message.objects.get(direction=Direction.OUT).author_name == "Bruno"
    assert Conversation.objects.get().assignee is None


def test_deleted_team_leaves_its_conversations_to_everybody(conversation: Conversation, clara: User) -> None:
    conversation.team.delete()  # type: ignore[union-attr]
    assert Conversation.objects.get().team is None
    assert Conversation.objects.visible_to(clara.as_actor()).exists()


# --- how rows introduce themselves ------------------------------------------------------------------------


def test_rows_introduce_themselves(conversation: Conversation, davi: Contact, inbox: Inbox) -> None:
    assert (str(davi), str(inbox), str(conversation)) == ("Davi Duarte", "Shop", "Onde está meu pedido?")
    assert str(Message.objects.get()) == "#1 Davi Duarte: Onde está meu pedido?"
    assert str(Event.objects.get()) == "#1 message.created"
    assert str(ContactIdentity.objects.get()) == f"davi @ {inbox.pk}"
    conversation.subject = "Pedido"
    assert str(conversation) == "Pedido"
    assert str(Conversation(pk=conversation.pk)) == str(conversation.pk)


def test_contact_is_called_by_the_best_that_is_known() -> None:
    contact = Contact()
    assert contact.display_name == f"Visitor {str(contact.pk)[:4]}"
    contact.email = "eva@example.com"
    assert contact.display_name == "eva@example.com"
    contact.name = "Eva"
    assert (contact.display_name, contact.as_actor().name) == ("Eva", "Eva")
    assert contact.as_actor().id == str(contact.pk)
    assert not contact.as_actor().is_staff


def test_new_inboxes_have_keys_and_secrets_of_their_own() -> None:
    one, other = Inbox(), Inbox()
    assert one.key != other.key
    assert one.secret != other.secret
    assert len(one.secret) >= 43
    assert len(one.key) >= 16


@pytest.mark.parametrize(
    ("contact", "operator", "unread"),
    [(0, 0, False), (1, 0, True), (1, 1, False), (1, 5, False), (7, 6, True)],
)
def test_conversation_is_unread_until_an_operator_has_seen_the_last_of_it(
    contact: int,
    operator: int,
    unread: bool,  # noqa: FBT001
) -> None:
    assert Conversation(last_contact_seq=contact, read_by_operator_seq=operator).is_unread is unread
