"""What we say, against the server."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest

from conversations.channels import InboxBroken, SendLater, SendRefused
from conversations.exchange import Echo, File, Incoming, OutFile, Outgoing, Parsed, Receipt, Webhook
from core.errors import TooLarge
from integrations.evolution.adapter import EvolutionAdapter
from tests.fakes.evolution import API_KEY, NOT_ON_WHATSAPP, Evolution
from tests.fakes.provider import Simulator, running
from tests.integrations.evolution.case import DAVI, SECRET, settings_of, told

PIXEL = b"\x89PNG\r\n\x1a\n\x00pixel"


@pytest.fixture
def server() -> Iterator[Simulator]:
    with running(Evolution, secret=SECRET) as simulator:
        yield simulator


def outgoing(text: str = "", **changes: Any) -> Outgoing:
    given: dict[str, Any] = {
        "key": uuid4().hex,
        "part": 0,
        "attempt": 1,
        "to": DAVI,
        "text": text,
        "html": "",
        "files": (),
        "choices": (),
        "details": {},
        "reply_to": "",
        "thread": (),
        "subject": "",
        "author": "Bruno",
        "author_kind": "operator",
        "conversation_id": uuid4(),
        "message_id": uuid4(),
        "created_at": datetime.now(UTC),
    }
    return Outgoing(**{**given, **changes})


@contextmanager
def hooked(server: Simulator) -> Iterator[Callable[[int], list[Parsed]]]:
    """A door that believes what is proven; called, it returns what so many webhooks or more have told."""
    items: list[Parsed] = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            webhook = Webhook("POST", "https://desk.example/hooks/k", {}, headers, body)
            EvolutionAdapter().verify(webhook, settings_of())
            items.extend(EvolutionAdapter().parse(EvolutionAdapter().stored(webhook), settings_of()))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_given: Any) -> None:
            """Says nothing."""

    door = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=door.serve_forever, daemon=True)
    thread.start()
    server.hook(hook=f"http://127.0.0.1:{door.server_port}/hooks/k")

    def heard(webhooks: int) -> list[Parsed]:
        end = time.monotonic() + 20
        while (counts := server.webhooks())["delivered"] < webhooks or counts["waiting"]:
            assert time.monotonic() < end, f"{counts} of {webhooks}"
            time.sleep(0.02)
        return items

    try:
        yield heard
    finally:
        door.shutdown()
        door.server_close()
        thread.join()


def attached(content_type: str, name: str = "file", content: bytes = PIXEL) -> OutFile:
    return OutFile(name, content_type, len(content), "https://desk.example/f", lambda: content)


def test_text_goes_to_the_address_that_wrote_and_quotes(server: Simulator) -> None:
    sent = EvolutionAdapter().send(outgoing("**Hi**, _Davi_", reply_to="3EB0AA"), settings_of(server.url))
    (row,) = server.ledger()
    assert (row["to"], row["text"], row["provider_id"]) == (DAVI, "*Hi*, _Davi_", sent.provider_id)
    assert row["raw"]["quoted"] == {"key": {"id": "3EB0AA"}}


def test_choices_are_numbered_lines(server: Simulator) -> None:
    choices = ({"label": "Track it", "value": "track"}, {"label": "A person", "value": "human"})
    EvolutionAdapter().send(outgoing("What now?", choices=choices), settings_of(server.url))
    assert server.ledger()[0]["text"] == "What now?\n\n1. Track it\n2. A person"


@pytest.mark.parametrize(
    ("content_type", "text", "kind", "media"),
    [
        ("image/png", "", "image", "media"),
        ("image/png", "Look", "image", "media"),
        ("video/mp4", "", "video", "media"),
        ("application/pdf", "", "document", "media"),
        ("audio/ogg", "", "audio", "audio"),
        ("audio/ogg", "Listen", "document", "media"),
    ],
)
def test_file_goes_as_what_it_is_and_no_word_is_lost(
    server: Simulator, content_type: str, text: str, kind: str, media: str
) -> None:
    EvolutionAdapter().send(outgoing(text, files=(attached(content_type),)), settings_of(server.url))
    (row,) = server.ledger()
    assert (row["kind"], row["text"]) == (kind, text)
    assert base64.b64decode(row["raw"][media]) == PIXEL


def test_nothing_to_say_is_refused(server: Simulator) -> None:
    with pytest.raises(SendRefused):
        EvolutionAdapter().send(outgoing(" "), settings_of(server.url))
    assert server.ledger() == []


def test_number_without_whatsapp_is_refused_in_words(server: Simulator) -> None:
    with pytest.raises(SendRefused) as caught:
        EvolutionAdapter().send(outgoing("Hi", to=NOT_ON_WHATSAPP), settings_of(server.url))
    assert caught.value.provider_code == "not_on_whatsapp"


def test_phone_that_reconnects_is_tried_later(server: Simulator) -> None:
    """Evolution #2229 and #1286: a socket that is just gone is told as a bad request; messages were lost."""
    server.say(state="close")
    with pytest.raises(SendLater):
        EvolutionAdapter().send(outgoing("Hi"), settings_of(server.url))


