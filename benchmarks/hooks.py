"""Tells a receiver that is away for a while what happens, while workers die; its ledger judges.

    python benchmarks/hooks.py --messages 2000 --down 60 --kills 6 --seed 1
    python benchmarks/hooks.py --cost

The receiver is down for the first `--down` seconds, in which all messages are written. The last lines are the
figures as JSON and `N passed, N failed`; exit code 1 when a promise was broken. `--cost` measures what a
message costs without the triggers, with nobody listening and with one webhook.
"""

import argparse
import contextlib
import json
import random
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

sys.path[0] = str(Path(__file__).resolve().parent.parent)

import psycopg  # noqa: E402 (needs the path, as all below)
from standardwebhooks import Webhook as Judge  # noqa: E402
from standardwebhooks import WebhookVerificationError  # noqa: E402

from benchmarks.processes import Home, Process, leave_when_told  # noqa: E402

DESK = "benchmarks.hooks_desk"
CUSTOMERS, WORKERS = 200, 2
STUCK_SECONDS = 300
LEFT = """
SELECT (SELECT count(*) FROM api_webhookevent WHERE name = '')
    + (SELECT count(*) FROM api_webhookcall WHERE status IN ('waiting', 'calling'))
"""
MESSAGES = "SELECT conversation_id::text, seq FROM conversations_message"


class Receiver(ThreadingHTTPServer):
    """Cuts every connection while it is down; writes down what it took and who signed that."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.is_up, self.refused, self.forged = False, 0, 0
        self.judge: Judge | None = None
        self.ledger: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Writes one call down."""
        assert self.judge is not None
        with self.lock:
            try:
                self.judge.verify(body, headers)
            except WebhookVerificationError:
                self.forged += 1
            told = json.loads(body)["data"]
            self.ledger.append(
                {
                    "id": headers["webhook-id"],
                    "conversation": told["conversation_id"],
                    "seq": told["seq"],
                    "at": time.monotonic(),
                }
            )


