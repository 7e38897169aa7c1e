"""Our messages at the integrator's program."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from conversations.channels import InboxBroken, SendLater, SendRefused, SendUnclear, adapter
from conversations.exchange import File, OutFile
from core.errors import TooLarge
from tests.fakes.api_channel import SECRET, ApiChannel
from tests.fakes.provider import Simulator, running
from tests.integrations.api.case import config
from tests.integrations.test_contract import outgoing


@pytest.fixture
def program() -> Iterator[Simulator]:
    with running(ApiChannel, secret=SECRET) as simulator:
        yield simulator


def settings_for(url: str, **more: Any) -> Any:
    return adapter("api").config.model_validate({**config(url), **more})


@contextmanager
def answering(status: int, body: bytes = b"", **headers: str) -> Iterator[str]:
    """A server that answers everything alike, in a thread of its own; yields its address."""
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), []

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{any:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port.append(runner.addresses[0][1])
        return runner

    def serve() -> None:
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"http://127.0.0.1:{port[0]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def test_message_arrives_whole(program: Simulator) -> None:
    file = OutFile("a.pdf", "application/pdf", 3, "https://desk.example/files/a", lambda: b"pdf")
    message = replace(
        outgoing("api"), files=(file,), reply_to="crm-1", choices=({"label": "Yes", "value": "yes"},)
    )
    sent = adapter("api").send(message, settings_for(program.url))
    (row,) = program.ledger()
    told = row["raw"]
    assert sent.provider_id == row["provider_id"]
    assert row["key"] == told["key"] == message.key
    assert told["contact"] == {"id": "cust-17", "name": "Davi", "email": "davi@example.com"}
    assert told["files"] == [
        {"name": "a.pdf", "content_type": "application/pdf", "size": 3, "url": "https://desk.example/files/a"}
    ]
    assert told["choices"] == [{"label": "Yes", "value": "yes"}]
    assert (told["text"], told["html"]) == (message.text, message.html)
    assert (told["reply_to"], told["conversation_id"]) == ("crm-1", str(message.conversation_id))
    assert (told["author"], told["author_kind"]) == ("Bruno", "operator")


def test_second_attempt_is_recognised_as_the_first(program: Simulator) -> None:
    """A connection cut after the message was taken: tried again under the same id, it is one message."""
    message = outgoing("api")
    program.set_faults(cut=1)
    with pytest.raises(SendUnclear):
        adapter("api").send(message, settings_for(program.url))
    program.set_faults()
    sent = adapter("api").send(replace(message, attempt=2), settings_for(program.url))
    assert [row["provider_id"] for row in program.ledger()] == [sent.provider_id]


def test_wrong_secret_is_the_inbox_s_trouble_not_the_message_s(program: Simulator) -> None:
    other = settings_for(program.url, signing_secret="whsec_" + "QUJD" * 10)
    with pytest.raises(InboxBroken):
        adapter("api").send(outgoing("api"), other)
    assert not program.ledger()


@pytest.mark.parametrize(
    ("status", "error"),
    [(410, SendRefused), (404, SendRefused), (422, SendRefused), (301, InboxBroken), (401, InboxBroken),
     (408, SendLater), (425, SendLater), (429, SendLater), (500, SendLater), (503, SendLater),
     (502, SendUnclear), (504, SendUnclear)],
)  # fmt: skip
def test_answer_decides_what_becomes_of_the_message(status: int, error: type[Exception]) -> None:
    with answering(status, b"no", Location="https://elsewhere.example/") as url, pytest.raises(error):
        adapter("api").send(outgoing("api"), settings_for(url))


@pytest.mark.parametrize(
    ("body", "provider_id"),
    [(b'{"id": "their-1"}', "their-1"), (b'{"id": 42}', "42"), (b"", None), (b"OK", None), (b"[1]", None),
     (b'{"id": null}', None), (b'{"id": true}', None), (b'{"id": "%s"}' % (b"x" * 300), None),
     (b"[" * 30_000, None)],
)  # fmt: skip
def test_taken_is_taken_whatever_the_answer_says(body: bytes, provider_id: str | None) -> None:
    message = outgoing("api")
    with answering(202, body) as url:
        assert adapter("api").send(message, settings_for(url)).provider_id == (provider_id or message.key)


def test_without_a_callback_messages_wait_to_be_fetched() -> None:
    message = outgoing("api")
    quiet = settings_for("", callback_url="")
    assert adapter("api").send(message, quiet).provider_id == message.key
    assert adapter("api").test(quiet).light == "green"


def test_callback_inside_the_network_is_not_called(settings: Any, program: Simulator) -> None:
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(InboxBroken):
        adapter("api").send(outgoing("api"), settings_for(program.url))
    assert not program.ledger()


@pytest.mark.parametrize("url", ["ftp://a.example/", "javascript:1", "//a.example", "a.example"])
def test_callback_that_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="callback_url"):
        settings_for("", callback_url=url)


def test_connection_test_tells_a_red_light_from_a_dead_line() -> None:
    with answering(404, b"nobody here") as url:
        check = adapter("api").test(settings_for(url))
    assert (check.light, check.detail) == ("red", "404: nobody here")


def test_file_is_fetched_from_its_address() -> None:
    with answering(200, b"\x89PNG", **{"Content-Type": "image/png"}) as url:
        media = adapter("api").fetch(File({"url": f"{url}/a"}, "a.png"), settings_for(url), max_bytes=10)
    assert (media.content, media.content_type, media.name) == (b"\x89PNG", "image/png", "a.png")


def test_file_that_came_along_is_not_fetched() -> None:
    file = File({}, "a.txt", "text/plain", content=b"hello")
    assert adapter("api").fetch(file, settings_for("http://a.example"), max_bytes=10).content == b"hello"


def test_file_larger_than_allowed_is_refused() -> None:
    with answering(200, b"x" * 11) as url, pytest.raises(TooLarge):
        adapter("api").fetch(File({"url": url}), settings_for(url), max_bytes=10)


@pytest.mark.parametrize(
    ("status", "error"), [(403, SendRefused), (404, SendRefused), (500, SendLater), (429, SendLater)]
)
def test_trouble_with_a_file_is_not_the_inbox_s(status: int, error: type[Exception]) -> None:
    with answering(status) as url, pytest.raises(error):
        adapter("api").fetch(File({"url": url}), settings_for(url), max_bytes=10)


def test_file_inside_the_network_is_not_fetched(settings: Any) -> None:
    """Chatwoot #14153, #14155: addresses that strangers name were fetched as they came (SSRF).

    An integrator's customer who can name a file's address must not see our network.
    """
    settings.OUTBOUND_ALLOW = []
    with answering(200, b"secret") as url, pytest.raises(SendRefused):
        adapter("api").fetch(File({"url": url}), settings_for(url), max_bytes=10)
