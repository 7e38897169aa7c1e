"""What bounds the product: the same work without the product, each as bare as it can be.

    python -m benchmarks.ceilings echo --port 20001

`echo` sends each frame back. `group` is a Channels consumer that sends each frame to all. `forward` asks
a model for each frame and passes its text on, storing nothing. The transaction runs in the measuring process.
"""

import argparse
import asyncio
import gc
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import uvicorn

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# The statements that storing a message cannot do without, on the product's own tables.
NUMBER = """
UPDATE conversations_conversation
SET last_seq = last_seq + 1, last_contact_seq = last_seq + 1, updated_at = now(), preview = $2
WHERE id = $1 RETURNING last_seq
"""
MESSAGE = """
INSERT INTO conversations_message (
    id, conversation_id, inbox_id, seq, author_kind, author_id, author_name, direction, text, html,
    citations, choices, details, reactions, is_automatic, client_id, validated_by, created_at
) VALUES (
    $1, $2, $3, $4, 'contact', '', 'Visitor', 'in', $5, $5,
    '[]', '[]', '{}', '{}', false, $6, 'pending', now()
)
"""
EVENT = """
INSERT INTO conversations_event (
    conversation_id, seq, type, is_internal, message_id, payload, actor_kind, actor_name, created_at
) VALUES ($1, $2, 'message.created', false, $3, '{}', '', '', now())
"""


async def transactions(
    url: str, inbox: int, conversations: list[str], *, each: int, text: str
) -> tuple[list[float], float]:
    """Stores messages over one connection for each conversation; returns durations and the whole time."""
    connections = [await asyncpg.connect(url) for _ in conversations]

    async def write(connection: Any, conversation: uuid.UUID) -> list[float]:
        taken = []
        for _ in range(each):
            began = time.perf_counter()
            async with connection.transaction():
                seq = await connection.fetchval(NUMBER, conversation, text)
                message = uuid.uuid4()
                await connection.execute(MESSAGE, message, conversation, inbox, seq, text, uuid.uuid4())
                await connection.execute(EVENT, conversation, seq, message)
            taken.append(time.perf_counter() - began)
        return taken

    pairs = list(zip(connections, map(uuid.UUID, conversations), strict=True))
    began = time.perf_counter()
    taken = await asyncio.gather(*(write(connection, key) for connection, key in pairs))
    elapsed = time.perf_counter() - began
    for connection in connections:
        await connection.close()
    return [value for part in taken for value in part], elapsed


async def _texts(receive: Receive, send: Send) -> Any:
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        yield event["text"]


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """Sends each text back."""
    async for text in _texts(receive, send):
        await send({"type": "websocket.send", "text": text})


def forward(model: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Returns an application that asks the model at this address and passes on what it says."""
    client = httpx.AsyncClient()
    body = {"model": "fake", "stream": True}

    async def application(_scope: Scope, receive: Receive, send: Send) -> None:
        async for text in _texts(receive, send):
            asked = {**body, "messages": [{"role": "user", "content": text}]}
            async with client.stream("POST", f"{model}/chat/completions", json=asked) as answer:
                async for row in answer.aiter_lines():
                    if said := _said(row):
                        await send({"type": "websocket.send", "text": said})

    return application


def _said(row: str) -> str:
    if not row.startswith("data: {"):
        return ""
    choices = json.loads(row[6:])["choices"]
    return str(choices[0]["delta"].get("content") or "") if choices else ""


def group() -> Any:
    """Returns an application in which everybody gets what anybody sends, through an in-memory layer."""
    from django.conf import settings  # deferred: optional dependency

    layer = {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 1000}}
    settings.configure(CHANNEL_LAYERS={"default": layer}, INSTALLED_APPS=["channels"])
    from channels.generic.websocket import AsyncWebsocketConsumer  # deferred: optional dependency

    class Everybody(AsyncWebsocketConsumer):
        groups = ["everybody"]

        async def dispatch(self, message: dict[str, Any]) -> None:
            # As the product does: without a hop to a thread for connections that nobody uses.
            await getattr(self, message["type"].replace(".", "_"))(message)

        async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
            del bytes_data
            await self.channel_layer.group_send("everybody", {"type": "say", "text": text_data})

        async def say(self, message: dict[str, Any]) -> None:
            await self.send(message["text"])

    return Everybody.as_asgi()


def main() -> None:
    """Serves one of them as the product is served."""
    parser = argparse.ArgumentParser()
    parser.add_argument("which", choices=("echo", "group", "forward"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", default="")
    options = parser.parse_args()
    applications: dict[str, Callable[[], Any]] = {
        "echo": lambda: echo,
        "group": group,
        "forward": lambda: forward(options.model),
    }
    application = applications[options.which]()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=options.port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="warning",
    )


if __name__ == "__main__":
    main()
