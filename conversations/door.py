"""The door for providers' webhooks: verify, one statement, 200.

A bare ASGI route beside Django's request stack, with connections of its own: measured five to ten times
cheaper than a view, and independent of whatever else the process does. A webhook is acknowledged exactly when
its bytes are committed; the row is also the job to take it in, and the worker is woken after the commit (a
sweep finds what nobody woke it for). What cannot be stored is answered 503, never 4xx: some providers drop a
message for good after a 4xx.
"""

import asyncio
import hashlib
import json
import logging
import math
import time
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone
from psycopg import Error, OperationalError
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from conversations.channels import ChannelAdapter, adapter
from conversations.exchange import Webhook
from conversations.requests import Receive, Scope, Send, read_body, respond, webhook_of
from core.crash_points import crash_point
from core.errors import HelpdeskError, Unauthenticated, Unavailable
from core.threads import borrowed, in_thread

logger = logging.getLogger(__name__)

PREFIX = "/hooks/"
# Settings of an inbox are read again after so long, and before anything is refused by them.
SETTINGS_SECONDS = 5.0
KNOWN_INBOXES = 1_000
STATEMENT_SECONDS = 5
# Between two wake-up calls for one inbox: a burst is one job.
WAKE_SECONDS = 0.02
REFUSAL_SECONDS = 60.0
MAX_ID = 255

STORE = """
INSERT INTO conversations_inboundevent
    (inbox_id, provider_event_id, headers, body, verdict, detail, attempts, received_at)
VALUES (%s, %s, %s, %s, 'received', '', 0, now())
ON CONFLICT (inbox_id, provider_event_id) DO NOTHING
"""


class Endpoint(NamedTuple):
    """What the door knows of an inbox."""

    inbox_id: int
    adapter: ChannelAdapter
    config: Any


class Door:
    """The door of one event loop."""

    def __init__(self) -> None:
        """Opens nothing until the first webhook comes."""
        self._pool: AsyncConnectionPool | None = None
        self._opening = asyncio.Lock()
        # When it was read, and what was found.
        self._known: dict[str, tuple[float, Endpoint | None]] = {}
        self._to_wake: set[int] = set()
        self._waking: asyncio.Task[None] | None = None
        self._refused: dict[int, float] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        try:
            status, text = await self._answer(scope, receive)
        except HelpdeskError as error:
            status, text = error.status, error.detail
        except (Error, PoolTimeout, DatabaseError, OSError, TimeoutError):
            logger.warning("a webhook could not be stored; its sender will come again", exc_info=True)
            status, text = 503, "Not stored. Come again."
        except Exception:
            logger.exception("a webhook failed; its sender will come again")
            status, text = 503, "Not stored. Come again."
        await respond(send, status, text)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, str]:
        key = scope["path"].removeprefix(PREFIX).strip("/")
        endpoint = await self._endpoint(key) if key.isprintable() else None
        if endpoint is None:
            return 404, "There is no such inbox."
        limit = max(settings.MAX_WEBHOOK_BYTES, endpoint.adapter.max_body(endpoint.config))
        body = await read_body(scope, receive, limit=limit)
        if body is None:
            return 413, "The body is too large."
        webhook = webhook_of(scope, body)
        if scope["method"] in {"GET", "HEAD"}:
            said = await self._greeted(key, endpoint, webhook)
            return (403, "Refused.") if said is None else (200, said)
        try:
            endpoint = await self._proven(key, endpoint, webhook)
        except Unauthenticated:
            self._note_refusal(endpoint.inbox_id)
            raise
        # The database ends a statement by itself; a network that swallows everything does not.
        async with asyncio.timeout(STATEMENT_SECONDS * 3):
            await self._store(endpoint, webhook)
        crash_point("door.stored")
        self._wake(endpoint.inbox_id)
        return 200, "ok"

    async def _store(self, endpoint: Endpoint, webhook: Webhook) -> None:
        kept = endpoint.adapter.stored(webhook)
        values = (
            endpoint.inbox_id,
            event_id(endpoint.adapter, webhook),
            json.dumps(dict(kept.headers)),
            kept.body,
        )
        pool = await self._connections()
        for is_last in (False, True):
            try:
                async with pool.connection() as link:
                    await link.execute(STORE, values)
            except PoolTimeout:
                raise
            except OperationalError:
                # The database was started anew: the connection is gone, and the statement can be repeated.
                if is_last:
                    raise
            else:
                return

    async def _connections(self) -> AsyncConnectionPool:
        if self._pool is None:
            async with self._opening:
                if self._pool is None:
                    pool = AsyncConnectionPool(
                        kwargs=_parameters(),
                        min_size=1,
                        max_size=settings.DATABASE_THREADS,
                        timeout=STATEMENT_SECONDS,
                        # Else the pool tries ever more rarely, and stays shut after the database is back.
                        reconnect_timeout=STATEMENT_SECONDS,
                        open=False,
                    )
                    await pool.open()
                    self._pool = pool
        return self._pool

    async def close(self) -> None:
        """Gives the connections back."""
        await asyncio.gather(*self._noting)
        if self._waking is not None:
            await self._waking
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def _proven(self, key: str, endpoint: Endpoint, webhook: Webhook) -> Endpoint:
        """Returns the endpoint that a webhook is for; raises Unauthenticated.

        Refuses by settings of this moment only: some providers take it for final, and send with a new secret
        as soon as it is saved.
        """
        try:
            endpoint.adapter.verify(webhook, endpoint.config)
        except Unauthenticated:
            fresh = await self._endpoint(key, anew=True)
            if fresh is None or fresh.config == endpoint.config:
                raise
        else:
            return endpoint
        fresh.adapter.verify(webhook, fresh.config)
        return fresh

    async def _greeted(self, key: str, endpoint: Endpoint, webhook: Webhook) -> str | None:
        """Returns the answer to a provider that asks whether the address is ours; None refuses.

        Refuses by settings of this moment only, too: the owner saves the token and lets the provider ask.
        """
        said = endpoint.adapter.handshake(webhook, endpoint.config)
        if said is not None:
            return said
        fresh = await self._endpoint(key, anew=True)
        return fresh.adapter.handshake(webhook, fresh.config) if fresh is not None else None

    def _note_refusal(self, inbox_id: int) -> None:
        """Leaves a trace for whoever sets the inbox up; strangers who guess cost one statement a minute."""
        now = time.monotonic()
        if now - self._refused.get(inbox_id, -math.inf) < REFUSAL_SECONDS:
            return
        self._refused[inbox_id] = now
        task = asyncio.get_running_loop().create_task(self._write_refusal(inbox_id))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _write_refusal(self, inbox_id: int) -> None:
        try:
            async with borrowed():
                await in_thread(write_refusal, inbox_id)
        except Exception:
            logger.warning("a refused webhook of inbox %s left no trace", inbox_id, exc_info=True)

    async def _endpoint(self, key: str, *, anew: bool = False) -> Endpoint | None:
        now = time.monotonic()
        read_at, found = self._known.get(key, (-math.inf, None))
        # Whoever was switched off a moment ago may be on again.
        if anew or found is None or now - read_at >= SETTINGS_SECONDS:
            async with borrowed():
                found = await in_thread(read_endpoint, key)
            if len(self._known) >= KNOWN_INBOXES:
                self._known.clear()
            self._known[key] = (now, found)
        return found

    def _wake(self, inbox_id: int) -> None:
        self._to_wake.add(inbox_id)
        if self._waking is None or self._waking.done():
            self._waking = asyncio.get_running_loop().create_task(self._wake_soon())

    async def _wake_soon(self) -> None:
        while self._to_wake:
            await asyncio.sleep(WAKE_SECONDS)
            inboxes, self._to_wake = self._to_wake, set()
            try:
                async with borrowed():
                    await in_thread(plan_intake, *inboxes)
            except Exception:
                logger.warning("the worker was not woken; its next sweep finds the receipts", exc_info=True)


