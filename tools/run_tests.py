"""`make test`: system parts, a throw-away PostgreSQL, pytest, and a closing line that hides nothing."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from helpdesk import embedded
from tools import system_parts

ROOT = Path(__file__).resolve().parent.parent
# Three on the two cores that the smallest machines have, since tests also wait; ARGS asks for other numbers.
EVERYTHING = ["-q", "-n", "3"]
# Tracing doubles the time and makes tests of time itself unsteady, so it is asked for (COVERAGE=1).
MEASURED = ["--cov", "--cov-report=term-missing:skip-covered", "--cov-fail-under=90"]


def main(arguments: list[str]) -> int:
    """Runs pytest, with the given arguments or on everything, and returns its exit code."""
    parts = system_parts.missing()
    if system_parts.install(parts):
        parts = system_parts.missing()
    with _home() as home, _database(home) as database:
        environment = {**os.environ, "HELPDESK_HOME": str(home), "DATABASE_URL": database}
        environment.pop("REDIS_URL", None)
        if chromium := system_parts.CHROMIUM.path():
            environment["CHROMIUM"] = chromium
        chosen = arguments or [*EVERYTHING, *(MEASURED if os.environ.get("COVERAGE") else ())]
        code = _run([sys.executable, "-m", "pytest", *chosen, *_deselected(parts)], environment)
    sys.stdout.write(closing_line(parts, code, complete=not arguments) + "\n")
    return code


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Waits for pytest; told to end, it lets pytest end first, which ends what the tests have started."""
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise


def closing_line(parts: list[system_parts.Part], code: int, *, complete: bool) -> str:
    """Returns the sentence that says what did not run and why, given pytest's exit code."""
    if code not in {0, 1}:
        return f"The tests did not run to their end (pytest ended with {code})."
    if parts:
        names = " and ".join(part.marker for part in parts)
        return f"Left out: tests marked {names}. To run them too: {system_parts.advice(parts)}"
    if code == 1:
        return "Not everything passed."
    return "No test was left out." if complete else "Only the tests asked for were run."


def _deselected(parts: list[system_parts.Part]) -> list[str]:
    return ["-m", " and ".join(f"not {part.marker}" for part in parts)] if parts else []


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """A home for the run: keys, uploads and the database go with it."""
    with tempfile.TemporaryDirectory(prefix="helpdesk-test-") as name:
        home = Path(name).resolve()
        # The system user that runs PostgreSQL under root has to get in.
        home.chmod(0o755)
        yield home


@contextlib.contextmanager
def _database(home: Path) -> Iterator[str]:
    given = os.environ.get("TEST_DATABASE_URL") or os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    try:
        embedded.ensure(home, durable=False)
        yield embedded.url(home)
    finally:
        embedded.destroy(home)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
