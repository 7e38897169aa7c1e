"""The door: what is acknowledged is stored, what is not stored is asked for again."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.db import connection, connections, transaction
from psycopg import OperationalError
from psycopg_pool import AsyncConnectionPool

from conversations import door as doors
from conversations.channels import adapter
from conversations.door import Door, event_id
from conversations.exchange import Webhook
from conversations.models import InboundEvent, Inbox, InboxState, Message
from conversations.requests import webhook_of
from helpdesk.asgi import application
from tests.conversations.lines import eventually, incoming, planned
from tests.live import LiveServer

SECRET = {"x-secret": "s3cret"}
pytestmark = pytest.mark.django_db(transaction=True)


def body(*items: Any, **more: Any) -> bytes:
    return json.dumps({**more, "items": items}).encode()


def post(server: LiveServer, inbox: Inbox, content: bytes, **more: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/hooks/{inbox.key}", content=content, headers=SECRET, **more)


class Caller:
    """A web server in front of the application, without a network: hands over parts of a request."""

    def __init__(self, path: str, *parts: dict[str, Any], method: str = "POST", **more: Any) -> None:
        headers = [
            (name.encode(), value.encode()) for name, value in {**SECRET, **more.pop("headers", {})}.items()
        ]
        self.scope = {
            "type": "http", "method": method, "path": path, "headers": headers, "query_string": b"", **more
        }  # fmt: skip
        self.parts, self.said = list(parts), []  # type: ignore[var-annotated]

    async def receive(self) -> dict[str, Any]:
        return self.parts.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            # What is promised to the provider stands in the table by now.
            self.stored = await asyncio.to_thread(_count)
        self.said.append(message)

    async def call(self) -> int:
        await application(self.scope, self.receive, self.send)
        await doors.door().close()
        return int(self.said[0]["status"])


def _count() -> int:
    try:
        return InboundEvent.objects.count()
    finally:
        connections.close_all()


def part(content: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


async def asked(inbox: Inbox, *parts: dict[str, Any], **more: Any) -> Caller:
    caller = Caller(f"/hooks/{inbox.key}", *parts, **more)
    await caller.call()
    return caller


def test_webhook_is_stored_whole_and_its_intake_planned(line: Inbox, quiet_server: LiveServer) -> None:
    content = body(incoming(), id="e1")
    answer = post(quiet_server, line, content)
    assert (answer.status_code, answer.text) == (200, "ok")
    assert answer.headers["x-content-type-options"] == "nosniff"
    row = InboundEvent.objects.get()
    assert (row.inbox, row.provider_event_id, bytes(row.body)) == (line, "e1", content)
    assert (row.verdict, row.attempts, row.handled_at) == ("received", 0, None)
    assert eventually(lambda: planned("conversations.take_in"))
    assert planned("conversations.take_in") == [{"inbox_id": line.pk}]


def test_webhook_of_a_customer_is_a_message_soon_after(line: Inbox, server: LiveServer) -> None:
    assert post(server, line, body(incoming(text="Bom dia"))).status_code == 200
    assert eventually(Message.objects.exists)
    assert Message.objects.get().text == "Bom dia"


async def test_answer_comes_only_after_the_commit(line: Inbox) -> None:
    """Chatwoot #15131: 200 to Meta while the only copy lay in a Redis that was dead."""
    caller = await asked(line, part(body(incoming())))
    assert (caller.said[0]["status"], caller.stored) == (200, 1)


@pytest.mark.parametrize("headers", [{}, {"x-secret": ""}, {"x-secret": "s3cre"}, {"x-secret": "S3CRET"}])
def test_webhook_without_proof_is_refused_and_not_stored(
    line: Inbox, quiet_server: LiveServer, headers: dict[str, str]
) -> None:
    answer = httpx.post(f"{quiet_server.url}/hooks/{line.key}", content=body(incoming()), headers=headers)
    assert answer.status_code == 401
    assert not InboundEvent.objects.exists()


def test_refused_webhook_leaves_a_trace_for_whoever_sets_the_inbox_up(
    line: Inbox, quiet_server: LiveServer
) -> None:
    """A wrong secret was silent: the provider showed deliveries, and nothing came."""
    assert httpx.post(f"{quiet_server.url}/hooks/{line.key}", content=body(incoming())).status_code == 401
    assert eventually(InboxState.objects.filter(inbox=line).exclude(refused_at=None).exists)
    first = InboxState.objects.get(inbox=line).refused_at
    for _ in range(3):
        httpx.post(f"{quiet_server.url}/hooks/{line.key}", content=body(incoming()))
    assert post(quiet_server, line, body(incoming())).status_code == 200
    assert InboxState.objects.get(inbox=line).refused_at == first


