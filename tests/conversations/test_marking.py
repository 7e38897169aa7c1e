"""Telling a provider that we have read: once for each newest message, and nothing depends on it."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Team, User
from agents.actions import begin_run
from agents.models import Agent
from conversations import tasks
from conversations.actions import Sender, plan_marking, read_by_operator, receive, reply
from conversations.adapters import BaseAdapter
from conversations.channels import Capabilities, InboxBroken, SendLater, SendRefused, adapter
from conversations.exchange import Incoming
from conversations.models import Conversation, Inbox, Message
from tests.conversations.scripted import ScriptedAdapter

pytestmark = pytest.mark.django_db(transaction=True)
MARK = "conversations.mark_read"


class MarkingAdapter(ScriptedAdapter):
    """A provider that can be told what was read."""

    capabilities = Capabilities(marks_read=True)
    marks: ClassVar[list[tuple[str, bool]]] = []
    told: ClassVar[list[tuple[str, list[str]]]] = []
    acknowledged: ClassVar[list[str]] = []
    failures: ClassVar[list[Exception]] = []

    def mark_read(self, external_ids: Sequence[str], config: Any, *, to: str, typing: bool = False) -> None:
        del config
        self.marks.append((external_ids[-1], typing))
        self.told.append((to, list(external_ids)))
        if self.failures:
            raise self.failures.pop()

    def acknowledge(self, external_id: str, config: Any) -> None:
        del config
        self.acknowledged.append(external_id)
        if self.failures:
            raise self.failures.pop()


@pytest.fixture
def marks(settings: Any) -> Iterator[list[tuple[str, bool]]]:
    """What the provider was told."""
    path = f"{MarkingAdapter.__module__}.{MarkingAdapter.__qualname__}"
    settings.CHANNEL_ADAPTERS = {**settings.CHANNEL_ADAPTERS, "marking": path}
    adapter.cache_clear()
    cache.clear()
    channel = type(adapter("marking"))
    channel.marks.clear()  # type: ignore[attr-defined]
    channel.told.clear()  # type: ignore[attr-defined]
    channel.acknowledged.clear()  # type: ignore[attr-defined]
    channel.failures.clear()  # type: ignore[attr-defined]
    yield channel.marks  # type: ignore[attr-defined]
    adapter.cache_clear()


@pytest.fixture
def line(marks: object, team: Team) -> Inbox:
    return Inbox.objects.create(name="Line", channel="marking", team=team, config={"secret": "s3cret"})


@pytest.fixture
def chat(line: Inbox) -> Conversation:
    return say(line, "m1")


def say(line: Inbox, external_id: str) -> Conversation:
    sender = Sender("eva", name="Eva")
    origin = Incoming(external_id, sender, text="Hello")
    return receive(
        inbox=line, sender=sender, text="Hello", external_id=external_id, origin=origin
    ).conversation


def fresh(conversation: Conversation) -> Conversation:
    return Conversation.objects.get(pk=conversation.pk)


def planned() -> list[bool]:
    jobs = ProcrastinateJob.objects.filter(task_name=MARK).order_by("pk")
    return [bool(job.args.get("typing")) for job in jobs]


def mark(conversation: Conversation, *, typing: bool = False) -> None:
    async_to_sync(tasks.mark_read.func)(str(conversation.pk), typing=typing)


# --- When it is planned -------------------------------------------------------------------------------------


def test_operator_who_reads_has_the_provider_told(chat: Conversation, bruno: User) -> None:
    read_by_operator(conversation=fresh(chat), seq=chat.last_seq, by=bruno.as_actor())
    assert planned() == [False]


def test_operator_who_reads_again_tells_nobody(chat: Conversation, bruno: User) -> None:
    for _ in range(2):
        read_by_operator(conversation=fresh(chat), seq=chat.last_seq, by=bruno.as_actor())
    assert planned() == [False]
    ProcrastinateJob.objects.all().delete()
    reply(conversation=fresh(chat), by=bruno.as_actor(), text="Yes?")
    read_by_operator(conversation=fresh(chat), seq=fresh(chat).last_seq, by=bruno.as_actor())
    assert planned() == []


def test_operator_who_has_not_come_to_the_newest_message_tells_nobody(
    chat: Conversation, bruno: User
) -> None:
    say(chat.inbox, "m2")
    read_by_operator(conversation=fresh(chat), seq=1, by=bruno.as_actor())
    assert planned() == []


def test_agent_that_begins_tells_that_it_writes_and_once(line: Inbox) -> None:
    Agent.objects.create(name="Lia").inboxes.add(line)
    chat = say(line, "m1")
    assert begin_run(conversation_id=chat.pk) is not None
    assert planned() == [True]
    ProcrastinateJob.objects.filter(task_name=MARK).delete()
    # Taken up after a crash: it has been told before.
    assert begin_run(conversation_id=chat.pk) is not None
    assert planned() == []


def test_channel_that_cannot_be_told_gets_no_job(conversation: Conversation, bruno: User) -> None:
    read_by_operator(conversation=conversation, seq=conversation.last_seq, by=bruno.as_actor())
    plan_marking(conversation, typing=True)
    assert planned() == []


def test_every_channel_may_be_asked_and_most_tell_nobody() -> None:
    channel = adapter("web")
    assert isinstance(channel, BaseAdapter)
    channel.mark_read(["m1"], None, to="eva", typing=True)
    channel.acknowledge("m1", None)


@pytest.mark.parametrize("kind", ["whatsapp_cloud", "evolution", "messenger", "instagram"])
def test_providers_that_can_be_told_are(kind: str) -> None:
    assert adapter(kind).capabilities.marks_read


# --- What is told -------------------------------------------------------------------------------------------


def test_newest_message_of_the_customer_is_marked_once(
    chat: Conversation, bruno: User, marks: list[tuple[str, bool]]
) -> None:
    say(chat.inbox, "m2")
    reply(conversation=fresh(chat), by=bruno.as_actor(), text="Yes?")
    mark(chat)
    mark(chat)
    assert marks == [("m2", False)]
    say(chat.inbox, "m3")
    mark(chat)
    assert marks[1:] == [("m3", False)]


def test_typing_is_told_after_reading_but_not_the_other_way_round(
    chat: Conversation, marks: list[tuple[str, bool]]
) -> None:
    mark(chat)
    mark(chat, typing=True)
    mark(chat)
    mark(chat, typing=True)
    assert marks == [("m1", False), ("m1", True)]
    say(chat.inbox, "m2")
    mark(chat, typing=True)
    mark(chat)
    assert marks[2:] == [("m2", True)]


def test_all_that_was_written_since_is_named_oldest_first(chat: Conversation, marks: object) -> None:
    """A provider that marks each message by itself left all but the last without ticks."""
    say(chat.inbox, "m2")
    mark(chat)
    for name in ("m3", "m4"):
        say(chat.inbox, name)
    mark(chat)
    assert MarkingAdapter.told == [("eva", ["m1", "m2"]), ("eva", ["m3", "m4"])]


def test_more_than_can_be_told_at_once_names_the_newest(
    chat: Conversation, marks: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conversations.actions.marking.MOST_MARKED", 2)
    for name in ("m2", "m3"):
        say(chat.inbox, name)
    mark(chat)
    assert MarkingAdapter.told == [("eva", ["m2", "m3"])]


def test_message_without_an_id_of_the_provider_is_not_marked(
    chat: Conversation, marks: list[tuple[str, bool]]
) -> None:
    Message.objects.update(external_id=None)
    mark(chat)
    assert marks == []


@pytest.mark.parametrize("failure", [SendLater("busy"), InboxBroken("no rights"), ValueError("a bug")])
def test_failure_is_logged_and_not_tried_again(
    chat: Conversation,
    marks: list[tuple[str, bool]],
    failure: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    type(adapter("marking")).failures.append(failure)  # type: ignore[attr-defined]
    with caplog.at_level("INFO", "conversations.actions.marking"):
        mark(chat)
    mark(chat)
    assert len(marks) == 1
    assert "mark" in caplog.text


def test_inbox_whose_settings_are_broken_marks_nothing(
    chat: Conversation, marks: list[tuple[str, bool]]
) -> None:
    Inbox.objects.filter(pk=chat.inbox_id).update(config={"secret": {"not": "text"}})
    mark(chat)
    assert marks == []


# --- What the sender's app waits for ------------------------------------------------------------------------


def press(line: Inbox, external_id: str = "callback:1", *, awaited: bool = True) -> None:
    sender = Sender("eva", name="Eva")
    origin = Incoming(external_id, sender, text="Yes", is_awaited=awaited)
    receive(inbox=line, sender=sender, text="Yes", external_id=external_id, origin=origin)


def awaited() -> list[dict[str, Any]]:
    return [job.args for job in ProcrastinateJob.objects.filter(task_name="conversations.acknowledge")]


def test_message_that_is_awaited_is_planned_to_be_acknowledged_with_it(line: Inbox) -> None:
    press(line)
    press(line)
    press(line, "m2", awaited=False)
    assert awaited() == [{"inbox_id": line.pk, "external_id": "callback:1"}]


def test_awaited_message_is_acknowledged_by_its_job(line: Inbox) -> None:
    press(line)
    (job,) = awaited()
    async_to_sync(tasks.acknowledge.func)(**job)
    assert MarkingAdapter.acknowledged == ["callback:1"]


@pytest.mark.parametrize("failure", [SendRefused("query is too old"), InboxBroken("no"), ValueError("a bug")])
def test_acknowledging_that_fails_is_only_logged(
    line: Inbox, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    MarkingAdapter.failures.append(failure)
    with caplog.at_level("INFO", "conversations.actions.marking"):
        async_to_sync(tasks.acknowledge.func)(line.pk, "callback:1")
    assert "acknowledge" in caplog.text
    assert len(MarkingAdapter.acknowledged) == 1


def test_nothing_is_acknowledged_for_an_inbox_that_is_gone(line: Inbox) -> None:
    gone = line.pk
    line.delete()
    async_to_sync(tasks.acknowledge.func)(gone, "callback:1")
    assert MarkingAdapter.acknowledged == []
