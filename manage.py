#!/usr/bin/env python
"""Runs a management command; without DATABASE_URL on a PostgreSQL of our own, up for as long as is needed."""

import contextlib
import os
import signal
import sys
from pathlib import Path

from helpdesk import embedded

ROOT = Path(__file__).resolve().parent
# What never asks the database, or does without it.
WITHOUT_DATABASE = frozenset(
    (
        *("help", "version", "check", "makemigrations", "collectstatic", "findstatic", "diffsettings"),
        *("makemessages", "compilemessages", "startapp", "spectacular"),
    )
)
# What PostgreSQL calls a table that there is not.
NO_TABLE = "42P01"


def main() -> int:
    """Runs the command of the command line and returns its exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.settings")
    _read_env_file(ROOT / ".env")
    # Unlike the default, this lets go of the database in an orderly way.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with _database(sys.argv[1:]):
            from django.core.management import execute_from_command_line  # deferred: slow import

            execute_from_command_line(sys.argv)
    except embedded.ServerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        sys.stderr.write(f"{told}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _told(error: Exception) -> str | None:
    """Returns what to do about an error, None for one that is a fault of ours."""
    # Its class cannot be imported before it is known that it has a chance.
    if type(error).__name__ == "ImproperlyConfigured":
        return f"The settings are not right: {error}"
    if getattr(error.__cause__, "sqlstate", None) == NO_TABLE:
        place = "DATABASE_URL" if os.environ.get("DATABASE_URL") else _home()
        return f"There is no helpdesk yet in {place}. Start it once, or set HELPDESK_HOME to where it is."
    return None


def _home() -> Path:
    return Path(os.environ.get("HELPDESK_HOME") or ROOT / "var").resolve()


def _database(arguments: list[str]) -> contextlib.AbstractContextManager[bool]:
    """Keeps the embedded server up for a command that needs one."""
    given = os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE")
    without = not arguments or arguments[0].startswith("-") or arguments[0] in WITHOUT_DATABASE
    if given or without or {"-h", "--help"} & set(arguments):
        return contextlib.nullcontext(enter_result=False)
    return embedded.used(_home())


def _terminate(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _read_env_file(path: Path) -> None:
    """Takes variables from the file that Docker Compose reads too; those already set win."""
    if path.exists():
        import environ  # deferred: slow import

        environ.Env.read_env(path)


if __name__ == "__main__":
    sys.exit(main())
