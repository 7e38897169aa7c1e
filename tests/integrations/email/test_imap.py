"""Mailboxes are read from a real server: every mail once, whatever happens to the connection."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError
from pytest_django import Settings

from conversations.channels import InboxBroken, SendFailed, SendLater
from conversations.exchange import Batch, Incoming, Pulled, Webhook
from core.reasons import in_english
from integrations.email import imap
from integrations.email.config import EmailConfig
from tests.fakes.mailbox import PASSWORD, Wire, dovecot
from tests.integrations.email.case import ADAPTER, mail, mailbox

pytestmark = pytest.mark.dovecot
FOLDER = "Support"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with dovecot() as port:
        yield port


@pytest.fixture
def user() -> str:
    return f"{uuid4().hex}@shop.example"


@pytest.fixture
def client(port: int, user: str) -> Iterator[IMAPClient]:
    """The mailbox as its owner sees it."""
    with IMAPClient("127.0.0.1", port, ssl=False) as client:
        client.login(user, PASSWORD)
        client.create_folder(FOLDER)
        yield client


@pytest.fixture
def wire(port: int) -> Iterator[Wire]:
    wire = Wire(port)
    yield wire
    wire.close()


@pytest.fixture
def box(wire: Wire, user: str) -> EmailConfig:
    return mailbox(incoming="imap", imap_port=wire.port, imap_user=user, folder=FOLDER)


def put(client: IMAPClient, *texts: str, when: datetime | None = None) -> None:
    for text in texts:
        client.append(FOLDER, mail(text, message_id=f"{text}@mail.example"), msg_time=when)


def taken(config: EmailConfig, cursor: Any) -> tuple[list[Pulled], Any]:
    """What one look brings, up to where it would begin to wait, and the cursor after it."""
    events: list[Pulled] = []
    batches = ADAPTER.pull(config, cursor)
    first = True
    for batch in batches:
        events += batch.events
        is_start = first and batch.cursor != cursor and not batch.events
        cursor, first = batch.cursor, False
        if not batch.events and not is_start:
            break
    batches.close()  # type: ignore[attr-defined]
    return events, cursor


def texts(events: list[Pulled]) -> list[str]:
    items = [
        item
        for each in events
        for item in ADAPTER.parse(Webhook("PULL", "", {}, each.headers, each.body), mailbox())
    ]
    return [item.text for item in items if isinstance(item, Incoming)]


def test_first_look_begins_now(client: IMAPClient, box: EmailConfig) -> None:
    put(client, "old")
    events, cursor = taken(box, {})
    assert events == []
    put(client, "new")
    events, cursor = taken(box, cursor)
    assert texts(events) == ["new"]
    assert taken(box, cursor)[0] == []


def test_first_look_takes_the_days_it_was_told(client: IMAPClient, box: EmailConfig) -> None:
    now = datetime.now(UTC)
    put(client, "ancient", when=now - timedelta(days=40))
    put(client, "recent", when=now - timedelta(days=3))
    events, cursor = taken(box.model_copy(update={"import_days": 10}), {})
    assert texts(events) == ["recent"]
    assert taken(box, cursor)[0] == []


def test_mail_of_a_long_outage_is_fetched(client: IMAPClient, box: EmailConfig) -> None:
    """Chatwoot #10429: what came while the server was down for more than a day was never fetched."""
    _, cursor = taken(box, {})
    put(client, "friday", when=datetime.now(UTC) - timedelta(days=9))
    put(client, "monday")
    assert texts(taken(box, cursor)[0]) == ["friday", "monday"]


def test_every_mail_of_many_is_fetched_in_order(client: IMAPClient, box: EmailConfig) -> None:
    """Chatwoot #6604, #6574, #8829, #9234: only the last few mails were read."""
    _, cursor = taken(box, {})
    put(client, *(f"m{number}" for number in range(70)))
    events, cursor = taken(box, cursor)
    assert texts(events) == [f"m{number}" for number in range(70)]
    assert len({event.event_id for event in events}) == 70


