"""Taking in: every item of a receipt, once, whatever is wrong with its neighbours and whoever is beside."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError, OperationalError, connection
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from psycopg.errors import AdminShutdown, CannotConnectNow, DeadlockDetected, DiskFull, ProgramLimitExceeded

from conversations import signals, tasks
from conversations.actions import delete_old_receipts, hand_back, intake, replay, resolve
from conversations.actions.inbound import MAX_TEXT
from conversations.actions.intake import BLAMED_AT, PATIENCE, apply, take_in, take_in_some
from conversations.enums import EventType, Status, Verdict
from conversations.exchange import Echo, Incoming, Parsed, Sender, Thread, Webhook
from conversations.models import (
    Attachment,
    Contact,
    ContactIdentity,
    Conversation,
    Event,
    InboundEvent,
    Inbox,
    InboxState,
    Message,
)
from core.actor import Actor
from core.errors import Forbidden
from core.reasons import said
from tests.conversations.lines import event, incoming, pass_time, planned, told
from tests.conversations.scripted import ScriptedAdapter
from tests.conversations.test_receive import in_parallel

pytestmark = pytest.mark.django_db


def texts() -> list[str]:
    return list(Message.objects.order_by("seq").values_list("text", flat=True))


def test_every_item_of_a_batch_is_taken_in(line: Inbox) -> None:
    """Chatwoot and Zammad read `.first` of entries, changes and messages: of a batch, the rest is lost."""
    items = [incoming(number, f"t{number}") for number in range(30)]
    assert told(line, *items) == Verdict.DONE
    assert texts() == [f"t{number}" for number in range(30)]


def test_of_large_receipts_few_are_read_at_once(line: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty mails with films, read together, would be the end of a worker, and of the next one."""
    monkeypatch.setattr(intake, "AT_ONCE_BYTES", 10_000)
    for number, size in enumerate([4_000, 4_000, 40_000, 10, 10]):
        event(line, incoming(number, f"{number}", details={"padding": "x" * size}))
    looked_at = [take_in_some(line.pk) for _ in range(4)]
    assert looked_at == [2, 1, 2, 0]
    assert texts() == ["0", "1", "2", "3", "4"]


def test_one_bad_item_keeps_no_other_from_its_effect(line: Inbox) -> None:
    bad = incoming("x" * 300, "too long an id")
    row = event(line, incoming(1, "before"), bad, incoming(2, "after"))
    assert take_in(row) == Verdict.QUARANTINED
    assert texts() == ["before", "after"]
    row.refresh_from_db()
    assert said(row.detail).startswith("The database refuses it: value too long")
    assert b"too long an id" in bytes(row.body)


