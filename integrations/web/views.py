"""The HTTP twin of the socket, the pages that carry the widget, and the one-question stream."""

import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial, wraps
from typing import Any, cast
from uuid import uuid4

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import get_language_from_request
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from accounts.chat_callers import chat_caller, check_caller_pace
from conversations.actions import Sender, add_attachment
from conversations.queries.inboxes import messages_per_minute
from conversations.queries.wire import Reader, attachment_frame
from core import limits
from core.errors import HelpdeskError, Invalid, TooMany, Unauthenticated, Unavailable
from core.language import spoken
from core.lines import line_held, require_line
from core.outages import DatabaseFailure
from core.sse import event_stream, json_event, text_event
from core.threads import Kind, in_thread, patient
from integrations.web import feed
from integrations.web.consumers import error_frame
from integrations.web.errors import BadFrame, UnknownInbox
from integrations.web.frames import MAX_FRAME_BYTES, Hello, Send, parse, to_frame
from integrations.web.queries import (
    check_origin,
    config,
    first_inbox,
    inbox_by_key,
    visitor_by_token,
)
from integrations.web.session import Json, VisitorSession, uploader

logger = logging.getLogger(__name__)

# Digits of a cursor: a number that a column holds.
LONGEST_NUMBER = 9

AsyncView = Callable[..., Coroutine[Any, Any, HttpResponseBase]]


