"""`make check`: every check that needs no database, two at a time, each with its time."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
SOURCES = [
    *(
        "core",
        "accounts",
        "llm",
        "conversations",
        "tickets",
        "knowledge",
        "integrations",
        "agents",
        "campaigns",
        "api",
        "desk",
    ),
    *("helpdesk", "tools", "benchmarks", "tests", "manage.py"),
]
# The longest first, so that two at a time end together.
CHECKS: dict[str, list[str]] = {
    "mypy": [PYTHON, "-m", "mypy", *(name for name in SOURCES if (ROOT / name).exists())],
    "ruff": [PYTHON, "-m", "ruff", "check", "."],
    "format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "floors": [str(Path(PYTHON).with_name("lint-imports"))],
    "imports": [PYTHON, "-m", "tools.check_imports"],
    # There is no database to ask whether its history is consistent, and no need to.
    "migrations": [
        PYTHON,
        "-W",
        "ignore::RuntimeWarning",
        "manage.py",
        "makemigrations",
        "--check",
        "--dry-run",
    ],
    "templates": [PYTHON, "-m", "tools.lint_templates"],
    "djlint": [PYTHON, "-m", "djlint", "templates", "--lint", "--quiet"],
    "system": [PYTHON, "manage.py", "check", "--fail-level", "WARNING"],
}


def main(names: list[str]) -> int:
    """Runs the named checks, or all; returns 1 if one of them failed."""
    unknown = set(names) - set(CHECKS)
    if unknown:
        sys.stderr.write(f"No such check: {', '.join(sorted(unknown))}. There are: {', '.join(CHECKS)}\n")
        return 2
    chosen = [name for name in CHECKS if not names or name in names]
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(_run, name) for name in chosen]
        failed = [name for run in as_completed(runs) if not (name := run.result())[1]]
    sys.stdout.write(f"{len(chosen) - len(failed)} checks passed, {len(failed)} failed.\n")
    return 1 if failed else 0


def _run(name: str) -> tuple[str, bool]:
    started = time.monotonic()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    result = subprocess.run(
        CHECKS[name],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    passed = result.returncode == 0
    line = f"{'ok    ' if passed else 'FAILED'} {name:<11}{time.monotonic() - started:5.1f} s\n"
    sys.stdout.write(line if passed else f"{line}{_end(result.stdout)}\n")
    sys.stdout.flush()
    return name, passed


def _end(text: str, lines: int = 80) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
