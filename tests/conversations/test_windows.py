"""Until when a channel takes free text, and who is held to it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from conversations.actions import note, reply
from conversations.errors import WindowClosed
from conversations.models import Conversation, Inbox, Message
from conversations.queries import windows
from conversations.queries.windows import (
    capabilities,
    channel_frame,
    is_window_open,
    window_end,
    window_frame,
    window_of,
)
from core.actor import Actor, ActorKind
from core.errors import Conflict
from tests.channels import DAY, WEEK, silent_for

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = Actor(ActorKind.API_KEY, "1", "Shop", is_admin=True)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    windows._kept.clear()


def test_a_channel_without_a_window_is_always_open(conversation: Conversation) -> None:
    silent_for(conversation, timedelta(days=900))
    assert is_window_open(conversation)
    assert window_frame(conversation) is None
    assert window_end(conversation) is None


@pytest.mark.parametrize(("later", "is_open"), [(-1, True), (0, False), (1, False)])
def test_the_window_ends_a_day_after_the_customers_last_message(
    letter: Conversation, later: int, *, is_open: bool
) -> None:
    letter.last_contact_at = NOON - DAY
    with time_machine.travel(NOON + timedelta(seconds=later), tick=False):
        assert is_window_open(letter) is is_open
        assert window_frame(letter) == {"until": NOON.isoformat(), "is_open": is_open}


def test_the_window_is_closed_where_the_customer_never_wrote(letter: Conversation) -> None:
    letter.last_contact_at = None
    assert window_frame(letter) == {"until": None, "is_open": False}


def test_a_channel_that_settings_no_longer_name_is_shown_by_its_kind(letter: Conversation) -> None:
    letter.inbox.channel = "pigeon"
    assert channel_frame(letter.inbox) == {
        "kind": "pigeon", "label": "pigeon", "has_templates": False, "quotes": False,
        "copies": False,
    }  # fmt: skip
    assert capabilities(letter.inbox).sends is False
    assert window_frame(letter) is None


@pytest.mark.parametrize(
    ("config", "window"), [({"is_pulled": True}, WEEK), ({}, DAY), ({"is_pulled": "perhaps"}, DAY)]
)
def test_an_inbox_may_have_a_window_of_its_own(
    post: Inbox, config: dict[str, object], window: timedelta
) -> None:
    """Settings that cannot be read leave the channel's rule."""
    post.channel, post.config = "patient", config
    post.save()
    assert window_of(Inbox.objects.get(pk=post.pk)) == window
    assert window_of(Inbox.objects.defer("config").get(pk=post.pk)) == window


def test_lists_read_settings_of_an_inbox_once_in_a_while(
    post: Inbox, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    post.channel, post.config = "patient", {"is_pulled": True}
    post.save()
    rows = [Inbox.objects.defer("config").get(pk=post.pk) for _ in range(3)]
    with django_assert_num_queries(1):
        assert [window_of(row) for row in rows] == [WEEK] * 3


@pytest.mark.parametrize("who", ["bruno", "key"])
def test_free_text_outside_the_window_is_refused(letter: Conversation, bruno: User, who: str) -> None:
    by = bruno.as_actor() if who == "bruno" else KEY
    silent_for(letter, DAY)
    with pytest.raises(WindowClosed, match="only an approved template") as refusal:
        reply(conversation=letter, text="Sorry for the wait", by=by)
    assert isinstance(refusal.value, Conflict)
    assert refusal.value.code == "window_closed"
    letter.refresh_from_db()
    assert (Message.objects.count(), letter.assignee) == (1, None)


def test_free_text_within_the_window_is_taken(letter: Conversation, bruno: User) -> None:
    silent_for(letter, DAY - timedelta(minutes=1))
    assert reply(conversation=letter, text="Here", by=bruno.as_actor()).seq > 1


def test_a_reply_that_was_taken_is_not_refused_when_it_is_sent_again(
    letter: Conversation, bruno: User
) -> None:
    once = uuid4()
    first = reply(conversation=letter, text="Here", by=bruno.as_actor(), client_id=once)
    silent_for(letter, DAY)
    assert reply(conversation=letter, text="Here", by=bruno.as_actor(), client_id=once) == first


def test_notes_know_no_window(letter: Conversation, bruno: User) -> None:
    silent_for(letter, DAY)
    assert note(conversation=letter, text="Call her", by=bruno.as_actor()).seq == 2


def test_the_customers_next_message_opens_the_window(letter: Conversation, bruno: User, post: Inbox) -> None:
    from conversations.actions import Sender, receive

    silent_for(letter, DAY)
    receive(inbox=post, sender=Sender("eva"), text="Hello?")
    letter.refresh_from_db()
    assert letter.last_contact_at is not None
    assert timezone.now() - letter.last_contact_at < timedelta(minutes=1)
    assert reply(conversation=letter, text="Here", by=bruno.as_actor()).text == "Here"