@pytest.mark.parametrize("key", ["", "nobody", "a/b", "%00", "%ff", "x" * 3000, "' OR 1=1"])
def test_unknown_inbox_is_not_found(line: Inbox, quiet_server: LiveServer, key: str) -> None:
    answer = httpx.post(f"{quiet_server.url}/hooks/{key}", content=b"{}", headers=SECRET)
    assert answer.status_code == 404


def test_inbox_that_is_switched_off_is_not_found(line: Inbox, quiet_server: LiveServer) -> None:
    Inbox.objects.filter(pk=line.pk).update(is_active=False)
    assert post(quiet_server, line, body()).status_code == 404


def test_widget_takes_no_webhooks(inbox: Inbox, quiet_server: LiveServer) -> None:
    assert post(quiet_server, inbox, body()).status_code == 401


@pytest.mark.parametrize("announced", [{"content-length": "101"}, {}])
async def test_body_that_is_too_large_is_refused_and_not_stored(
    line: Inbox, settings: Any, announced: dict[str, str]
) -> None:
    settings.MAX_WEBHOOK_BYTES = 100
    caller = await asked(line, part(b"x" * 60, more=True), part(b"x" * 41), headers=announced)
    assert (caller.said[0]["status"], caller.stored) == (413, 0)
    # One that says so itself is not read at all.
    assert len(caller.parts) == (2 if announced else 0)


async def test_body_of_exactly_the_limit_in_many_pieces_is_stored_whole(line: Inbox, settings: Any) -> None:
    content = body(incoming(text="ação"))
    settings.MAX_WEBHOOK_BYTES = len(content)
    pieces = [part(bytes([byte]), more=True) for byte in content]
    caller = await asked(line, *pieces, part(b""))
    assert caller.said[0]["status"] == 200
    assert bytes((await InboundEvent.objects.aget()).body) == content


def test_mail_as_large_as_its_mailbox_takes_passes_the_door(quiet_server: LiveServer, settings: Any) -> None:
    """A mailbox that takes 40 MB got no mail above 32 MB from its provider, which gave it up at a 413."""
    config = {"address": "support@shop.example", "incoming": "webhook", "webhook_secret": "k"}
    box = Inbox.objects.create(name="Mail", channel="email", config=config)
    mail = b"From: davi@mail.example\r\n\r\n" + b"x" * (40 * 1024 * 1024 - 30)
    assert len(mail) > settings.MAX_WEBHOOK_BYTES
    proof = f"sha256={hmac.new(b'k', mail, hashlib.sha256).hexdigest()}"
    headers = {"content-type": "message/rfc822", "x-mail-signature": proof}
    url = f"{quiet_server.url}/hooks/{box.key}"
    assert httpx.post(url, content=mail, headers=headers, timeout=60).status_code == 200
    assert bytes(InboundEvent.objects.get().body) == mail
    assert httpx.post(url, content=mail + b"x" * 31, headers=headers, timeout=60).status_code == 413


async def test_sender_who_goes_in_the_middle_leaves_nothing(line: Inbox) -> None:
    caller = await asked(line, part(body(incoming()), more=True), {"type": "http.disconnect"})
    assert (caller.said[0]["status"], caller.stored) == (503, 0)


@pytest.mark.parametrize("same", [{"id": "e1"}, {}])
def test_same_event_twice_is_one_row(line: Inbox, quiet_server: LiveServer, same: dict[str, str]) -> None:
    content = body(incoming(), **same)
    assert [post(quiet_server, line, content).status_code for _ in range(3)] == [200] * 3
    assert InboundEvent.objects.count() == 1


def test_same_event_twenty_times_at_once_is_one_row(line: Inbox, quiet_server: LiveServer) -> None:
    """Chatwoot #5433: WhatsApp redelivers while the first delivery is still being worked on."""
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(quiet_server, line, body(incoming(), id="e1")), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert InboundEvent.objects.count() == 1


def test_same_event_of_two_inboxes_is_two_rows(line: Inbox, quiet_server: LiveServer) -> None:
    other = Inbox.objects.create(name="Other", channel="scripted", config=line.config)
    for inbox in (line, other):
        assert post(quiet_server, inbox, body(id="e1")).status_code == 200
    assert InboundEvent.objects.count() == 2


