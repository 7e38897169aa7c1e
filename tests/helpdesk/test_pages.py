"""Pages and API over ASGI: one visit to one thread, whatever the view is and whoever goes away."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from accounts.actions import create_api_key
from accounts.enums import Scope
from accounts.models import Team, User
from conversations.channels import adapter
from conversations.enums import Light
from conversations.exchange import Check
from conversations.models import Inbox
from core.threads import COUNTS, Kind, patient
from helpdesk.asgi import routes
from tests.integrations.api.case import config
from tests.live import LiveServer

visits: list[str] = []
closed, begun, go_on = threading.Event(), threading.Event(), threading.Event()


def _thread() -> str:
    return threading.current_thread().name.partition("-")[0]


@csrf_exempt
def plain(request: HttpRequest) -> HttpResponse:
    """Answers at once."""
    visits.append(_thread())
    return HttpResponse(request.body)


async def awaited(request: HttpRequest) -> HttpResponse:
    """Is a coroutine."""
    del request
    await asyncio.sleep(0)
    return HttpResponse("awaited")


def slow(request: HttpRequest) -> HttpResponse:
    """Waits for a file that does not come."""
    begun.set()
    assert go_on.wait(30)
    return plain(request)


def broken(request: HttpRequest) -> HttpResponse:
    """Fails."""
    raise RuntimeError(request.path)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Says something and then nothing for ever."""
    del request

    async def pieces() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.sleep(60)
        finally:
            closed.set()

    return StreamingHttpResponse(pieces())


urlpatterns = [
    path("plain", plain),
    path("patient", patient(csrf_exempt(partial(plain)))),
    path("sometimes", patient(csrf_exempt(partial(plain)), when=lambda request: request.method == "POST")),
    path("file", patient(csrf_exempt(partial(plain)), kind=Kind.FILES)),
    path("slow", slow),
    path("slow-file", patient(partial(slow), kind=Kind.FILES)),
    path("awaited", awaited),
    path("broken", broken),
    path("stream", stream),
]
here = pytest.mark.urls(__name__)


async def ask(
    address: str, *, method: str = "GET", parts: tuple[bytes, ...] = (b"",), leaves: str = ""
) -> list[dict[str, Any]]:
    """Asks as a server does and returns what was sent; who `leaves` does so "at once" or "having heard"."""
    coming = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    coming[-1]["more_body"] = False
    gone = asyncio.Event()
    if leaves == "at once":
        gone.set()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if coming:
            return coming.pop(0)
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if leaves == "having heard" and message.get("body"):
            gone.set()

    scope = {
        "type": "http", "method": method, "path": address, "query_string": b"",
        "headers": [(b"host", b"testserver")],
    }  # fmt: skip
    await routes(scope, receive, send)
    return sent


def body_of(sent: list[dict[str, Any]]) -> bytes:
    """Returns what an answer says."""
    return b"".join(message.get("body", b"") for message in sent)


@here
async def test_body_that_comes_in_parts_is_read_whole() -> None:
    sent = await ask("/plain", method="POST", parts=(b"one ", b"two"))
    assert (sent[0]["status"], body_of(sent)) == (200, b"one two")


@here
@pytest.mark.parametrize(
    ("address", "method", "kind"),
    [
        ("/plain", "GET", "database"), ("/patient", "GET", "waiting"), ("/patient", "POST", "waiting"),
        ("/sometimes", "GET", "database"), ("/sometimes", "POST", "waiting"),
        ("/file", "GET", "files"),
    ],
)  # fmt: skip
async def test_view_runs_in_the_kind_of_thread_that_it_needs(address: str, method: str, kind: str) -> None:
    visits.clear()
    await ask(address, method=method)
    assert visits == [kind]


@here
async def test_coroutine_is_a_view_too() -> None:
    assert body_of(await ask("/awaited")) == b"awaited"


@here
async def test_view_that_fails_is_answered() -> None:
    assert (await ask("/broken"))[0]["status"] == 500


async def test_address_that_leads_nowhere_is_answered() -> None:
    assert (await ask("/nowhere"))[0]["status"] == 404


@here
@pytest.mark.parametrize("address", ["/plain", "/awaited", "/broken", "/stream"])
async def test_request_begins_and_ends_once(address: str) -> None:
    """Django's own receivers look after connections then, and a request that never ends keeps its own."""
    heard: list[str] = []

    def begins(**_more: Any) -> None:
        heard.append("begins")

    def ends(**_more: Any) -> None:
        heard.append("ends")

    request_started.connect(begins)
    request_finished.connect(ends)
    try:
        await ask(address, leaves="having heard" if address == "/stream" else "")
    finally:
        request_started.disconnect(begins)
        request_finished.disconnect(ends)
    assert heard == ["begins", "ends"]


@here
async def test_file_that_does_not_come_holds_up_no_other() -> None:
    begun.clear()
    go_on.clear()
    hung = asyncio.create_task(ask("/slow-file"))
    try:
        await asyncio.to_thread(begun.wait, 20)
        for _ in range(6):
            await asyncio.wait_for(ask("/file"), 10)
    finally:
        go_on.set()
        await hung


@here
async def test_what_was_asked_for_is_done_even_if_its_sender_goes_away() -> None:
    visits.clear()
    begun.clear()
    go_on.clear()
    asked = asyncio.create_task(ask("/slow", leaves="at once"))
    await asyncio.to_thread(begun.wait, 20)
    go_on.set()
    await asked
    assert visits == ["database"]


@here
async def test_stream_ends_when_its_reader_has_gone() -> None:
    closed.clear()
    sent = await asyncio.wait_for(ask("/stream", leaves="having heard"), 20)
    assert closed.is_set()
    assert body_of(sent) == b"first"


@here
async def test_sender_who_is_gone_before_the_body_came_is_nobody() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    sent: list[Any] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await routes({"type": "http", "method": "GET", "path": "/plain", "headers": []}, receive, send)
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_waiting_for_a_provider_keeps_nobody_else_waiting(
    ana: User, team: Team, quiet_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the usual threads answers while every thread that may wait does."""
    waiting, go_on = threading.Semaphore(0), threading.Event()

    def test(_settings: Any) -> Check:
        waiting.release()
        assert go_on.wait(60)
        return Check(Light.GREEN, "")

    monkeypatch.setattr(adapter("api"), "test", test)
    api = Inbox.objects.create(name="API", channel="api", team=team, config=config("http://127.0.0.1:9"))
    scopes = [Scope.READ, Scope.WRITE, Scope.ADMIN]
    _row, key = create_api_key(name="Shop", scopes=scopes, all_teams=True, by=ana.as_actor())
    headers = {"X-API-Key": key}
    many = COUNTS[Kind.WAITING]
    with ThreadPoolExecutor(many) as askers:
        address = f"{quiet_server.url}/api/v1/integrations/{api.pk}/test"
        asked = [askers.submit(httpx.post, address, headers=headers, timeout=60) for _ in range(many)]
        try:
            for _ in asked:
                assert waiting.acquire(timeout=20)
            for _ in range(settings.DATABASE_THREADS):
                answer = httpx.get(f"{quiet_server.url}/api/v1/teams", headers=headers, timeout=10)
                assert answer.status_code == 200
        finally:
            go_on.set()
        assert [answer.result().status_code for answer in asked] == [200] * many