def test_reader_that_stumbles_keeps_what_it_read_before(line: Inbox) -> None:
    assert told(line, incoming(1, "before"), {"kind": "no such kind"}, incoming(2)) == Verdict.QUARANTINED
    assert texts() == ["before"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b'{"items": 7}', b"[" * 100_000]
)
def test_bytes_that_nobody_can_read_are_kept_and_shown(line: Inbox, body: bytes) -> None:
    """Zammad #795, #811, #2176: what cannot be processed is kept, and stops nothing."""
    row = event(line, body=body)
    assert take_in(row) == Verdict.QUARANTINED
    row.refresh_from_db()
    assert bytes(row.body) == body
    assert row.detail
    assert take_in_some(line.pk) == 0


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "This is no JSON: Expecting property name"),
        (b"\xff\xfe\xff", "This is no text: "),
        (b"{}", "items is missing."),
        (b"[]", "It has another form than expected: "),
        (b'{"items": [{"kind": "incoming"}]}', "It has another form than expected: "),
    ],
)
def test_reason_is_in_words_and_the_log_gets_a_line(
    line: Inbox, body: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever knew the address could fill the log with tracebacks."""
    assert told(line, body=body) == Verdict.QUARANTINED
    detail = said(InboundEvent.objects.get().detail)
    assert detail.startswith(why)
    assert "Error" not in detail
    (written,) = [record.getMessage() for record in caplog.records if "receipt" in record.getMessage()]
    assert "\n" not in written
    assert "Traceback" not in written


def test_what_was_quarantined_is_taken_in_by_a_replay_once_it_can_be_read(
    line: Inbox, monkeypatch: Any, bruno: Any
) -> None:
    parse = ScriptedAdapter.parse

    def broken(self: ScriptedAdapter, webhook: Webhook, config: Any) -> Iterable[Parsed]:
        yield from list(parse(self, webhook, config))[:1]
        raise ValueError("a bug")

    monkeypatch.setattr(ScriptedAdapter, "parse", broken)
    row = event(line, incoming(1, "a"), incoming(2, "b"))
    assert take_in(row) == Verdict.QUARANTINED
    monkeypatch.setattr(ScriptedAdapter, "parse", parse)
    assert replay([row.pk], by=bruno.as_actor()) == 1
    assert planned("conversations.take_in") == [{"inbox_id": line.pk}]
    assert take_in_some(line.pk) == 1
    assert texts() == ["a", "b"]
    row.refresh_from_db()
    assert (row.verdict, row.detail) == (Verdict.DONE, "")


def test_replay_of_everything_stores_nothing_twice(line: Inbox) -> None:
    rows = [event(line, incoming(number, str(number))) for number in range(3)]
    for row in rows:
        take_in(row)
    before = list(Event.objects.values_list("seq", "type")), Contact.objects.count()
    assert replay([row.pk for row in rows], by=Actor.system()) == 3
    assert take_in_some(line.pk) == 3
    assert (list(Event.objects.values_list("seq", "type")), Contact.objects.count()) == before
    assert set(InboundEvent.objects.values_list("verdict", flat=True)) == {Verdict.DONE}


def test_replay_is_for_staff(line: Inbox, chat: Conversation) -> None:
    with pytest.raises(Forbidden):
        replay([event(line).pk], by=chat.contact.as_actor())


def test_redelivered_a_thousand_times_is_one_message(line: Inbox) -> None:
    """Evolution #2675, #2716: one key.id came 837 times, each time in another envelope."""
    for number in range(1000):
        assert take_in(event(line, incoming(1, "Oi"), incoming(f"other{number % 3}"))) == Verdict.DONE
    assert Message.objects.count() == 4
    assert Message.objects.filter(external_id="m1").count() == 1
    assert Event.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_twenty_parallel_webhooks_of_a_new_contact_make_one_of_everything(line: Inbox) -> None:
    """Chatwoot #14060, #13359, #13308: an album, or forwarded messages, became as many conversations."""
    rows = [event(line, incoming(number, str(number))) for number in range(20)]
    in_parallel([partial(take_in, row) for row in rows])
    assert Contact.objects.count() == ContactIdentity.objects.count() == Conversation.objects.count() == 1
    assert sorted(Message.objects.values_list("seq", flat=True)) == list(range(1, 21))
    assert sorted(texts(), key=int) == [str(number) for number in range(20)]


@pytest.mark.django_db(transaction=True)
def test_twenty_parallel_webhooks_of_a_contact_with_two_ids_make_one_contact(line: Inbox) -> None:
    """WhatsApp names a person by number, by user id or by both; whichever comes first, it is one person."""
    both = {"external_id": "uid", "name": "Eva", "aliases": ["+55"]}
    in_parallel([partial(take_in, event(line, incoming(n, sender=both))) for n in range(20)])
    assert Contact.objects.count() == Conversation.objects.count() == 1
    assert Message.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_the_same_receipts_store_each_once(line: Inbox) -> None:
    """Zammad #5540: one worker was all there could be, and whatever stopped it stopped all mail."""
    for number in range(40):
        event(line, incoming(number, str(number)))
    in_parallel([partial(take_in_some, line.pk)] * 2)
    assert sorted(texts(), key=int) == [str(number) for number in range(40)]
    assert set(InboundEvent.objects.values_list("verdict", flat=True)) == {Verdict.DONE}
    assert [row.seq for row in Event.objects.order_by("seq")] == list(range(1, 41))


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_the_first_mail_of_a_thread_open_one_conversation(line: Inbox) -> None:
    """A worker that was thought dead goes on beside the one that replaced it."""
    origin = Incoming("<1@x>", Sender("eva@x"), "Oi", thread=Thread(subject="Help"))
    in_parallel([partial(apply, line, origin, uploader="r")] * 8)
    assert Message.objects.count() == 1
    assert Conversation.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_the_same_echo_store_it_once(line: Inbox, chat: Conversation) -> None:
    in_parallel([partial(apply, line, Echo("e1", Sender("davi"), "from the phone"), uploader="r")] * 8)
    assert Message.objects.filter(external_id="e1").count() == 1


@pytest.mark.django_db(transaction=True)
def test_job_takes_in_all_that_waits_and_notes_when(line: Inbox) -> None:
    for number in range(60):
        event(line, incoming(number, str(number)))
    async_to_sync(tasks.take_in.func)(line.pk)
    assert texts() == [str(number) for number in range(60)]
    assert InboxState.objects.get(inbox=line).last_received_at is not None


def test_receipt_that_refers_to_what_is_not_here_is_patient_for_two_minutes(line: Inbox) -> None:
    row = event(line, {"kind": "edited", "external_id": "m9", "text": "b"}, incoming(1, "beside"))
    waited = 0.0
    for attempt in range(1, PATIENCE):
        before = timezone.now()
        assert take_in_some(line.pk) == 1
        row.refresh_from_db()
        assert (row.verdict, row.attempts) == (Verdict.RECEIVED, attempt)
        assert row.next_try_at is not None
        pause = (row.next_try_at - before).total_seconds()
        assert take_in_some(line.pk) == 0
        pass_time(pause + 1)
        waited += pause
    assert 60 < waited < 120
    assert take_in_some(line.pk) == 1
    row.refresh_from_db()
    assert (row.verdict, row.next_try_at) == (Verdict.DONE, None)
    assert texts() == ["beside"]


def test_edit_that_overtook_its_message_is_carried_out_in_the_end(line: Inbox) -> None:
    row = event(line, {"kind": "edited", "external_id": "m1", "text": "b"})
    assert take_in(row) == Verdict.RECEIVED
    told(line, incoming(1, "a"))
    pass_time(2)
    take_in_some(line.pk)
    assert texts() == ["b"]


def test_nothing_to_do_is_ignored_with_the_reason(line: Inbox) -> None:
    row = event(line, {"kind": "ignored", "reason": "a typing sign\x00 \ud800"})
    assert take_in(row) == Verdict.IGNORED
    row.refresh_from_db()
    assert row.detail == "a typing sign ?"


def test_error_with_words_that_no_database_holds_stops_nobody(line: Inbox, monkeypatch: Any) -> None:
    def broken(self: ScriptedAdapter, webhook: Webhook, config: Any) -> Iterable[Parsed]:
        raise ValueError("no kind a\x00b \ud83d")

    monkeypatch.setattr(ScriptedAdapter, "parse", broken)
    assert told(line) == Verdict.QUARANTINED


HOSTILE = "a\x00b \ud83d"


def test_text_that_no_database_holds_is_shown_without_what_cannot_be_held(line: Inbox) -> None:
    item = incoming(
        1, HOSTILE, {"external_id": HOSTILE, "name": HOSTILE},
        details={"kind": HOSTILE, "deep": [{HOSTILE: [HOSTILE]}]},
        files=[{"name": HOSTILE, "reference": {"id": HOSTILE}, "content_type": HOSTILE}],
    )  # fmt: skip
    assert told(line, item) == Verdict.DONE
    message = Message.objects.get()
    assert (message.text, message.author_name) == ("ab ?", "ab ?")
    assert message.details == {"kind": "ab ?", "deep": [{"ab ?": ["ab ?"]}]}
    assert Attachment.objects.get().reference == {"id": "ab ?"}


@examples(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_categories=()), max_size=40),
    name=st.text(st.characters(exclude_categories=())),
)
def test_any_text_and_name_are_taken_in(line: Inbox, text: str, name: str) -> None:
    count = Message.objects.count()
    assert told(line, incoming(count, text, {"external_id": "x", "name": name})) == Verdict.DONE
    assert Message.objects.count() == count + 1