def test_nothing_is_marked_as_read(client: IMAPClient, box: EmailConfig) -> None:
    _, cursor = taken(box, {})
    put(client, "unread")
    taken(box, cursor)
    client.select_folder(FOLDER, readonly=True)
    assert b"\\Seen" not in client.get_flags([1])[1]


def test_deleted_mail_is_neither_fetched_again_nor_in_the_way(client: IMAPClient, box: EmailConfig) -> None:
    """LibreDesk #142, #355."""
    _, cursor = taken(box, {})
    put(client, "one", "two", "three")
    _, cursor = taken(box, cursor)
    client.select_folder(FOLDER)
    client.delete_messages([1, 2, 3])
    client.expunge()
    put(client, "four")
    assert texts(taken(box, cursor)[0]) == ["four"]


def test_connection_that_ends_in_the_middle_of_a_mail_loses_and_doubles_nothing(
    client: IMAPClient, box: EmailConfig, wire: Wire
) -> None:
    """Case T: drop mid-fetch."""
    _, cursor = taken(box, {})
    put(client, *(f"m{number}" for number in range(30)))
    found: list[Pulled] = []
    cuts = 0
    for size in (300, 1000, 2000, 3000, 4500, 6000, 9000, -1):
        wire.cut_after(size)
        try:
            for batch in ADAPTER.pull(box, cursor):
                found, cursor = [*found, *batch.events], batch.cursor
                if not batch.events:
                    break
        except SendLater:
            cuts += 1
    assert cuts > 2
    assert texts(found) == [f"m{number}" for number in range(30)]


def test_same_mail_under_two_numbers_is_one_event(client: IMAPClient, box: EmailConfig) -> None:
    """Case T: duplicate UID."""
    _, cursor = taken(box, {})
    put(client, "same", "same")
    events, _ = taken(box, cursor)
    assert len(events) == 2
    assert len({event.event_id for event in events}) == 1


def test_mailbox_made_anew_is_read_again_by_what_its_mails_are_called(
    client: IMAPClient, box: EmailConfig
) -> None:
    """Case T: UIDVALIDITY change."""
    _, cursor = taken(box, {})
    put(client, "before")
    events, cursor = taken(box, cursor)
    old_validity = cursor["uidvalidity"]
    client.delete_folder(FOLDER)
    client.create_folder(FOLDER)
    put(client, "before", "meanwhile")
    put(client, "ancient", when=datetime.now(UTC) - timedelta(days=400))
    again, cursor = taken(box, cursor)
    assert cursor["uidvalidity"] != old_validity
    assert texts(again)[:2] == ["before", "meanwhile"]
    assert again[0].event_id == events[0].event_id
    put(client, "after")
    assert texts(taken(box, cursor)[0]) == ["after"]


def test_number_beyond_the_last_brings_nothing_again(client: IMAPClient, box: EmailConfig) -> None:
    put(client, "only")
    _, cursor = taken(box, {})
    assert taken(box, {**cursor, "uid": 100})[0] == []


def test_new_mail_ends_the_waiting(client: IMAPClient, box: EmailConfig) -> None:
    _, cursor = taken(box, {})
    batches = ADAPTER.pull(box, cursor)
    assert next(batches).events == ()
    later = threading.Timer(0.5, put, [client, "woken"])
    later.start()
    try:
        found: Batch = next(batches)
        while not found.events:
            found = next(batches)
        assert texts(list(found.events)) == ["woken"]
    finally:
        later.join()
        batches.close()  # type: ignore[attr-defined]


def test_server_without_idle_is_asked_again(
    client: IMAPClient, box: EmailConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IMAPClient, "has_capability", lambda *_: False)
    monkeypatch.setattr(imap, "WAIT_SECONDS", 0.1)
    _, cursor = taken(box, {})
    batches = ADAPTER.pull(box, cursor)
    assert next(batches).events == ()
    put(client, "asked")
    assert texts(list(next(batches).events)) == ["asked"]
    batches.close()  # type: ignore[attr-defined]


def test_connection_that_ends_while_waiting_is_told(box: EmailConfig, client: IMAPClient, wire: Wire) -> None:
    _, cursor = taken(box, {})
    batches = ADAPTER.pull(box, cursor)
    next(batches)
    threading.Timer(0.3, wire.cut).start()
    with pytest.raises(SendLater):
        for _ in batches:
            pass


