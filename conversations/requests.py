"""A webhook's request, and the answer to it, as a bare ASGI route has them."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings

from conversations.exchange import Webhook

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def webhook_of(scope: Scope, body: bytes) -> Webhook:
    """Returns the request as an adapter wants it: under the public address, whatever proxy stands between."""
    query = scope["query_string"].decode("latin-1")
    url = f"{settings.PUBLIC_URL}{scope['path']}" + (f"?{query}" if query else "")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Webhook(scope["method"], url, dict(parse_qsl(query, keep_blank_values=True)), headers, body)


async def read_body(scope: Scope, receive: Receive, *, limit: int) -> bytes | None:
    """Returns the whole body, or None for one larger than allowed; raises OSError when it ends too early."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def respond(send: Send, status: int, text: str) -> None:
    """Answers in plain text."""
    headers: Mapping[str, str] = {
        "content-type": "text/plain; charset=utf-8",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'",
        **({"retry-after": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}),
    }
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": text.encode()})
