"""The embedded PostgreSQL, with real clusters: made, killed, moved, shared."""

import contextlib
import importlib.metadata
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from helpdesk import embedded
from helpdesk.embedded import cluster, process, programs
from helpdesk.embedded.state import State, data_of

ROOT = Path(__file__).resolve().parents[2]
UNDER_ROOT = os.geteuid() == 0


@contextlib.contextmanager
def passing_directory() -> Iterator[Path]:
    """A directory that everybody may enter."""
    path = Path(tempfile.mkdtemp(prefix="helpdesk-embedded-")).resolve()
    path.chmod(0o755)
    yield path
    embedded.destroy(path)
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def made_home() -> Iterator[Path]:
    """A home with a cluster: making one costs more than most tests."""
    with passing_directory() as path:
        embedded.ensure(path)
        yield path


@pytest.fixture
def home(made_home: Path) -> Path:
    """A home with a cluster that is not running. Tests leave it usable."""
    embedded.stop(made_home)
    return made_home


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A home with nothing in it."""
    with passing_directory() as path:
        yield path


@pytest.fixture
def closed_home() -> Iterator[Path]:
    """A directory below one that only its owner may enter, as below /root."""
    parent = Path(tempfile.mkdtemp(prefix="helpdesk-closed-")).resolve()
    yield parent / "home"
    embedded.destroy(parent / "home")
    shutil.rmtree(parent)


def ask(home: Path, question: str) -> object:
    with psycopg.connect(embedded.url(home), autocommit=True) as connection:
        cursor = connection.execute(question)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def pid(home: Path) -> int:
    number = process.pid_of(data_of(home))
    assert number is not None
    return number


def kill(home: Path) -> None:
    number = pid(home)
    os.kill(number, signal.SIGKILL)
    while process.is_alive(number):
        pass


@contextlib.contextmanager
def process_using(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process inside `used`, which leaves the block when its standard input ends."""
    code = (
        "import sys; from pathlib import Path; from helpdesk import embedded\n"
        "with embedded.used(Path(sys.argv[1])) as started:\n"
        "    print(started, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() in {"True", "False"}
        yield other


# --- A new cluster -----------------------------------------------------------------------------------------


def test_url_before_the_first_start_neither_fails_nor_writes(tmp_path: Path) -> None:
    home = tmp_path / "nothing"
    assert embedded.url(home).startswith("postgres://helpdesk:")
    assert not embedded.running(home)
    assert not home.exists()


def test_ensure_starts_once_and_url_then_works(home: Path) -> None:
    assert embedded.ensure(home)
    address = embedded.url(home)
    assert not embedded.ensure(home)
    assert embedded.url(home) == address
    assert ask(home, "SELECT current_database()") == "helpdesk"


def test_role_is_no_superuser_and_still_finds_the_extensions(home: Path) -> None:
    embedded.ensure(home)
    assert (
        ask(home, "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname=current_user")
        is False
    )
    for name in cluster.EXTENSIONS:
        ask(home, f'CREATE EXTENSION IF NOT EXISTS "{name}"')
    assert ask(home, "SELECT '[1,2]'::vector <-> '[1,2]'::vector") == 0
    assert ask(home, "SELECT unaccent('ação')") == "acao"


@pytest.mark.parametrize(
    ("memory", "buffers"), [(512 * 2**20, 64), (4 * 2**30, 256), (8 * 2**30, 512), (64 * 2**30, 512)]
)
def test_more_is_kept_in_memory_where_there_is_more(memory: int, buffers: int) -> None:
    assert process.buffers(memory) == buffers


def test_server_takes_its_share_of_the_memory_that_it_may_use(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text(f"{2 * 2**30}\n")
    monkeypatch.setattr(process, "CONTAINERS_MEMORY", limit)
    embedded.ensure(home)
    assert ask(home, "SHOW shared_buffers") == "128MB"
    limit.write_text("max\n")
    assert process.memory() > 2 * 2**30


def test_letters_beyond_ascii_do_not_split_words(home: Path) -> None:
    embedded.ensure(home)
    # One word of four letters has five trigrams; split at its accents it would have more.
    assert ask(home, "SELECT cardinality(show_trgm('ação'))") == 5
    assert ask(home, "SELECT lower('ÁÉÇ')") == "áéç"


def test_server_listens_on_loopback_only_and_keeps_what_it_commits(home: Path) -> None:
    embedded.ensure(home)
    assert ask(home, "SHOW listen_addresses") == "127.0.0.1"
    # The fifth line of its file names the directory of the socket.
    assert process.pid_file(data_of(home))[4] == ""
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        assert ask(home, f"SHOW {name}") == "on"


def test_nobody_can_log_in_as_superuser_or_without_password(home: Path) -> None:
    embedded.ensure(home)
    state = State.read(home)
    assert state is not None
    for user, password in (("postgres", ""), ("postgres", state.password), ("helpdesk", "wrong")):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(
                host="127.0.0.1", port=state.port, user=user, password=password, dbname="postgres"
            )


def test_password_file_is_for_its_owner_only(home: Path) -> None:
    embedded.ensure(home)
    assert (home / "postgres.json").stat().st_mode & 0o777 == 0o600


def test_throw_away_cluster_may_create_databases(new_home: Path) -> None:
    embedded.ensure(new_home, durable=False)
    assert ask(new_home, "SHOW fsync") == "off"
    ask(new_home, "CREATE DATABASE another")


def test_half_made_cluster_is_made_anew(new_home: Path) -> None:
    half = new_home / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    assert embedded.ensure(new_home)
    assert not half.exists()


# --- Accidents ---------------------------------------------------------------------------------------------


def test_killed_server_comes_back_with_everything_committed(home: Path) -> None:
    embedded.ensure(home)
    ask(home, "CREATE TABLE killed (number int)")
    ask(home, "INSERT INTO killed SELECT generate_series(1, 1000)")
    kill(home)
    assert not embedded.running(home)
    assert embedded.ensure(home)
    assert ask(home, "SELECT count(*) FROM killed") == 1000


def test_pid_file_naming_another_living_process_does_not_hinder_a_start(home: Path) -> None:
    embedded.ensure(home)
    file = data_of(home) / "postmaster.pid"
    before = file.read_text()
    kill(home)
    file.write_text(before.replace(before.splitlines()[0], str(os.getpid()), 1))
    assert not embedded.running(home)
    assert embedded.ensure(home)
    assert ask(home, "SELECT 1") == 1


def test_taken_port_is_replaced_and_the_address_follows(home: Path) -> None:
    embedded.ensure(home)
    before = embedded.url(home)
    state = State.read(home)
    assert state is not None
    embedded.stop(home)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", state.port))
        other.listen()
        embedded.ensure(home)
    assert embedded.url(home) != before
    assert ask(home, "SELECT 1") == 1


def test_lost_password_file_is_replaced_even_while_the_server_runs(home: Path) -> None:
    embedded.ensure(home)
    ask(home, "CREATE TABLE kept (number int)")
    (home / "postgres.json").unlink()
    assert embedded.ensure(home)
    assert ask(home, "SELECT count(*) FROM kept") == 0


def test_newer_programs_bring_their_extensions_along(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.ensure(home)
    embedded.stop(home)
    monkeypatch.setattr(programs, "version", lambda: "18.99")
    embedded.ensure(home)
    state = State.read(home)
    assert state is not None
    assert state.program == "18.99"
    assert ask(home, "SELECT 1") == 1
    monkeypatch.undo()
    embedded.stop(home)
    assert embedded.ensure(home)


def test_cluster_of_another_major_version_says_what_to_do(home: Path) -> None:
    file = data_of(home) / "PG_VERSION"
    before = file.read_text()
    file.write_text("17\n")
    with pytest.raises(embedded.ServerError, match=r"written by PostgreSQL 17.*pg_dump"):
        embedded.ensure(home)
    file.write_text(before)


def test_damaged_cluster_shows_the_end_of_the_log(home: Path) -> None:
    file = data_of(home) / "global" / "pg_control"
    file.rename(f"{file}.away")
    with pytest.raises(embedded.ServerError, match="could not find the database system"):
        embedded.ensure(home)
    Path(f"{file}.away").rename(file)
    assert embedded.ensure(home)


def test_missing_package_says_what_to_do(new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(embedded.ServerError, match="DATABASE_URL"):
        embedded.ensure(new_home)


def test_failing_program_is_quoted(new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_letters", lambda: "no_SUCH.locale")
    with pytest.raises(embedded.ServerError, match=r"initdb failed: .*locale"):
        embedded.ensure(new_home)


# --- Several processes -------------------------------------------------------------------------------------


def test_processes_starting_at_once_start_one_server(new_home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from helpdesk import embedded\n"
        "print(embedded.ensure(Path(sys.argv[1])), embedded.url(Path(sys.argv[1])))"
    )
    others = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(new_home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    answers = [other.communicate()[0].split() for other in others]
    assert sorted(started for started, _ in answers) == ["False", "False", "False", "True"]
    assert {address for _, address in answers} == {embedded.url(new_home)}


def test_last_one_out_stops_the_server(home: Path) -> None:
    with embedded.used(home) as started:
        assert started
        with process_using(home) as other:
            assert pid(home) == pid(home)
            other.communicate()
        assert embedded.running(home)
    assert not embedded.running(home)


def test_the_first_to_leave_lets_the_server_run(home: Path) -> None:
    with contextlib.ExitStack() as stack:
        with embedded.used(home):
            other = stack.enter_context(process_using(home))
        assert ask(home, "SELECT 1") == 1
        other.communicate()
        assert not embedded.running(home)


def test_server_outlives_its_killed_user_and_is_taken_over(home: Path) -> None:
    with process_using(home) as other:
        number = pid(home)
        assert os.getsid(number) == number
        os.killpg(other.pid, signal.SIGKILL)
        other.wait()
    assert pid(home) == number
    with embedded.used(home) as started:
        assert not started
        assert ask(home, "SELECT 1") == 1
    assert not embedded.running(home)


def test_failed_start_leaves_no_claim_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(embedded.ServerError), embedded.used(home):
        pass
    monkeypatch.undo()
    with embedded.used(home):
        pass
    assert not embedded.running(home)


# --- Places ------------------------------------------------------------------------------------------------


def test_closed_home_works_and_is_destroyed_without_a_trace(closed_home: Path) -> None:
    embedded.ensure(closed_home)
    assert ask(closed_home, "SELECT 1") == 1
    assert closed_home.parent.stat().st_mode & 0o777 == 0o700
    # Only the system user of a server under root is kept out, so only then the cluster lives elsewhere.
    assert (closed_home / "postgres").is_symlink() == UNDER_ROOT
    embedded.stop(closed_home)
    assert embedded.ensure(closed_home)
    place = data_of(closed_home).parent
    embedded.destroy(closed_home)
    assert not place.exists()
    assert not (closed_home / "postgres").is_symlink()
    assert not (closed_home / "postgres.json").exists()


def test_deleted_home_does_not_come_back_to_life(closed_home: Path) -> None:
    embedded.ensure(closed_home, durable=False)
    ask(closed_home, "CREATE TABLE old (number int)")
    kill(closed_home)
    shutil.rmtree(closed_home)
    embedded.ensure(closed_home, durable=False)
    assert ask(closed_home, "SELECT to_regclass('old')") is None
    shutil.rmtree(f"{data_of(closed_home).parent}.old", ignore_errors=True)


def test_programs_out_of_reach_are_copied_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = home / "shared"
    monkeypatch.setattr(programs, "SHARED", shared)
    works = programs._works
    monkeypatch.setattr(
        programs, "_works", lambda account, program: shared in program.parents and works(account, program)
    )
    account = programs.Account(*((65534, 65534) if UNDER_ROOT else (os.getuid(), os.getgid())))
    folder = programs.find(account)
    assert shared in folder.parents
    made = folder.stat().st_mtime_ns
    assert programs.find(account) == folder
    assert folder.stat().st_mtime_ns == made


def test_directory_of_another_user_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied", str(home / "postgres.json"))

    monkeypatch.setattr(State, "read", refuse)
    with pytest.raises(embedded.ServerError, match="belongs to another user"):
        embedded.ensure(home)
    monkeypatch.undo()


def test_long_log_is_turned_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_BYTES", 10)
    (home / "postgres.log").write_text("an old and long story\n")
    embedded.ensure(home)
    assert (home / "postgres.log.old").read_text() == "an old and long story\n"


def test_zombie_is_not_alive() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(b"x")
        assert other.stdout.read(1) == b"x"
        assert process.is_alive(other.pid)
        assert process._command_line(other.pid).strip() == "cat"
        other.kill()
        if process.PROC.exists():  # elsewhere only the process that has to wait for it can tell
            os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
            assert not process.is_alive(other.pid)
    assert not process.is_alive(other.pid)
    assert process._command_line(other.pid) == ""


# --- Words for what goes wrong -----------------------------------------------------------------------------


def test_ordinary_user_runs_the_server_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert programs.new_owner() == programs.Account()
    assert programs.owner_of(ROOT) == programs.Account()


def test_root_without_useradd_takes_a_user_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(programs, "_exists", lambda name: name == "nobody")
    account = programs.new_owner()
    assert account.uid not in {None, 0}


def test_root_without_any_system_user_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(programs, "_exists", lambda _name: False)
    with pytest.raises(embedded.ServerError, match="DATABASE_URL"):
        programs.new_owner()


def test_package_without_metadata_is_reported_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", absent)
    with pytest.raises(embedded.ServerError, match="missing or incomplete"):
        programs.version()


def test_server_that_does_not_get_ready_shows_its_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "START_SECONDS", 0)
    with pytest.raises(embedded.ServerError, match="did not get ready within 0 s"):
        embedded.ensure(home)


def test_server_that_does_not_stop_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.ensure(home)
    with monkeypatch.context() as patch:
        patch.setattr(process, "STOP_SECONDS", 0)
        patch.setattr("os.kill", lambda *_arguments: None)
        with pytest.raises(embedded.ServerError, match=rf"process {pid(home)}\) does not stop"):
            embedded.stop(home)
    embedded.stop(home)


def test_port_taken_between_choice_and_start_is_chosen_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.ensure(home)
    state = State.read(home)
    assert state is not None
    embedded.stop(home)
    answers = iter([True, False])
    monkeypatch.setattr(process, "is_free", lambda port: next(answers, port != state.port))
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", state.port))
        other.listen()
        assert embedded.ensure(home)
    assert ask(home, "SELECT 1") == 1
