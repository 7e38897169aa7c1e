"""What has to be in place before the server takes its first request, done only when it is missing."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import CommandError, call_command
from django.db import connection

from conversations.actions.placing import set_event_clock
from core.schema import missing_migrations

# Any number will do, as long as everybody who prepares a database takes the same.
LOCK = 4_739_201


def prepare(say: Callable[[str], object], *, demo: bool) -> None:
    """Migrates, loads the demonstration into an empty database when `demo`, and collects static files.

    `say` gets one line before each step that takes time. Several servers may start at once on one database:
    the first works, the others wait.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            if missing_migrations():
                say("Preparing the database …")
                call_command("migrate", interactive=False, verbosity=0)
            set_event_clock()
            if demo and is_empty():
                say("Loading the demonstration: a shop, its help centre, its people …")
                call_command("load_demo", verbosity=0)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    collect_static(say)


def is_empty() -> bool:
    """Says whether the database has no inbox yet, that is, whether nobody has set anything up."""
    return not apps.get_model("conversations", "Inbox")._default_manager.exists()  # noqa: SLF001 (any model's)


def collect_static(say: Callable[[str], object]) -> None:
    """Gathers and compresses static files if any of their sources changed since the last time."""
    root = Path(settings.STATIC_ROOT)
    root.parent.mkdir(parents=True, exist_ok=True)
    # Two servers that start at once on one disk would write the same files.
    with root.with_suffix(".lock").open("w", encoding="utf-8") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        stamp, state = root / ".stamp", static_state()
        if stamp.exists() and stamp.read_text(encoding="utf-8") == state:
            return
        say("Collecting static files …")
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(state, encoding="utf-8")


def static_state() -> str:
    """Returns a digest of names, sizes and times of all static files' sources."""
    return hashlib.sha256(json.dumps(sorted(_static_files())).encode()).hexdigest()


def _static_files() -> Iterator[tuple[str, int, int]]:
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            yield path, status.st_size, status.st_mtime_ns


def claim_home() -> int:
    """Makes sure that no other one-process server works in this home; returns what holds the claim.

    Two of them would each take the other's running jobs for those of a dead worker.
    """
    settings.HELPDESK_HOME.mkdir(parents=True, exist_ok=True)
    claim = os.open(settings.HELPDESK_HOME / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(claim)
        message = (
            f"Another server already works in {settings.HELPDESK_HOME}. "
            "Stop it, or set HELPDESK_HOME to another directory."
        )
        raise CommandError(message) from error
    return claim