class Taker(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Receiver

    def do_POST(self) -> None:
        """Takes a call, or cuts it off."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if not self.server.is_up:
            self.server.refused += 1
            self.connection.close()
            return
        self.server.take({name.lower(): value for name, value in self.headers.items()}, body)
        with contextlib.suppress(OSError):
            self.send_response(204)
            self.end_headers()

    def handle_one_request(self) -> None:
        """Says nothing of connections that end."""
        with contextlib.suppress(OSError, ValueError):
            super().handle_one_request()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Run:
    """One outage with one seed."""

    def __init__(self, *, messages: int, down: float, kills: int, seed: int) -> None:
        self.messages, self.down, self.kills, self.seed = messages, down, kills, seed
        self.random = random.Random(seed)
        self.passed: list[str] = []
        self.failures: list[str] = []
        self.killed = 0

    def measure(self) -> dict[str, Any]:
        """Runs it; returns the row of figures."""
        with Home() as home, Receiver() as receiver:
            made = json.loads(home.prepared(DESK, "make", receiver.url))
            receiver.judge = Judge(made["secret"])
            workers = [self._worker(home, number) for number in range(WORKERS)]
            try:
                began = self._write_and_strike(home, made["inbox"], workers)
                asked = receiver.refused
                receiver.is_up = True
                settled = self._settle(home, workers)
            finally:
                for worker in workers:
                    worker.__exit__()
            with psycopg.connect(home.database_url) as connection:
                stored = set(connection.execute(MESSAGES).fetchall())
        return {
            **self._judge(receiver, stored),
            "down_s": round(began, 1),
            "asked_while_down": asked,
            "settled_after_s": round(settled, 1),
            "kills": self.killed,
            "seed": self.seed,
        }

    def _worker(self, home: Home, number: int) -> Process:
        command = [sys.executable, "manage.py", "work"]
        environment = home.environment(OUTBOUND_ALLOW="127.0.0.0/8")
        return Process("a worker", command, log=home.path / f"work-{number}.log", environment=environment)

    def _write_and_strike(self, home: Home, inbox: int, workers: list[Process]) -> float:
        """Has all messages written while the receiver is down, and half of the kills done meanwhile."""
        began = time.monotonic()
        arguments = ("write", str(inbox), str(self.messages), str(self.down * 0.9), str(CUSTOMERS))
        environment = home.environment(DJANGO_SETTINGS_MODULE="helpdesk.settings")
        command = [sys.executable, "-m", DESK, *arguments]
        with Process("the writer", command, log=home.path / "write.log", environment=environment) as writer:
            while writer.child.poll() is None or time.monotonic() - began < self.down:
                time.sleep(self.down / (self.kills / 2 + 1))
                if self.killed < self.kills / 2:
                    self._strike(home, workers)
        return time.monotonic() - began

    def _strike(self, home: Home, workers: list[Process]) -> None:
        place = self.random.randrange(len(workers))
        workers[place].child.send_signal(signal.SIGKILL)
        workers[place].child.wait()
        workers[place] = self._worker(home, place)
        self.killed += 1

    def _settle(self, home: Home, workers: list[Process]) -> float:
        """Waits until nothing is left to tell; the other half of the kills falls into the rush."""
        began = time.monotonic()
        while time.monotonic() - began < STUCK_SECONDS:
            with psycopg.connect(home.database_url) as connection:
                row = connection.execute(LEFT).fetchone()
            if row is not None and not row[0]:
                break
            if self.killed < self.kills and row is not None and row[0] < self.messages * 0.95:
                self._strike(home, workers)
            time.sleep(1)
        return time.monotonic() - began

    def _judge(self, receiver: Receiver, stored: set[tuple[str, int]]) -> dict[str, Any]:
        """Compares what was taken with what was written."""
        times = Counter(row["id"] for row in receiver.ledger)
        told = {(row["conversation"], row["seq"]) for row in receiver.ledger}
        order: dict[str, list[int]] = defaultdict(list)
        seen: set[str] = set()
        for row in receiver.ledger:
            if row["id"] not in seen:
                order[row["conversation"]].append(row["seq"])
                seen.add(row["id"])
        disordered = sum(seqs != sorted(seqs) for seqs in order.values())
        doubles = sum(count - 1 for count in times.values())
        self._equal("messages written", len(stored), self.messages)
        self._equal("lost", len(stored - told), 0)
        self._equal("of nothing", len(told - stored), 0)
        self._equal("conversations out of order", disordered, 0)
        self._equal("ids for one event", len(times) - len(told), 0)
        self._equal("signatures refused", receiver.forged, 0)
        # Each death can leave as many calls in doubt as may be open.
        kept = doubles <= self.killed * 10
        (self.passed if kept else self.failures).append(f"doubles: {doubles} of {self.killed} kills")
        span = receiver.ledger[-1]["at"] - receiver.ledger[0]["at"] if receiver.ledger else 0.0
        rate = round(len(receiver.ledger) / span, 1) if span else 0.0
        return {"told": len(told), "lost": len(stored - told), "out_of_order": disordered,
                "doubles": doubles, "per_second": rate}  # fmt: skip

    def _equal(self, what: str, got: Any, wanted: Any) -> None:
        (self.passed if got == wanted else self.failures).append(f"{what}: {got}, to be {wanted}")


def main() -> int:
    """Runs one outage with one seed or several, or measures the cost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--down", type=float, default=60)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, action="append", help="repeat for several runs (default: 1)")
    parser.add_argument("--cost", action="store_true")
    options = parser.parse_args()
    leave_when_told()
    if options.cost:
        with Home() as home:
            print(home.prepared(DESK, "cost", "5"))
        return 0
    passed = failed = 0
    for seed in options.seed or [1]:
        run = Run(messages=options.messages, down=options.down, kills=options.kills, seed=seed)
        print(json.dumps(run.measure()), flush=True)
        for line in run.failures:
            print(f"  broken: {line}", flush=True)
        passed, failed = passed + len(run.passed), failed + len(run.failures)
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