def test_long_text_is_shown_cut_and_kept_whole(line: Inbox) -> None:
    text = "ação " * 4000
    told(line, incoming(1, text), incoming(2, "y" * MAX_TEXT))
    first, second = Message.objects.order_by("seq")
    assert len(first.text) == MAX_TEXT
    assert first.text.endswith("…")
    assert first.details["full_text"] == text
    assert (len(second.text), second.details) == (MAX_TEXT, {})


@pytest.mark.parametrize("text", ["", "  \n", "\x00"])
def test_message_without_text_or_file_is_shown_all_the_same(line: Inbox, text: str) -> None:
    assert told(line, incoming(1, text)) == Verdict.DONE
    assert texts() == ["(no text)"]


# --- Late, and by machines ---------------------------------------------------------------------------------
def with_agent(chat: Conversation) -> Conversation:
    return hand_back(conversation=chat, by=Actor.system())


def arrives(line: Inbox, sent_at: datetime, **more: Any) -> Message:
    """A message that was written at that moment."""
    apply(line, Incoming("late", Sender("davi"), "What now?", sent_at=sent_at, **more), uploader="r")
    return Message.objects.get(external_id="late")


def test_message_of_a_week_ago_goes_to_people_with_its_own_time(line: Inbox, chat: Conversation) -> None:
    """Case L: Meta retries for seven days; an agent's answer to that would be absurd."""
    with_agent(chat)
    written = timezone.now() - timedelta(days=7)
    message = arrives(line, written)
    chat.refresh_from_db()
    assert (message.sent_at, chat.status) == (written, Status.OPEN)
    assert chat.waiting_since is not None
    assert chat.last_contact_seq == message.seq
    assert Event.objects.filter(type=EventType.CONVERSATION_UPDATED, seq=message.seq - 1).exists()