@pytest.mark.parametrize("given", ["", "x" * 256, "a\x00b", "a\nb", "\ud800"])
def test_id_that_is_missing_or_unfit_gives_way_to_the_digest(scripted: Any, given: str) -> None:
    content = body(id=given)
    webhook = Webhook("POST", "", {}, {}, content)
    assert event_id(adapter("scripted"), webhook) == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_id_that_an_adapter_stumbles_over_gives_way_to_the_digest(scripted: Any) -> None:
    class Clumsy(scripted):
        def event_id(self, webhook: Webhook) -> str:
            raise KeyError("id")

    webhook = Webhook("POST", "", {}, {}, b"{}")
    assert event_id(Clumsy(), webhook).startswith("sha256:")


def test_bytes_that_nobody_can_read_are_stored_as_they_are(line: Inbox, quiet_server: LiveServer) -> None:
    content = bytes(range(256)) * 3
    assert post(quiet_server, line, content).status_code == 200
    assert bytes(InboundEvent.objects.get().body) == content


def test_secrets_of_the_request_are_not_stored(line: Inbox, quiet_server: LiveServer) -> None:
    """Evolution API puts its apikey into what it sends."""
    secret = {"authorization": "Bearer t0p", "apikey": "t0p", "cookie": "t0p", "x-api-key": "t0p"}
    url = f"{quiet_server.url}/hooks/{line.key}?token=t0p"
    httpx.post(url, content=body(), headers={**SECRET, **secret, "X-Kept": "yes"})
    row = InboundEvent.objects.get()
    assert row.headers["x-kept"] == "yes"
    assert "t0p" not in json.dumps(row.headers) + row.provider_event_id


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_handshake_is_answered_to_who_knows_the_secret(
    line: Inbox, quiet_server: LiveServer, method: str
) -> None:
    url = f"{quiet_server.url}/hooks/{line.key}"
    answer = httpx.request(method, url, params={"token": "s3cret", "challenge": "42+1"})
    assert (answer.status_code, answer.text) == (200, "42+1" if method == "GET" else "")
    assert httpx.request(method, url, params={"token": "guess", "challenge": "42"}).status_code == 403
    assert httpx.request(method, url).status_code == 403
    assert answer.headers["content-type"].startswith("text/plain")
    assert not InboundEvent.objects.exists()


def test_handshake_knows_a_secret_that_was_just_saved(line: Inbox, quiet_server: LiveServer) -> None:
    """The owner saves the token and presses the provider's button: Meta took the refusal for final."""
    url = f"{quiet_server.url}/hooks/{line.key}"
    assert httpx.get(url, params={"token": "new", "challenge": "42"}).status_code == 403
    line.config = {"secret": "new"}
    line.save()
    answer = httpx.get(url, params={"token": "new", "challenge": "42"})
    assert (answer.status_code, answer.text) == (200, "42")
    assert httpx.get(url, params={"token": "s3cret", "challenge": "42"}).status_code == 403


def test_address_is_the_public_one_whatever_proxy_stands_between(settings: Any) -> None:
    """Chatwoot #13638, #14125: signatures over the address failed behind a proxy, and were given up."""
    settings.PUBLIC_URL = "https://help.example"
    scope = {
        "method": "POST", "path": "/hooks/k", "query_string": b"a=1&b=&c=%C3%A9", "scheme": "http",
        "headers": [(b"host", b"10.0.0.7:8000"), (b"x-forwarded-host", b"a.example"), (b"x-name", b"\xe9")],
    }  # fmt: skip
    webhook = webhook_of(scope, b"raw")
    assert webhook.url == "https://help.example/hooks/k?a=1&b=&c=%C3%A9"
    assert webhook.query == {"a": "1", "b": "", "c": "é"}
    assert webhook.headers["x-name"] == "é"
    assert webhook.body == b"raw"


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database that nobody can connect to."""
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = {**doors._parameters(), "host": "127.0.0.1", "port": taken.getsockname()[1]}
        monkeypatch.setattr(doors, "_parameters", lambda: nowhere)
        monkeypatch.setattr(doors, "STATEMENT_SECONDS", 0.3)
        yield


async def test_database_that_is_away_means_come_again_and_never_go_away(line: Inbox, cut_off: None) -> None:
    """Evolution #140: a bridge that could not store lost what came; Evolution never repeats after 4xx."""
    caller = await asked(line, part(body(incoming())))
    assert caller.said[0]["status"] == 503
    assert (b"retry-after", b"5") in caller.said[0]["headers"]
    assert caller.stored == 0


