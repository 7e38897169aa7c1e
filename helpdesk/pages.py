"""Django's pages and API over ASGI: a request is one visit to one thread.

Django's own handler goes to a thread and back for each piece of middleware. One of ours, static files, knows
threads only, so that each request kept its thread waiting meanwhile, even where a view was awaited. Measured
with an empty list of the API: 6.4 ms of processor time then, 3.1 ms now.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_started
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, set_script_prefix

from api.later import Later
from core.threads import Kind, borrowed, in_thread, kind_for, look_after_connections

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Pages(ASGIHandler):
    """Serves HTTP. A view that is a coroutine holds its request's thread; one that streams holds none."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 (Django's signature)
        """Makes one chain of plain calls of it."""
        del is_async
        super().load_middleware()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request. What it does is done even if its sender goes away meanwhile."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with contextlib.closing(body):
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, body)
            response: HttpResponseBase
            response = await self.run_get_response(request) if request else refusal  # type: ignore[assignment]
            if _takes_time(response):
                await self._send_while_heard(response, receive, send)
            else:
                await self.send_response(response, send)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Returns the answer, made in a thread of the kind that the view needs."""
        kind = self._kind(request)
        if kind == Kind.DATABASE:  # as it has one already
            return await in_thread(self._visit, request)
        async with borrowed(kind):
            return await in_thread(self._visit, request)

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Returns the view, looked up once."""
        found: ResolverMatch = request.resolver_match or super().resolve_request(request)
        return found

    async def send_response(self, response: HttpResponseBase, send: Send) -> None:
        """Sends the response, or what it stands for: an answer that is not known yet is waited for here."""
        await super().send_response(await response.known() if isinstance(response, Later) else response, send)

    def _kind(self, request: HttpRequest) -> Kind:
        try:
            return kind_for(self.resolve_request(request).func, request)
        except Resolver404:
            return Kind.DATABASE

    def _visit(self, request: HttpRequest) -> HttpResponseBase:
        request_started.send(sender=type(self), scope=request.scope)  # type: ignore[attr-defined]
        # Again: of connections as old as these Django has just said that they have to be asked.
        look_after_connections()
        response = self.get_response(request)
        if not _takes_time(response):
            # What it says is in memory by now, so that nobody has to come back for this.
            response._handler_class = type(self)  # type: ignore[attr-defined]  # noqa: SLF001 (as Django's does)
            response.close()
        return response

    async def _send_while_heard(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self.send_response(response, send))
        leaving = asyncio.ensure_future(receive())
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            sending.cancel()
            await asyncio.wait((sending, leaving))
            await in_thread(response.close)
        if not sending.cancelled():
            sending.result()


def _takes_time(response: HttpResponseBase) -> bool:
    return response.streaming or isinstance(response, Later)
