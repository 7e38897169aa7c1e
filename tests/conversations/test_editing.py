"""What people note of a conversation: what differs is written, nobody's change is lost."""

from functools import partial

import pytest

from accounts.models import Team, User
from conversations.actions import edit_conversation
from conversations.enums import FieldEntity, FieldKind, Priority
from conversations.models import Conversation, CustomField, Event
from core.errors import Changed, Forbidden, Invalid, NotFound
from core.versions import version_of
from tests.campaigns.lines import no_errors, together


@pytest.fixture
def order(db: None) -> CustomField:
    """A number that is noted of conversations."""
    return CustomField.objects.create(
        entity=FieldEntity.CONVERSATION, key="order", label="Order", kind=FieldKind.NUMBER
    )


def test_everything_is_changed_at_once_and_told_once(
    conversation: Conversation, bruno: User, order: CustomField
) -> None:
    row = edit_conversation(
        conversation=conversation,
        by=bruno.as_actor(),
        tags=["  vip ", "Refund", "VIP"],
        priority=Priority.HIGH,
        subject=" Order\n 7 ",
        attributes={"order": 7},
    )
    row.refresh_from_db()
    assert (row.tags, row.priority, row.subject, row.attributes) == (
        ["vip", "Refund"], Priority.HIGH, "Order 7", {"order": 7}
    )  # fmt: skip
    event = Event.objects.get(conversation=row, seq=row.last_seq)
    assert event.is_internal
    assert event.payload["changes"] == {
        "tags": {"from": [], "to": ["vip", "Refund"]},
        "priority": {"from": "normal", "to": "high"},
        "subject": {"from": "", "to": "Order 7"},
        "attributes.order": {"from": None, "to": 7},
    }


def test_nothing_new_leaves_no_trace(conversation: Conversation, bruno: User) -> None:
    before = Conversation.objects.get(pk=conversation.pk)
    edit_conversation(conversation=conversation, by=bruno.as_actor(), tags=[], subject="", attributes={})
    after = Conversation.objects.get(pk=conversation.pk)
    assert (after.last_seq, version_of(after)) == (before.last_seq, version_of(before))


def test_value_is_taken_away_by_none_and_others_stay(
    conversation: Conversation, bruno: User, order: CustomField
) -> None:
    conversation.attributes = {"order": 7, "of_old": "x"}
    conversation.save(update_fields=["attributes"])
    row = edit_conversation(conversation=conversation, by=bruno.as_actor(), attributes={"order": None})
    assert row.attributes == {"of_old": "x"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tags": ["x" * 41]}, "tags"),
        ({"tags": ["a,b"]}, "tags"),
        ({"tags": [str(number) for number in range(21)]}, "tags"),
        ({"add_tags": ["x" * 41]}, "add_tags"),
        ({"priority": 21}, "priority"),
        ({"subject": "x" * 201}, "subject"),
        ({"attributes": {"order": "7"}}, "attributes.order"),
        ({"attributes": {"order": True}}, "attributes.order"),
        ({"attributes": {"nobody": "7"}}, "attributes.nobody"),
    ],
)
def test_what_is_no_value_is_refused_by_name(
    conversation: Conversation, bruno: User, order: CustomField, change: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        edit_conversation(conversation=conversation, by=bruno.as_actor(), **change)  # type: ignore[arg-type]
    assert refused.value.extra["field"] == field
    assert not Conversation.objects.filter(last_seq__gt=conversation.last_seq).exists()


def test_other_teams_and_customers_may_not(conversation: Conversation, clara: User) -> None:
    with pytest.raises(NotFound):
        edit_conversation(conversation=conversation, by=clara.as_actor(), tags=["x"])
    with pytest.raises(Forbidden):
        edit_conversation(conversation=conversation, by=conversation.contact.as_actor(), tags=["x"])


def test_who_read_an_older_version_changes_nothing(
    conversation: Conversation, bruno: User, team: Team
) -> None:
    read = version_of(Conversation.objects.get(pk=conversation.pk))
    edit_conversation(conversation=conversation, by=bruno.as_actor(), tags=["first"], expected=read)
    with pytest.raises(Changed):
        edit_conversation(conversation=conversation, by=bruno.as_actor(), tags=["second"], expected=read)
    conversation.refresh_from_db()
    assert conversation.tags == ["first"]


@pytest.mark.django_db(transaction=True)
def test_tags_added_at_once_are_all_there(conversation: Conversation, system: object) -> None:
    add = partial(edit_conversation, conversation=conversation, by=system)  # type: ignore[arg-type]
    names = [f"t{number}" for number in range(8)]
    no_errors(together(*(partial(add, add_tags=[name], remove_tags=["gone"]) for name in names)))
    conversation.refresh_from_db()
    assert sorted(conversation.tags) == names
    assert conversation.last_seq == 1 + len(names)
