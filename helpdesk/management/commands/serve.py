"""`manage.py serve`: everything in one process, from an empty directory to the first answer."""

import contextlib
import os
import signal
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import OperationalError, connection

from accounts.models import User
from conversations.models import Inbox
from helpdesk import startup

# A proxy in front lives here; the customer is the last address in X-Forwarded-For that does not. Trusting
# everybody would believe the first, which the customer writes.
OWN_NETWORKS = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,::1,fc00::/7"


class Command(BaseCommand):
    """Prepares what is missing and serves until Ctrl-C or SIGTERM; then ends with exit code 0.

    It serves plain HTTP on the loopback interface unless told otherwise. It does not restart itself when code
    changes (`manage.py runserver` does) and is one process; for more, start more of it with REDIS_URL.
    """

    help = "Prepares the database and serves the product on http://127.0.0.1:$PORT/."
    # `make check` runs them; here they would cost every start what they cost once.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="default: $PORT or 8000")
        parser.add_argument("--no-worker", action="store_true", help="leave jobs to `manage.py work`")
        parser.add_argument("--no-demo", action="store_true", help="start empty")

    def handle(self, *, host: str, port: int, no_worker: bool, no_demo: bool, **_options: Any) -> None:
        signal.signal(signal.SIGTERM, _leave)
        if no_worker:
            settings.RUN_WORKER = False
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(_bind(host, port))
            if settings.RUN_WORKER and not settings.REDIS_URL:
                stack.callback(os.close, startup.claim_home())
            self._prepare(demo=settings.DEMO and not no_demo)
            welcome = "\n".join(_welcome(f"http://{f'[{host}]' if ':' in host else host}:{port}"))
            connection.close()
            server = _Server(_configuration(host, port), lambda: self._say(welcome))
            # uvicorn drains on these and afterwards raises them again, for whoever handled them before.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _ignore)
            server.run(sockets=[listener])
        if not server.was_ready:
            sys.exit(1)

    def _prepare(self, *, demo: bool) -> None:
        try:
            startup.prepare(self._say, demo=demo)
        except OperationalError as error:
            message = f"The database cannot be used: {error}"
            raise CommandError(message) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


class _Server(uvicorn.Server):
    """Says that it is ready once it really is."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.on_ready = on_ready
        self.was_ready = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.was_ready = True
            self.on_ready()


def _configuration(host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        "helpdesk.asgi:application",
        host=host,
        port=port,
        # Measured a fifth to a third faster than the default implementation; small frames gain nothing from
        # compression.
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=1024 * 1024,
        lifespan="on",
        # Django's logging is set up already.
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=getattr(settings, "SECURE_PROXY_SSL_HEADER", None) is not None,
        forwarded_allow_ips=OWN_NETWORKS,
        timeout_graceful_shutdown=10,
    )


def _bind(host: str, port: int) -> socket.socket:
    """Takes the port before anything that lasts; listening comes when there is somebody to answer."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        message = f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port: PORT=8001 make run"
        raise CommandError(message) from error
    return listener


def _welcome(here: str) -> list[str]:
    """Returns what whoever started the server wants to know first."""
    places = {
        "Demo shop, chat in the corner": "/",
        "The desk, for staff": "/admin/",
        "The API": "/docs",
    }
    inbox = Inbox.objects.order_by("pk").first()
    if inbox is not None:
        places["The chat as a page"] = f"/chat/{inbox.key}/"
    lines = ["", "Helpdesk is ready.", "", *(f"  {what:<30} {here}{path}" for what, path in places.items())]
    if logins := _logins():
        lines += ["", "Demo logins for the desk, unless you changed them:", *logins]
    return [*lines, "", *_open_ends(), "", "Ctrl-C stops it."]


def _logins() -> list[str]:
    """Returns the demonstration's logins that still exist."""
    if not settings.DEMO:
        return []
    from helpdesk.demo import LOGINS  # deferred: slow import

    names = set(User.objects.filter(is_active=True).values_list("username", flat=True))
    return [
        f"  {name:<8} {password:<12} {role.label}" for name, password, role, _teams in LOGINS if name in names
    ]


def _open_ends() -> list[str]:
    """Names what is not configured yet and what that means."""
    given = any(value for name, value in settings.LLM.items() if name.endswith(("_KEY", "_BASE", "_URL")))
    ends = (
        (
            given,
            "No model key: the built-in answerer quotes articles. OPENAI_API_KEY or another brings a model.",
        ),
        (settings.EMAIL_URL, "No EMAIL_URL: mails to users, such as for a lost password, are printed here."),
        (settings.REDIS_URL, "No REDIS_URL: one process does everything, which is fine for one machine."),
    )
    return ["Not configured yet (.env.example lists all settings):"] + [
        f"  · {text}" for configured, text in ends if not configured
    ]


def _leave(*_signal: object) -> None:
    sys.exit(0)


def _ignore(*_signal: object) -> None:
    """The server has heard it."""