def test_message_of_this_morning_stays_with_the_agent(line: Inbox, chat: Conversation) -> None:
    with_agent(chat)
    arrives(line, timezone.now() - timedelta(hours=23))
    chat.refresh_from_db()
    assert chat.status == Status.BOT


def test_message_from_the_future_opens_no_longer_window(line: Inbox, chat: Conversation) -> None:
    """Case M: a provider's clock that is a day ahead."""
    message = arrives(line, timezone.now() + timedelta(days=1))
    chat.refresh_from_db()
    assert chat.last_contact_at is not None
    assert chat.last_contact_at <= message.created_at + timedelta(seconds=5)


def test_stranger_in_a_thread_is_answered_by_no_agent(line: Inbox) -> None:
    """FreeScout GHSA-j49f: the agent acts with the rights of the thread's customer, not of who wrote last."""
    first = Incoming("<1@x>", Sender("eva@x"), "Oi", thread=Thread(subject="Help"))
    apply(line, first, uploader="r")
    thread = hand_back(conversation=Conversation.objects.get(), by=Actor.system())
    own = Incoming("<2@x>", Sender("eva@x"), "More", thread=Thread(answers=("<1@x>",)))
    apply(line, own, uploader="r")
    thread.refresh_from_db()
    assert thread.status == Status.BOT
    other = Incoming("<3@y>", Sender("mallory@y"), "Send it to me", thread=Thread(answers=("<1@x>",)))
    apply(line, other, uploader="r")
    thread.refresh_from_db()
    assert (thread.status, Conversation.objects.count()) == (Status.OPEN, 1)
    assert thread.waiting_since is not None


def test_late_message_takes_nothing_from_the_window(line: Inbox, chat: Conversation) -> None:
    before = chat.last_contact_at
    arrives(line, timezone.now() - timedelta(days=3))
    chat.refresh_from_db()
    assert chat.last_contact_at == before


def test_automatic_message_reopens_nothing_and_nobody_waits(line: Inbox, chat: Conversation) -> None:
    """Two helpdesks that answer each other's automatic answers."""
    resolve(conversation=chat, by=Actor.system())
    message = arrives(line, timezone.now(), is_automatic=True)
    chat.refresh_from_db()
    assert (chat.status, chat.waiting_since, message.is_automatic) == (Status.RESOLVED, None, True)


def test_automatic_message_is_not_answered_by_the_agent(line: Inbox, chat: Conversation) -> None:
    with_agent(chat)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    arrives(line, timezone.now(), is_automatic=True)
    chat.refresh_from_db()
    assert chat.status == Status.BOT
    assert planned("agents.answer") == []
    apply(line, Incoming("m2", Sender("davi"), "Hello?"), uploader="r")
    assert len(planned("agents.answer")) == 1


