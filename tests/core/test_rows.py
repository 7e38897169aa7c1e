"""Rows past the ORM's compiler: the same rows as the ORM would write and read."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import ApiKey, Team, User
from conversations.enums import AuthorKind, Direction, EventType
from conversations.models import Contact, ContactIdentity, Conversation, Event, Inbox, Message
from core import rows


def said(conversation: Conversation, seq: int, **values: object) -> tuple[Message, Event]:
    """A message with its event, not yet stored."""
    message = Message(
        conversation=conversation, inbox=conversation.inbox, seq=seq, text="x", author_kind=AuthorKind.SYSTEM,
        direction=Direction.OUT, **values,
    )  # fmt: skip
    event = Event(conversation=conversation, seq=seq, type=EventType.MESSAGE_CREATED, message=message)
    return message, event


def test_insert_writes_both_in_one_statement(conversation: Conversation, django_assert_num_queries) -> None:
    message, event = said(conversation, 2, citations=[{"title": "a", "url": "b"}])
    with django_assert_num_queries(1):
        rows.insert(message, event)
    stored = Message.objects.get(pk=message.pk)
    assert {field.attname: getattr(stored, field.attname) for field in Message._meta.concrete_fields} == {
        field.attname: getattr(message, field.attname) for field in Message._meta.concrete_fields
    }
    assert Event.objects.get(seq=2).message == message


def test_insert_of_what_a_row_needs_may_come_later(conversation: Conversation) -> None:
    """Foreign keys are looked at when the transaction ends, so the order is free."""
    message, event = said(conversation, 2)
    rows.insert(event, message)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert Event.objects.get(seq=2).message == message


def test_insert_fills_times_and_defaults(conversation: Conversation) -> None:
    before = timezone.now()
    message, _event = said(conversation, 2)
    rows.insert(message)
    stored = Message.objects.get(pk=message.pk)
    assert before <= stored.created_at <= timezone.now()
    assert (stored.citations, stored.validated_by, stored.client_id) == ([], "pending", None)


def test_inserted_row_counts_as_saved(conversation: Conversation) -> None:
    message, _event = said(conversation, 2)
    rows.insert(message)
    message.text = "changed"
    message.save(update_fields=["text"])
    assert Message.objects.get(pk=message.pk).text == "changed"


def test_insert_that_breaks_a_constraint_writes_nothing(conversation: Conversation) -> None:
    message, event = said(conversation, 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert(message, event)
    assert Message.objects.count() == Event.objects.count() == 1


def test_insert_leaves_the_key_to_the_database(team: Team) -> None:
    rows.insert(Team(slug="a", name="A"), Team(slug="b", name="B"))
    assert list(Team.objects.order_by("slug").values_list("name", flat=True)) == ["A", "B", "Support"]
    assert len(set(Team.objects.values_list("pk", flat=True))) == 3


def test_insert_with_a_key_keeps_it(db: None) -> None:
    rows.insert(Team(pk=4711, slug="a", name="A"))
    assert Team.objects.get().pk == 4711


@pytest.mark.parametrize("text", ["'; DROP TABLE x; --", "100 %s", "%(a)s", "ação\n\t", '"', "\\"])
def test_values_are_values_whatever_they_say(conversation: Conversation, text: str) -> None:
    message, _event = said(conversation, 2)
    message.text = text
    rows.insert(message)
    conversation.preview = text
    rows.update(conversation, "preview")
    assert Message.objects.get(pk=message.pk).text == text
    assert Conversation.objects.get().preview == text


def test_update_writes_the_named_fields_only(conversation: Conversation, django_assert_num_queries) -> None:
    conversation.subject, conversation.preview = "new", "not this"
    with django_assert_num_queries(1):
        rows.update(conversation, "subject")
    stored = Conversation.objects.get()
    assert (stored.subject, stored.preview) == ("new", "Onde está meu pedido?")


def test_update_moves_the_time_of_change_when_named(conversation: Conversation) -> None:
    long_ago = timezone.now() - timedelta(days=1)
    Conversation.objects.update(updated_at=long_ago)
    rows.update(conversation, "subject")
    assert Conversation.objects.get().updated_at == long_ago
    rows.update(conversation, "updated_at")
    assert Conversation.objects.get().updated_at > long_ago


def test_update_of_a_relation_a_list_and_nothing(conversation: Conversation, other_team: Team) -> None:
    conversation.team, conversation.tags, conversation.waiting_since = other_team, ["a", "b"], None
    rows.update(conversation, "team", "tags", "waiting_since")
    stored = Conversation.objects.get()
    assert (stored.team, stored.tags, stored.waiting_since) == (other_team, ["a", "b"], None)


def test_update_of_one_row_leaves_the_others(team: Team, other_team: Team) -> None:
    team.name = "New"
    rows.update(team, "name")
    assert Team.objects.get(pk=other_team.pk).name == "Finance"


def test_update_of_a_row_that_is_gone_is_no_error(team: Team) -> None:
    Team.objects.all().delete()
    team.pk = 1
    rows.update(team, "name")
    assert not Team.objects.exists()


def test_update_of_a_field_that_does_not_exist_raises(team: Team) -> None:
    with pytest.raises(Exception, match="nothing"):
        rows.update(team, "nothing")


def test_from_columns_reads_what_columns_named(conversation: Conversation, davi: Contact) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {rows.columns(Conversation, 'a')}, {rows.columns(Contact, 'b')}, 7"  # noqa: S608
            " FROM conversations_conversation a JOIN conversations_contact b ON b.id = a.contact_id"
        )
        values = cursor.fetchone()
    first, rest = rows.from_columns(Conversation, values)
    second, rest = rows.from_columns(Contact, rest)
    assert (first, second, tuple(rest)) == (conversation, davi, (7,))
    assert first.preview == "Onde está meu pedido?"
    assert second.email == "davi@example.com"
    assert not first._state.adding


def test_columns_of_every_model_are_read_back_as_the_orm_reads_them(conversation: Conversation) -> None:
    ApiKey.objects.create(name="k", prefix="p", key_hash="h", scopes=["read"])
    Inbox.objects.update(config={"token": "of nobody"})
    for model in (Conversation, Contact, ContactIdentity, Message, Event, Inbox, ApiKey):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {rows.columns(model, 'x')} FROM {model._meta.db_table} x")  # noqa: S608
            values = cursor.fetchone()
        ours, rest = rows.from_columns(model, values)
        theirs = model._default_manager.get(pk=ours.pk)
        assert not rest
        for field in model._meta.concrete_fields:
            assert getattr(ours, field.attname) == getattr(theirs, field.attname), field.name


RELATED = ("inbox", "contact", "assignee", "team")


@pytest.mark.parametrize("whom", [None, "bruno"])
def test_find_reads_what_the_orm_reads(
    conversation: Conversation, bruno: User, whom: str | None, django_assert_num_queries
) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(assignee=bruno if whom else None)
    expected = Conversation.objects.select_related(*RELATED).get(pk=conversation.pk)
    with django_assert_num_queries(1):
        found = rows.find(Conversation, conversation.pk, *RELATED, where=rows.Where())
        assert found is not None
        pairs = [(found, expected), *((getattr(found, name), getattr(expected, name)) for name in RELATED)]
    assert (found.assignee is None) == (whom is None)
    for ours, theirs in pairs:
        fields = type(theirs)._meta.concrete_fields if theirs else ()
        assert type(ours) is type(theirs)
        assert [getattr(ours, f.attname) for f in fields] == [getattr(theirs, f.attname) for f in fields]


def test_find_leaves_out_what_is_not_wanted_until_it_is(
    conversation: Conversation, django_assert_num_queries
) -> None:
    found = rows.find(
        Conversation, conversation.pk, "inbox", where=rows.Where(), without=frozenset({"inbox__config"})
    )
    assert found is not None
    with django_assert_num_queries(0):
        assert found.inbox.name == conversation.inbox.name
    with django_assert_num_queries(1):
        assert found.inbox.config == conversation.inbox.config


def test_find_of_nothing_is_none(db: None) -> None:
    assert rows.find(Conversation, uuid4(), "inbox", where=rows.Where()) is None


def test_find_of_what_is_not_meant_is_none(conversation: Conversation) -> None:
    assert rows.find(Conversation, conversation.pk, where=rows.Where("FALSE")) is None
    mine = rows.Where("this.inbox_id = %s", (conversation.inbox_id,))
    assert rows.find(Conversation, conversation.pk, where=mine) == conversation


def test_those_are_all_with_a_value_in_their_order(conversation: Conversation) -> None:
    for seq in (3, 2, 4):
        rows.insert(*said(conversation, seq))
    found = rows.those(Event, "conversation", conversation.pk, order="seq")
    assert found == list(Event.objects.filter(conversation=conversation).order_by("seq"))
    assert [event.seq for event in found][-3:] == [2, 3, 4]
    assert rows.those(Event, "conversation", uuid4(), order="seq") == []


def test_relation_of_which_nothing_belongs_is_not_asked_for(
    conversation: Conversation, django_assert_num_queries
) -> None:
    message, _event = said(conversation, 2)
    rows.insert(message)
    rows.none_belong(message, "attachments")
    with django_assert_num_queries(0):
        assert list(message.attachments.all()) == []
    with django_assert_num_queries(1):
        assert not message.attachments.filter(name="x").exists()


def test_time_without_a_zone_is_read_as_django_reads_it(conversation: Conversation, settings) -> None:
    settings.TIME_ZONE = "America/Sao_Paulo"
    conversation.waiting_since = datetime(2026, 11, 22, 12)  # noqa: DTZ001 (that is what it is about)
    with pytest.warns(RuntimeWarning, match="naive"):
        rows.update(conversation, "waiting_since")
    conversation.refresh_from_db()
    assert conversation.waiting_since == datetime(2026, 11, 22, 15, tzinfo=UTC)
