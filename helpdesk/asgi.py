"""The ASGI application: pages and API, the two sockets, and the worker when there is but one process."""

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.settings")
django.setup(set_prefix=False)

# Only now may anything that needs the app registry be imported.
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import path  # noqa: E402

from api.seeds.chat_socket import OlderChatSocket  # noqa: E402
from conversations.door import PREFIX, door  # noqa: E402
from core import queue  # noqa: E402
from core.lines import few_for_each  # noqa: E402
from core.threads import BorrowedThreads  # noqa: E402
from desk.consumers import DeskConsumer  # noqa: E402
from helpdesk.pages import Pages  # noqa: E402
from integrations.web.consumers import ChatConsumer  # noqa: E402
from llm.door import close, warm_up  # noqa: E402

logger = logging.getLogger(__name__)


pages = Pages()
staff_socket = AllowedHostsOriginValidator(AuthMiddlewareStack(DeskConsumer.as_asgi()))
sockets = URLRouter(
    [
        # The widget lives on other sites by design: each inbox has its own list of them.
        path("ws/chat/", few_for_each(ChatConsumer.as_asgi())),
        # Without the slash it is the chat of an older system.
        path("ws/chat", few_for_each(OlderChatSocket.as_asgi())),
        path("ws/desk/", staff_socket),
    ]
)
routes = BorrowedThreads(ProtocolTypeRouter({"http": pages, "websocket": sockets}))


def settle_memory() -> None:
    """Takes what start-up made out of the collector's sight: measured, fan-out p99 fell from 48 to 10 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _work() -> None:
    """Runs jobs in this process for as long as it serves."""
    await queue.keep_working(alone=not settings.REDIS_URL, stop_on_signals=False)


async def prepare_models() -> None:
    """Loads what the first answer needs, so that the first customer does not wait for it."""
    try:
        await warm_up()
    except Exception:
        logger.exception("the models could not be prepared; the first answer will be slower")
    settle_memory()


async def lifespan(receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Starts and stops the worker with the server."""
    await receive()
    settle_memory()
    tasks = []
    if settings.RUN_WORKER:
        tasks = [asyncio.create_task(_work()), asyncio.create_task(prepare_models())]
    await send({"type": "lifespan.startup.complete"})
    await receive()
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await close()
    await door().close()
    await send({"type": "lifespan.shutdown.complete"})


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    """Serves one connection, or the life of the server."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "http" and scope["path"].startswith(PREFIX):
        await door()(scope, receive, send)
    else:
        await routes(scope, receive, send)
