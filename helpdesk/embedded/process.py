"""The server as a process: started, waited for, recognised, stopped. The caller holds the lock."""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from helpdesk.embedded import programs
from helpdesk.embedded.state import SYNC_METHOD, ServerError, State, free_port, is_free, log_of

START_SECONDS = 120  # recovery after a crash can take a while
STOP_SECONDS = 30
POLL_SECONDS = 0.02
LOG_BYTES = 10_000_000
PROC = Path("/proc/self")  # what macOS does not have
CONTAINERS_MEMORY = Path("/sys/fs/cgroup/memory.max")
# Taken as it is needed. With 512 MB rather than 64 a search in a million messages takes half the time.
BUFFERS_SHARE, FEWEST_BUFFERS, MOST_BUFFERS = 16, 64, 512  # of the machine's memory; MB

CONFIGURATION = """\
# Written at every start.
listen_addresses = '127.0.0.1'
port = {port}
# No socket file: its path may be longer than the system allows.
unix_socket_directories = ''
max_connections = 100
shared_buffers = {buffers}MB
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
recovery_init_sync_method = {sync}
"""

# A server started here is our child: without asking for its exit code it would stay behind as a zombie.
_children: dict[int, subprocess.Popen[bytes]] = {}


def launch(home: Path, data: Path, state: State, *, durable: bool) -> None:
    """Starts the server and waits until it answers; on another port when its own was taken meanwhile."""
    account = programs.owner_of(data)
    program = programs.find(account) / "postgres"
    for _attempt in range(3):
        if not is_free(state.port):
            state = replace(state, port=free_port())
            state.write(home)
        text = CONFIGURATION.format(
            port=state.port,
            buffers=buffers(memory()),
            durable="on" if durable else "off",
            sync=SYNC_METHOD,
        )
        account.write(data / "postgresql.conf", text)
        forget_dead(data)
        _turn_over(log_of(home))
        process = account.start(program, "-D", data, log=log_of(home))
        _children[process.pid] = process
        try:
            wait_until_ready(home, data, process.pid)
        except ServerError:
            if process.poll() is None or is_free(state.port):
                raise
        else:
            return
        finally:
            if pid_of(data) != process.pid:
                # Given up before it put its name to the data: nobody would find it any more.
                process.kill()
                process.wait()
    message = f"No free port was found for PostgreSQL; see {log_of(home)}."
    raise ServerError(message)


def buffers(memory: int) -> int:
    """Returns how many MB PostgreSQL keeps of its tables, of so many bytes of memory."""
    return max(FEWEST_BUFFERS, min(memory // BUFFERS_SHARE // 2**20, MOST_BUFFERS))


def memory() -> int:
    """Returns how many bytes this machine, or the container around us, may use."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(CONTAINERS_MEMORY.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return machine


def wait_until_ready(home: Path, data: Path, pid: int) -> None:
    """Waits until the server takes connections; raises when it dies or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        lines = pid_file(data)
        # The eighth line is the server's own word on its state, and what pg_ctl waits for.
        if len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready":  # noqa: PLR2004
            return
        if not is_alive(pid):
            message = f"PostgreSQL stopped while starting. {_last_words(home)}"
            raise ServerError(message)
        time.sleep(POLL_SECONDS)
    message = f"PostgreSQL did not get ready within {START_SECONDS} s. {_last_words(home)}"
    raise ServerError(message)


def stop(data: Path) -> None:
    """Stops the server if it runs, whatever is connected, and waits until it is gone."""
    pid = pid_of(data)
    if pid is None:
        return
    # Fast first; then at once, which costs a recovery at the next start and loses nothing.
    for order in (signal.SIGINT, signal.SIGQUIT):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, order)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if not is_alive(pid):
                _children.pop(pid, None)
                return
            time.sleep(POLL_SECONDS)
    message = f"PostgreSQL (process {pid}) does not stop. End it with: kill -9 {pid}"
    raise ServerError(message)


def pid_file(data: Path) -> list[str]:
    """Returns the lines of the server's own file about itself; none when there is none."""
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def pid_of(data: Path) -> int | None:
    """Returns the server's process, if the number in its file is really that process and not a later one."""
    lines = pid_file(data)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    return pid if is_alive(pid) and str(data) in _command_line(pid) else None


def is_alive(pid: int) -> bool:
    """Says whether a process runs; a zombie does not."""
    child = _children.get(pid)
    if child is not None:
        return child.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A zombie that nobody waits for, as in a container without an init process, still takes signals.
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return not PROC.exists()
    return state != "Z"


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        if PROC.exists():
            return ""
    listing = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listing.stdout


def forget_dead(data: Path) -> None:
    """Removes the pid file of a killed server.

    PostgreSQL would do so itself, except when the number belongs to another process by now. Should children
    of the dead server still live, it finds them by their shared memory and refuses.
    """
    if pid_of(data) is None:
        (data / "postmaster.pid").unlink(missing_ok=True)


def _turn_over(log: Path) -> None:
    """Keeps the log from growing for ever; one old one stays."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.old"))


def _last_words(home: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        lines = log_of(home).read_text(encoding="utf-8", errors="replace").splitlines()
        return f"The end of {log_of(home)}:\n" + "\n".join(lines[-5:])
    return ""