def open_to_sites(view: AsyncView) -> AsyncView:
    """Lets pages of other sites call the view: CORS, preflights, errors as `error` frames, no cookies.

    The token travels in a header, so a foreign page has no authority of its own and CSRF does not apply.
    Which sites may use an inbox is the inbox's own list, checked where the inbox is known.
    """

    @csrf_exempt
    @wraps(view)
    async def wrapped(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        if request.method == "OPTIONS":
            response: HttpResponseBase = HttpResponse(status=204)
        else:
            try:
                response = await view(request, **arguments)
            except HelpdeskError as error:
                response = JsonResponse(error_frame(error), status=error.status)
            except DatabaseFailure:
                logger.exception("a request could not be carried out")
                response = JsonResponse(error_frame(Unavailable()), status=Unavailable.status)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Allow-Headers"] = "authorization, content-type, last-event-id"
        response["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        response["Access-Control-Max-Age"] = "86400"
        response["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    return wrapped


def bearer(request: HttpRequest) -> str:
    """Returns the visitor's token of the Authorization header; raises Unauthenticated."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated
    return token.strip()


def sse(frame: Json) -> str:
    """One frame as a server-sent event; events and snapshots carry their number as id."""
    return json_event(frame, number=frame["seq"] if frame["type"] in {"event", "snapshot"} else None)


@open_to_sites
@require_safe
async def widget_config(request: HttpRequest, key: str) -> HttpResponse:
    """Title, colour, greeting, limits and invitations of an inbox, for its widget."""
    response = JsonResponse(await in_thread(config, key, request.headers.get("Origin")))
    response["Cache-Control"] = "public, max-age=60"
    return response


@open_to_sites
@require_http_methods(["POST"])
async def widget_hello(request: HttpRequest, key: str) -> HttpResponse:
    """The hello frame over HTTP: answers with the welcome frame."""
    data = {**parse(body(request)), "inbox": key}
    hello = to_frame(data)
    if not isinstance(hello, Hello):
        raise BadFrame
    session = VisitorSession(request.headers.get("Origin"), request.META.get("REMOTE_ADDR", ""))
    return JsonResponse((await session.hello(hello))[0])


def body(request: HttpRequest) -> bytes:
    """Returns the request's body; Django has refused what is far too large before."""
    return request.body


@open_to_sites
@require_GET
async def widget_events(request: HttpRequest, key: str) -> StreamingHttpResponse:
    """The server's frames as an event stream, from `since` or Last-Event-ID on."""
    given = request.headers.get("Last-Event-ID") or request.GET.get("since")
    if given is not None and not (given.isdecimal() and len(given) <= LONGEST_NUMBER):
        raise BadFrame(field="since")
    address = request.META.get("REMOTE_ADDR", "")
    require_line(address)
    session = VisitorSession(request.headers.get("Origin"))
    locale = get_language_from_request(request)
    since = int(given) if given else None
    missed = await session.hello(Hello(inbox=key, token=bearer(request), locale=locale, since=since))

    async def pieces() -> AsyncIterator[str]:
        with line_held(address):
            for frame in missed:
                yield sse(frame)
            async for frame in feed.frames(session):
                yield sse(frame)

    return event_stream(pieces())


@open_to_sites
@require_http_methods(["POST"])
async def widget_messages(request: HttpRequest, key: str) -> HttpResponse:
    """Any client frame over HTTP; a `send` is answered by its ack."""
    data = parse(body(request))
    session = VisitorSession(request.headers.get("Origin"))
    # Here no new token could be told: only a welcome carries one.
    await session.resume(key=key, token=bearer(request), locale=get_language_from_request(request))
    try:
        answer = await session.handle(to_frame(data))
    except HelpdeskError as error:
        return JsonResponse(error_frame(error, data.get("client_id")), status=error.status)
    return JsonResponse(answer or {"type": "ok"})


@partial(patient, kind=Kind.FILES)
@open_to_sites
@require_http_methods(["POST"])
async def widget_attachments(request: HttpRequest, key: str) -> HttpResponse:
    """Takes one file of a visitor; the message that names its id carries it."""
    token = bearer(request)
    # Writing a picture anew takes long, and so may the place where files lie: it has a thread for that.
    return JsonResponse(await in_thread(_store_upload, request, key, token), status=201)


def _store_upload(request: HttpRequest, key: str, token: str) -> Json:
    inbox = inbox_by_key(key)
    check_origin(inbox, request.headers.get("Origin"))
    visitor = visitor_by_token(inbox, token)
    if visitor is None:
        raise Unauthenticated
    by_visitor = limits.count(f"upload:{inbox.pk}:{visitor.external_id}")
    by_address = limits.count(f"upload:{request.META.get('REMOTE_ADDR', '')}")
    if by_visitor > messages_per_minute(inbox) or by_address > settings.CHAT_NEWCOMERS_PER_MINUTE:
        raise TooMany(retry_after=limits.seconds_left())
    upload = request.FILES.get("file")
    if upload is None:
        raise Invalid(field="file")
    owner = uploader(Sender(visitor.external_id), inbox.pk)
    attachment = add_attachment(inbox=inbox, uploader=owner, upload=upload)
    return attachment_frame(attachment, Reader.CUSTOMER)


@require_safe
def demo_shop(request: HttpRequest) -> HttpResponse:
    """A page of an invented shop that carries the widget; `lang` is en, es or pt-BR, else it is pt-BR."""
    try:
        inbox = first_inbox()
    except UnknownInbox as error:
        raise Http404 from error
    asked = request.GET.get("lang")
    lang = asked if asked in {"pt-BR", "es", "en"} else "pt-BR"
    context = {"inbox_key": inbox.key, "lang": lang, "base_url": settings.PUBLIC_URL}
    with translation.override(spoken(lang)):
        return render(request, "web/demo_shop.html", context)


@require_safe
def chat_page(request: HttpRequest, key: str) -> HttpResponse:
    """The chat as a page of its own, in the language of `lang` or else of the browser."""
    try:
        inbox = inbox_by_key(key)
    except UnknownInbox as error:
        raise Http404 from error
    context = {
        "inbox_key": inbox.key,
        "title": inbox.title or inbox.name,
        "base_url": settings.PUBLIC_URL,
    }
    asked = request.GET.get("lang")
    with translation.override(spoken(asked or get_language_from_request(request))):
        return render(request, "web/chat.html", context)


@open_to_sites
@require_GET
async def chat_stream(request: HttpRequest) -> StreamingHttpResponse:
    """Answers one question token by token, for a client that knows nothing else.

    `GET /chat/stream?message=…`: each event's data is the next piece of text; the last event is named `done`
    and carries the whole message as JSON. A new visitor each time; paced by key, and without one by address.
    A key in `X-API-Key` is looked at when one is sent, and wanted when REQUIRE_API_KEY is on.
    """
    address = request.META.get("REMOTE_ADDR", "")
    require_line(address)
    await in_thread(_check_caller, request)
    inbox = await in_thread(first_inbox)
    check_origin(inbox, request.headers.get("Origin"))
    session = VisitorSession(request.headers.get("Origin"))
    await session.hello(Hello(inbox=inbox.key, locale=get_language_from_request(request)))
    question = Send(uuid4(), request.GET.get("message", "")[: MAX_FRAME_BYTES // 8])
    await session.handle(question)
    return event_stream(_answer(session, address))


def _check_caller(request: HttpRequest) -> None:
    address = request.META.get("REMOTE_ADDR", "")
    caller = chat_caller(request.headers.get("X-API-Key", ""), address=address)
    if settings.REQUIRE_API_KEY and not caller.name:
        raise Unauthenticated
    check_caller_pace(caller, address=address)


async def _answer(session: VisitorSession, address: str) -> AsyncIterator[str]:
    """Yields the text as it grows and ends with the first message that is not the visitor's own."""
    told = 0
    with line_held(address):
        async for frame in feed.frames(session):
            if frame["type"] == "delta":
                so_far = told if frame["offset"] else 0
                piece = cast("str", frame["text"])[max(0, so_far - frame["offset"]) :]
                told = frame["offset"] + len(frame["text"])
                yield text_event(piece)
            message = frame.get("message")
            if message and message["author"]["kind"] != "contact":
                if told == 0:
                    yield text_event(message["text"])
                yield json_event(message, name="done")
                return