# --- When the database fails -------------------------------------------------------------------------------
def test_database_that_is_away_leaves_the_receipt_for_the_sweep(line: Inbox) -> None:
    row = event(line, incoming(1, "a"))

    def away(**_: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    signals.message_received.connect(away)
    try:
        with pytest.raises(DatabaseError):
            take_in(row)
    finally:
        signals.message_received.disconnect(away)
    row.refresh_from_db()
    assert (row.verdict, row.handled_at, texts()) == (Verdict.RECEIVED, None, [])
    assert take_in_some(line.pk) == 1
    assert texts() == ["a"]


def test_worker_killed_between_seen_and_stored_leaves_the_message_to_the_next(line: Inbox) -> None:
    """Chatwoot #13523, after #6220 and #7003: what was seen was noted in Redis before it was stored.

    Whoever died in between had the provider's repetition taken for a double, and the message was lost.
    """

    def die(**_: Any) -> None:
        raise SystemExit

    signals.message_received.connect(die)
    try:
        with pytest.raises(SystemExit):
            take_in(event(line, incoming(1, "Oi")))
    finally:
        signals.message_received.disconnect(die)
    assert texts() == []
    # The provider was not answered and tells it again, in another envelope.
    assert take_in(event(line, incoming(1, "Oi"))) == Verdict.DONE
    assert take_in_some(line.pk) == 1
    assert texts() == ["Oi"]


def test_receipt_at_which_the_database_fails_again_and_again_lets_others_pass(line: Inbox) -> None:
    """Zammad #5911, #6133: one stuck job delayed all mail."""
    row = event(line, incoming(1, "poison"))
    event(line, incoming(2, "fine"))

    def poisoned(message: Message, **_: Any) -> None:
        if message.text == "poison":
            raise OperationalError("index row size 3000 exceeds btree maximum") from ProgramLimitExceeded()

    signals.message_received.connect(poisoned)
    try:
        for _ in range(BLAMED_AT - 1):
            # It may be the database: all wait, in order.
            with pytest.raises(DatabaseError):
                take_in_some(line.pk)
            assert texts() == []
        assert take_in_some(line.pk) == 2
        assert texts() == ["fine"]
        for _ in range(PATIENCE):
            pass_time(3600)
            take_in_some(line.pk)
    finally:
        signals.message_received.disconnect(poisoned)
    row.refresh_from_db()
    assert (row.verdict, "btree maximum" in row.detail) == (Verdict.QUARANTINED, True)


def test_receipt_whose_reading_ends_its_worker_lets_others_pass(
    line: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that runs out of memory writes nothing down: it was tried for ever, and nothing else was."""
    monkeypatch.setattr(intake, "LARGE", 1_000)
    row = event(line, incoming(1, "large", details={"padding": "x" * 2_000}))
    event(line, incoming(2, "fine"))
    read = ScriptedAdapter.parse

    def killing(self: ScriptedAdapter, webhook: Webhook, config: Any) -> Any:
        if len(webhook.body) > 1_000:
            raise SystemExit
        return read(self, webhook, config)

    with monkeypatch.context() as patch:
        patch.setattr(ScriptedAdapter, "parse", killing)
        for _ in range(BLAMED_AT):
            with pytest.raises(SystemExit):
                take_in_some(line.pk)
        assert take_in_some(line.pk) == 1
        assert texts() == ["fine"]
        for _ in range(PATIENCE):
            pass_time(3600)
            with pytest.raises(SystemExit):
                take_in_some(line.pk)
        pass_time(3600)
        take_in_some(line.pk)
    row.refresh_from_db()
    assert (row.verdict, said(row.detail)) == (
        Verdict.QUARANTINED,
        "Each attempt to read it ended the worker.",
    )
    replay([row.pk], by=Actor.system())
    take_in_some(line.pk)
    row.refresh_from_db()
    assert (row.verdict, row.attempts, row.next_try_at) == (Verdict.DONE, 1, None)


@pytest.mark.parametrize("large", [100, 1_000_000])
@pytest.mark.parametrize("cause", [DiskFull(), CannotConnectNow(), AdminShutdown(), DeadlockDetected(), None])
def test_outage_is_no_receipt_s_fault_and_keeps_their_order(
    line: Inbox, cause: Exception | None, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "LARGE", large)
    for number, text in enumerate(("one", "two", "three"), start=1):
        event(line, incoming(number, text))

    def away(**_: Any) -> None:
        raise OperationalError("could not extend file") from cause

    signals.message_received.connect(away)
    try:
        for _ in range(BLAMED_AT + PATIENCE):
            with pytest.raises(DatabaseError):
                take_in_some(line.pk)
    finally:
        signals.message_received.disconnect(away)
    while take_in_some(line.pk):
        pass
    assert texts() == ["one", "two", "three"]


def test_receipt_of_a_channel_that_is_gone_is_kept(line: Inbox, settings: Any) -> None:
    row = event(line, incoming())
    Inbox.objects.update(channel="fax")
    row.refresh_from_db()
    assert take_in(row) == Verdict.QUARANTINED
    assert "fax" in InboundEvent.objects.get().detail


# --- Housekeeping ------------------------------------------------------------------------------------------
def test_old_receipts_go_but_those_not_understood_stay(line: Inbox) -> None:
    rows = {verdict: event(line) for verdict in Verdict}
    for verdict, row in rows.items():
        InboundEvent.objects.filter(pk=row.pk).update(verdict=verdict)
    assert delete_old_receipts() == 0
    pass_time(31 * 24 * 3600)
    assert delete_old_receipts() == 2
    assert set(InboundEvent.objects.values_list("verdict", flat=True)) == {
        Verdict.RECEIVED,
        Verdict.QUARANTINED,
    }