def test_wrong_key_and_missing_instance_break_the_inbox(server: Simulator) -> None:
    for wrong in ({"api_key": "x"}, {"instance": "nobody"}):
        with pytest.raises(InboxBroken) as caught:
            EvolutionAdapter().send(outgoing("Hi"), settings_of(server.url, **wrong))
        assert API_KEY not in caught.value.detail


def test_what_was_sent_is_told_back_as_echo_and_receipts(server: Simulator) -> None:
    with hooked(server) as heard:
        sent = EvolutionAdapter().send(outgoing("Hi"), settings_of(server.url))
        items = heard(4)
    (echo,) = [item for item in items if isinstance(item, Echo)]
    assert (echo.external_id, echo.to.external_id, echo.text) == (sent.provider_id, DAVI, "Hi")
    statuses = [
        item.status for item in items if isinstance(item, Receipt) and item.provider_id == sent.provider_id
    ]
    assert sorted(statuses) == ["delivered", "read", "sent"]


def test_what_a_customer_says_arrives_proven_and_readable(server: Simulator) -> None:
    with hooked(server) as heard:
        server.set_faults(duplicates=3)
        said = [
            server.say(text="Oi", times=2),
            server.say(group="1203@g.us"),
            server.say(mine=True, text="Ja vou"),
        ]
        items = heard(4)
    arrived = {item.external_id for item in items if isinstance(item, Incoming)}
    assert arrived == {said[0]["id"]}
    assert {item.external_id for item in items if isinstance(item, Echo)} == {said[2]["id"]}


# --- Files -------------------------------------------------------------------------------------------------
def fetched(server: Simulator, file: File, max_bytes: int = 1000) -> bytes:
    return EvolutionAdapter().fetch(file, settings_of(server.url), max_bytes=max_bytes).content


def announced(server: Simulator, content: bytes = PIXEL) -> File:
    message = {"imageMessage": {"mimetype": "image/png", "mediaKey": "k"}}
    identifier = server.say(message=message, content=base64.b64encode(content).decode())["id"]
    (item,) = told("image")
    assert isinstance(item, Incoming)
    return replace(item.files[0], size=0, reference={"key": {"id": identifier}, "message": message})


def test_announced_file_is_fetched(server: Simulator) -> None:
    assert fetched(server, announced(server)) == PIXEL


def test_file_that_is_larger_than_allowed_is_not_taken(server: Simulator) -> None:
    with pytest.raises(TooLarge):
        fetched(server, announced(server, b"x" * 1001))
    with pytest.raises(TooLarge):
        fetched(server, announced(server, b"x" * 200_000))
    with pytest.raises(TooLarge):
        fetched(server, replace(announced(server), size=1001))
    with pytest.raises(TooLarge):
        fetched(server, File(content=b"x" * 1001))


def test_file_that_the_server_has_lost_is_refused(server: Simulator) -> None:
    with pytest.raises(SendRefused):
        fetched(server, File(reference={"key": {"id": "gone"}, "message": {"imageMessage": {}}}))


def test_file_that_came_along_needs_no_server() -> None:
    (item,) = told("image_base64")
    assert isinstance(item, Incoming)
    media = EvolutionAdapter().fetch(item.files[0], settings_of(), max_bytes=1000)
    assert (media.content_type, media.content[:4]) == ("image/png", b"\x89PNG")


def test_file_is_asked_for_again_when_nobody_answers() -> None:
    with pytest.raises(SendLater):
        EvolutionAdapter().fetch(File(reference={"key": {"id": "A"}}), settings_of(), max_bytes=10)


def test_key_and_secret_are_never_logged(server: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    adapter, config = EvolutionAdapter(), settings_of(server.url)
    adapter.connect(config, url="http://127.0.0.1:9/hooks/k", secret="")
    adapter.send(outgoing("Hi"), config)
    server.set_faults(error=1)
    with pytest.raises(SendLater) as caught:
        adapter.send(outgoing("Hi"), config)
    assert caplog.records
    for text in (caplog.text, str(caught.value), repr(config)):
        assert API_KEY not in text
        assert SECRET not in text


def test_each_message_of_a_chat_is_marked_as_read(server: Simulator) -> None:
    """One receipt is for one message here; calls have no id that WhatsApp knows."""
    config = settings_of(server.url)
    EvolutionAdapter().mark_read(["3EB0A", "call:77", "3EB0B"], config, to=DAVI, typing=True)
    EvolutionAdapter().mark_read(["call:78"], config, to=DAVI)
    assert server.http.get("/_seen").json() == [
        {"remoteJid": DAVI, "fromMe": False, "id": name} for name in ("3EB0A", "3EB0B")
    ]


def test_mark_for_an_instance_that_is_gone_says_so(server: Simulator) -> None:
    config = settings_of(server.url, instance="gone")
    with pytest.raises(InboxBroken):
        EvolutionAdapter().mark_read(["3EB0A"], config, to=DAVI)
