"""`make bench`: measures the product, each figure beside what bounds it, in one run on this machine.

    make bench                      everything, in about fifteen minutes
    make bench ARGS="sockets desk"  some of it

It starts its own servers on an embedded PostgreSQL in a temporary directory (fsync on) and ends only those.
The last line is the run as JSON. Only ratios and CPU per item mean anything on a machine that others use too;
the load before and after is printed. Exit code 1 when a target was missed, 2 when something was not measured.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

import uvloop  # noqa: E402 (needs the path, as all below)

from benchmarks import report  # noqa: E402
from benchmarks.cases import CASES  # noqa: E402
from benchmarks.processes import Home  # noqa: E402
from benchmarks.report import Figure  # noqa: E402

CASE_SECONDS = 600


async def _measured(name: str, home: Home, known: dict[str, object]) -> list[Figure]:
    async with asyncio.timeout(CASE_SECONDS):
        return await CASES[name](home, known)


def _print_head() -> None:
    about = report.machine()
    print(
        f"{about['cores']} cores, shared by server, PostgreSQL, the model and the clients; "
        f"Python {about['python']}, {about['system']}, load {about['load']}"
    )


def measure(names: list[str]) -> tuple[dict[str, list[Figure]], bool]:
    """Measures the named cases and prints their figures; returns these, and whether all went through."""
    done: dict[str, list[Figure]] = {}
    complete = True
    with Home() as home:
        known = json.loads(home.prepared("benchmarks.prepare"))
        for name in names:
            print(f"\n{name}: {' '.join((CASES[name].__doc__ or '').split())}", flush=True)
            try:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    done[name] = runner.run(_measured(name, home, known))
            except Exception as error:  # noqa: BLE001 (the other cases are worth having)
                print(f"  not measured: {type(error).__name__}: {error}")
                complete = False
            for figure in done.get(name, []):
                print(report.line(figure), flush=True)
    return done, complete


def main() -> int:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description="Measures the product beside what bounds it.")
    parser.add_argument("cases", nargs="*", help=f"some of: {', '.join(CASES)} (default: all)")
    names = parser.parse_args().cases or list(CASES)
    if unknown := set(names) - set(CASES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(CASES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _print_head()
    began = time.monotonic()
    done, complete = measure(names)
    figures = [figure for rows in done.values() for figure in rows]
    missed = [figure for figure in figures if figure.met is False]
    judged = sum(figure.met is not None for figure in figures)
    print(f"\n{judged - len(missed)} of {judged} targets met, {time.monotonic() - began:.0f} s")
    _print_head()
    print(report.as_json(done))
    return 2 if not complete else int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
