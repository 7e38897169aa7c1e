"""Searches past messages by meaning, within teams of all sizes, and compares with looking at every one.

    python benchmarks/message_search.py
    python benchmarks/message_search.py --messages 1000000 --questions 60

Vectors are those of real sentences, varied along the differences between real sentences, so that they lie as
densely as messages do. Asked is as the product asks, rights and the rows of the messages included, on an
embedded PostgreSQL of its own. The last line is the figures as JSON; exit code 1 when a target was missed.
"""

import argparse
import subprocess
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.processes import ROOT, Home, leave_when_told  # noqa: E402 (needs the path)


def main() -> int:
    """Starts a database of its own, and has it filled and asked."""
    leave_when_told()
    parser = argparse.ArgumentParser(description="Searches past messages by meaning.")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=200, help="of each team")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    numbers = [str(number) for number in (asked.messages, asked.questions, asked.seed)]
    with Home() as home:
        command = [sys.executable, "-m", "benchmarks.message_archive", *numbers]
        environment = home.environment(DJANGO_SETTINGS_MODULE="helpdesk.settings")
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