async def test_database_that_is_away_is_waited_for_once(line: Inbox, cut_off: None, monkeypatch: Any) -> None:
    waits: list[float] = []
    connection_of = AsyncConnectionPool.connection

    def counted(pool: Any, timeout: float | None = None) -> Any:
        waits.append(pool.timeout)
        return connection_of(pool, timeout)

    monkeypatch.setattr(AsyncConnectionPool, "connection", counted)
    await asked(line, part(body(incoming())))
    assert waits == [0.3]


async def test_database_that_hangs_means_come_again(line: Inbox, monkeypatch: Any) -> None:
    monkeypatch.setattr(doors, "STATEMENT_SECONDS", 0.5)
    locked, done = threading.Event(), threading.Event()
    holder = threading.Thread(target=_hold_table, args=(locked, done))
    holder.start()
    await asyncio.to_thread(locked.wait, 10)
    caller = Caller(f"/hooks/{line.key}", part(body()))
    link = Door()
    respond = caller.said.append
    await link(caller.scope, caller.receive, lambda message: asyncio.sleep(0, respond(message)))
    done.set()
    await asyncio.to_thread(holder.join, 10)
    await link.close()
    assert caller.said[0]["status"] == 503
    assert not await InboundEvent.objects.aexists()


def _hold_table(locked: threading.Event, done: threading.Event) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE conversations_inboundevent")
        locked.set()
        done.wait(10)
    connections.close_all()


async def test_inbox_that_cannot_be_looked_up_means_come_again(line: Inbox, monkeypatch: Any) -> None:
    def away(key: str) -> None:
        raise OperationalError("the database system is shutting down")

    monkeypatch.setattr(doors, "read_endpoint", away)
    caller = await asked(line, part(body()))
    assert caller.said[0]["status"] == 503


@pytest.mark.parametrize("config", [{"secret": ["no text"]}, "no settings"])
def test_settings_that_make_no_sense_mean_come_again(
    line: Inbox, quiet_server: LiveServer, config: Any
) -> None:
    line.config = config
    line.save(update_fields=["config"])
    assert post(quiet_server, line, body()).status_code == 503


async def test_connections_that_the_database_ended_are_replaced_unnoticed(line: Inbox) -> None:
    """A restart of PostgreSQL: the next webhook is stored, not refused."""
    link = Door()
    first = Caller(f"/hooks/{line.key}", part(body(id="1")))
    await link(first.scope, first.receive, first.send)
    await asyncio.to_thread(_end_connections)
    second = Caller(f"/hooks/{line.key}", part(body(id="2")))
    await link(second.scope, second.receive, second.send)
    await link.close()
    assert [first.said[0]["status"], second.said[0]["status"]] == [200, 200]
    assert second.stored == 2


def _end_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE query LIKE '%%INTO conversations_inboundevent%%' AND pid <> pg_backend_pid()"
            # Other tests run beside this one on databases of their own.
            " AND datname = current_database()"
        )
        ended = cursor.fetchall()
    connections.close_all()
    assert ended == [(True,)]


async def test_worker_that_cannot_be_woken_costs_no_webhook(line: Inbox, monkeypatch: Any) -> None:
    def away(*inbox_ids: int) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(doors, "plan_intake", away)
    caller = await asked(line, part(body(incoming())))
    assert (caller.said[0]["status"], caller.stored) == (200, 1)


@pytest.mark.parametrize("change", [{"config": {"secret": "s3cret"}}, {"is_active": True}])
async def test_nothing_is_refused_by_settings_of_a_moment_ago(line: Inbox, change: dict[str, Any]) -> None:
    """Evolution drops a webhook for good on 401 and 404, and uses a new secret as soon as it is saved."""
    before = {"config": {"secret": "old"}} if "config" in change else {"is_active": False}
    link = Door()
    for values, refused in ((before, True), (change, False)):
        await Inbox.objects.filter(pk=line.pk).aupdate(**values)
        caller = Caller(f"/hooks/{line.key}", part(body()))
        await link(caller.scope, caller.receive, caller.send)
        assert (caller.said[0]["status"] in {401, 404}) is refused
    await link.close()


async def test_new_secret_works_without_a_restart(line: Inbox, monkeypatch: Any) -> None:
    monkeypatch.setattr(doors, "SETTINGS_SECONDS", 0.0)
    link = Door()
    for secret, status in (("old", 401), ("s3cret", 200)):
        await Inbox.objects.filter(pk=line.pk).aupdate(config={"secret": secret})
        caller = Caller(f"/hooks/{line.key}", part(body()))
        await link(caller.scope, caller.receive, caller.send)
        assert caller.said[0]["status"] == status
    await link.close()