def test_mail_too_large_comes_with_its_beginning(client: IMAPClient, box: EmailConfig) -> None:
    _, cursor = taken(box, {})
    raw = mail(
        "--b\r\nContent-Type: text/plain\r\n\r\nThe text\r\n--b\r\nContent-Type: image/png\r\n\r\n"
        + "x" * 2_000_000,
        Content_Type="multipart/mixed; boundary=b",
    )
    client.append(FOLDER, raw)
    put(client, "next")
    small = box.model_copy(update={"max_mail_bytes": 100_000})
    events, _ = taken(small, cursor)
    assert len(events[0].body) == imap.BEGINNING
    told = texts(events)
    assert told[0].startswith("The text")
    assert "1.9 MB" in told[0]
    assert told[1] == "next"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"imap_password": "wrong"}, InboxBroken),
        ({"folder": "Nowhere"}, InboxBroken),
        ({"imap_port": 9}, SendLater),
        ({"imap_security": "tls"}, SendLater),
        ({"imap_security": "starttls"}, SendFailed),
    ],
)
def test_settings_that_do_not_work_are_told(
    box: EmailConfig, change: dict[str, Any], error: type[SendFailed]
) -> None:
    broken = EmailConfig.model_validate({**box.model_dump(), **change})
    with pytest.raises(error) as caught:
        next(ADAPTER.pull(broken, {}))
    assert caught.value.detail


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"imap_password": "wrong"}, "The IMAP server refuses the user or the password. ("),
        ({"imap_port": 9}, "The IMAP server 127.0.0.1:9 could not be reached: "),
    ],
)
def test_trouble_says_which_server_and_what_to_mend(
    box: EmailConfig, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(SendFailed) as caught:
        next(ADAPTER.pull(EmailConfig.model_validate({**box.model_dump(), **change}), {}))
    told = in_english(caught.value.detail)
    assert told.startswith(said)
    assert "b'" not in told


def test_server_inside_the_network_is_not_spoken_to(box: EmailConfig, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(InboxBroken, match="public"):
        next(ADAPTER.pull(box, {}))


@pytest.mark.parametrize("greeting", [b"", b"* OK Dovecot ready.\r\n"])
def test_server_that_says_nothing_is_left(
    user: str, monkeypatch: pytest.MonkeyPatch, greeting: bytes
) -> None:
    """FreeScout #2489, #1696: a server that fell silent held up the fetch for good."""
    monkeypatch.setattr(imap, "READ_SECONDS", 0.3)
    monkeypatch.setattr(imap, "CONNECT_SECONDS", 0.3)
    over = threading.Event()

    def greet() -> None:
        with door.accept()[0] as taken:
            taken.sendall(greeting)
            over.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as door:
        silent = mailbox(incoming="imap", imap_port=door.getsockname()[1], imap_user=user)
        host = threading.Thread(target=greet)
        host.start()
        try:
            with pytest.raises(SendLater):
                next(ADAPTER.pull(silent, {}))
            assert host.is_alive(), "the server had ended it"
        finally:
            over.set()
            host.join()


def test_login_refused_for_now_is_tried_again(
    client: IMAPClient, box: EmailConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise LoginError("[UNAVAILABLE] Too many simultaneous connections")

    monkeypatch.setattr(IMAPClient, "login", refused)
    with pytest.raises(SendLater):
        next(ADAPTER.pull(box, {}))


def test_mail_that_the_server_leaves_out_is_not_passed_over(
    client: IMAPClient, box: EmailConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cursor = taken(box, {})
    put(client, "one", "two")
    fetch: Callable[..., dict[int, Any]] = IMAPClient.fetch

    def forgetful(self: IMAPClient, uids: Any, data: Any, *rest: Any) -> dict[int, Any]:
        found = fetch(self, uids, data, *rest)
        return {uid: row for uid, row in found.items() if uid != 1} if "PEEK" in data[0] else found

    monkeypatch.setattr(IMAPClient, "fetch", forgetful)
    with pytest.raises(SendLater, match="left out"):
        taken(box, cursor)