def read_endpoint(key: str) -> Endpoint | None:
    """Returns the active inbox with that key, or None; its settings are checked by the adapter."""
    from conversations.models import Inbox  # deferred: app ready

    inbox = Inbox.objects.filter(key=key, is_active=True).first()
    if inbox is None:
        return None
    spoken = adapter(inbox.channel)
    try:
        return Endpoint(inbox.pk, spoken, spoken.config.model_validate(inbox.config))
    except ValueError as error:
        # Said once here rather than by a stack of calls for each webhook; the admin shows what is missing.
        logger.warning("inbox %s (%s) is not set up", inbox.pk, inbox.channel)
        raise Unavailable from error


def write_refusal(inbox_id: int) -> None:
    """Notes that a webhook was refused."""
    from conversations.models import InboxState  # deferred: app ready

    InboxState.objects.update_or_create(inbox_id=inbox_id, defaults={"refused_at": timezone.now()})


def plan_intake(*inbox_ids: int) -> None:
    """Wakes a worker for these inboxes."""
    from conversations.tasks import plan_intake as plan  # deferred: app ready

    for inbox_id in inbox_ids:
        plan(inbox_id)


def event_id(spoken: ChannelAdapter, webhook: Webhook) -> str:
    """Returns the provider's id of a delivery, or the digest of its bytes where it has none that fits."""
    try:
        given = spoken.event_id(webhook)
    except Exception:
        logger.exception("an adapter could not read the id of a webhook")
        given = ""
    if given and len(given) <= MAX_ID and given.isprintable():
        return given
    return f"sha256:{hashlib.sha256(webhook.body).hexdigest()}"


def _parameters() -> dict[str, Any]:
    """Returns what Django would connect with; the tests' database has another name than the settings'."""
    given = connection.get_connection_params()
    plain = {name: given[name] for name in given if name in {"dbname", "host", "port", "user", "password"}}
    milliseconds = STATEMENT_SECONDS * 1000
    return {
        **plain,
        "autocommit": True,
        "prepare_threshold": given.get("prepare_threshold"),
        "connect_timeout": STATEMENT_SECONDS,
        "options": f"-c statement_timeout={milliseconds}",
    }


_doors: "WeakKeyDictionary[asyncio.AbstractEventLoop, Door]" = WeakKeyDictionary()


def door() -> Door:
    """Returns the door of the running loop."""
    loop = asyncio.get_running_loop()
    found = _doors.get(loop)
    if found is None:
        found = _doors[loop] = Door()
    return found
