"""Kills the product while customers write, and judges by their ledger: nothing lost, doubled or disordered.

    make prove                                        the long proof: three seeds
    python benchmarks/fault.py --seed 1 --msgs 5000 --kills 50
    python benchmarks/fault.py --case H --seed 3      one case of docs/reliability.md

The last lines are the figures as JSON and `N passed, N failed`; exit code 1 when a promise was broken. All
processes are its own, on 127.0.0.1, in a temporary directory.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)

import aiohttp  # noqa: E402 (needs the path, as all below)
import psycopg  # noqa: E402

from benchmarks.faults.backup import Backup, restore, take  # noqa: E402
from benchmarks.faults.cases import CASES, Case, strike  # noqa: E402
from benchmarks.faults.cluster import PROVIDERS, Cluster  # noqa: E402
from benchmarks.faults.customers import PATIENCE, Crowd  # noqa: E402
from benchmarks.faults.disk import SmallDisk  # noqa: E402
from benchmarks.faults.judge import DOUBLES_ALLOWED, UNKNOWN, Verdict, judge, settled  # noqa: E402
from benchmarks.faults.nuisances import NUISANCES, Complaints  # noqa: E402
from benchmarks.faults.payloads import external_id  # noqa: E402
from benchmarks.processes import Home, leave_when_told  # noqa: E402

SETTLE_SECONDS = 120
# A run that gets nowhere ends after so long, and says how far it came.
LONGEST_SECONDS = 1_500
PHONES, VISITORS, ASKING = 8, 12, 4
CONVERSATION = """
SELECT conversation.id::text FROM conversations_conversation conversation
JOIN conversations_contactidentity identity ON identity.id = conversation.identity_id
JOIN conversations_inbox inbox ON inbox.id = conversation.inbox_id
WHERE inbox.channel = %s AND identity.external_id = %s
"""


@dataclass
class Watch:
    """What is seen from outside while it runs."""

    unknown_since: dict[str, float] = field(default_factory=dict)
    longest_unknown: float = 0.0
    settled_after: float = 0.0

    async def look(self, database_url: str) -> None:
        """Follows how long deliveries stay unknown."""
        while True:
            await asyncio.sleep(1)
            with contextlib.suppress(psycopg.Error):
                found = {row[0] for row in await asyncio.to_thread(_unknown, database_url)}
                now = time.monotonic()
                self.unknown_since = {each: self.unknown_since.get(each, now) for each in found}
                ages = [now - since for since in self.unknown_since.values()]
                self.longest_unknown = max([self.longest_unknown, *ages])


def _unknown(database_url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url, connect_timeout=2) as connection:
        return connection.execute(UNKNOWN).fetchall()


class Run:
    """One run with one seed."""

    def __init__(
        self,
        case: Case,
        *,
        seed: int,
        msgs: int,
        kills: int,
        every: tuple[float, float] | None = None,
        pace: float = 1.0,
    ) -> None:
        self.case, self.seed, self.msgs, self.every, self.pace = case, seed, msgs, every, pace
        self.kills = kills if case.kills else 0
        self.watch = Watch()
        self.complaints: Complaints = []
        self.backup: Backup | None = None

    def measure(self) -> tuple[Verdict, dict[str, Any]]:
        """Runs it; returns the verdict and the row of figures."""
        with Home() as home, contextlib.ExitStack() as stack:
            cluster = Cluster(
                home,
                self.seed,
                points=self.case is CASES["mixed"],
                model=self.case.model,
                disk=stack.enter_context(SmallDisk(home)) if self.case.small_disk else None,
                clocks=self.case.clocks,
            )
            with cluster.running() as told:
                crowd = Crowd(cluster.webs, told, self.seed)
                began = time.monotonic()
                asyncio.run(self._play(cluster, crowd))
                seconds = time.monotonic() - began
                ledgers = {name: cluster.ledger(name) for name in PROVIDERS}
                verdict = judge(home.database_url, crowd.ledger, ledgers)
                if self.backup is not None:
                    self.complaints += restore(home, self.backup, crowd.ledger, told)
        row = {
            **verdict.row(),
            "recovery_max_s": round(_recovery(cluster.kills.times, crowd.ledger.acked_at), 2),
            "unknown_max_s": round(self.watch.longest_unknown, 1),
            "settled_after_s": round(self.watch.settled_after, 1),
            "refused": dict(crowd.ledger.refused),
            "kills": cluster.kills.total,
            "killed": cluster.kills.counts,
            "seconds": round(seconds, 1),
            "seed": self.seed,
        }
        self._judge_times(verdict, row)
        verdict.failures += self.complaints
        return verdict, row

    def _judge_times(self, verdict: Verdict, row: dict[str, Any]) -> None:
        for name in ("unknown_max_s", "settled_after_s"):
            kept = row[name] <= SETTLE_SECONDS
            (verdict.passed if kept else verdict.failures).append(f"{name} {row[name]} of {SETTLE_SECONDS}")
        for name, wanted, got in (
            ("messages", self.msgs, verdict.acked),
            ("kills", self.kills, row["kills"]),
        ):
            (verdict.passed if got >= wanted else verdict.failures).append(f"{got} of {wanted} {name}")

    async def _play(self, cluster: Cluster, crowd: Crowd) -> None:
        async with aiohttp.ClientSession(timeout=PATIENCE) as crowd.http, asyncio.TaskGroup() as group:
            await self._misbehave(cluster, crowd, self.case.faults)
            looking = group.create_task(self.watch.look(cluster.home.database_url))
            people = [group.create_task(person) for person in self._people(cluster, crowd)]
            if nuisance := NUISANCES.get(self.case.nuisance):
                people.append(group.create_task(nuisance(crowd, self.complaints)))
            await self._until_enough(cluster, crowd)
            crowd.is_over.set()
            await self._misbehave(cluster, crowd, {})
            _, late = await asyncio.wait(people, timeout=SETTLE_SECONDS)
            for person in late:
                person.cancel()
            await self._settle(cluster)
            looking.cancel()

    def _people(self, cluster: Cluster, crowd: Crowd) -> "list[Any]":
        phones = [(channel, who) for channel in PROVIDERS for who in range(1, PHONES + 1)]
        return [
            *(crowd.phone(channel, who, 0.25 * self.pace) for channel, who in phones),
            *(self._operator(cluster, crowd, channel, who) for channel, who in phones),
            *(crowd.visitor("web", who, 0.25 * self.pace) for who in range(1, VISITORS + 1)),
            *(crowd.visitor("answered", who, 1.5 * self.pace) for who in range(1, ASKING + 1)),
        ]

    async def _operator(self, cluster: Cluster, crowd: Crowd, channel: str, who: int) -> None:
        """Waits for the customer's conversation, then answers in it."""
        query: Callable[[], str] = lambda: _conversation(cluster.home.database_url, channel, who)  # noqa: E731
        conversation = ""
        while not conversation and not crowd.is_over.is_set():
            await asyncio.sleep(0.5)
            with contextlib.suppress(psycopg.Error):
                conversation = await asyncio.to_thread(query)
        if conversation:
            await crowd.operator(channel, who, conversation, 0.5 * self.pace)

    async def _misbehave(self, cluster: Cluster, crowd: Crowd, faults: dict[str, Any]) -> None:
        for name in PROVIDERS:
            told = {**faults, "cut": 0} if self._is_spared(name) and faults else faults
            async with crowd.http.post(f"{cluster.provider(name)}/_faults", json=told) as answer:
                answer.raise_for_status()

    def _is_spared(self, name: str) -> bool:
        return self.case.spares_the_forgetful and DOUBLES_ALLOWED[name] > 0

    async def _until_enough(self, cluster: Cluster, crowd: Crowd) -> None:
        """Kills, with pauses, until there were enough kills and enough messages."""
        ends_at = time.monotonic() + LONGEST_SECONDS
        while cluster.kills.total < self.kills or len(crowd.ledger.acked) < self.msgs:
            if time.monotonic() > ends_at:
                return
            low, high = self.every or self.case.kills or (1, 1)
            await asyncio.sleep(cluster.random.uniform(low, high))
            if self.case.backup and self.backup is None and len(crowd.ledger.acked) >= self.msgs / 2:
                self.backup = await asyncio.to_thread(take, cluster.home, crowd.ledger)
            if self.case.kills is not None:
                strike(cluster, self.case.kind)

    async def _settle(self, cluster: Cluster) -> None:
        """Waits until nothing is left to do."""
        began = time.monotonic()
        while time.monotonic() - began < SETTLE_SECONDS * 1.5:
            with contextlib.suppress(psycopg.Error):
                if await asyncio.to_thread(settled, cluster.home.database_url):
                    break
            await asyncio.sleep(0.5)
        self.watch.settled_after = time.monotonic() - began


def _conversation(database_url: str, channel: str, who: int) -> str:
    with psycopg.connect(database_url, connect_timeout=2) as connection:
        row = connection.execute(CONVERSATION, [channel, external_id(channel, who)]).fetchone()
        return row[0] if row else ""


def _recovery(kills: list[float], acks: list[float]) -> float:
    """Returns the longest time from a kill to the next acknowledgement of anything."""
    ordered = sorted(acks)
    waits = [next((ack for ack in ordered if ack > kill), kill) - kill for kill in kills]
    return max(waits, default=0.0)


def main() -> int:
    """Runs one case with one seed or several."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    about = "; ".join(f"{name}: {case.about}" for name, case in CASES.items())
    parser.add_argument("--case", choices=CASES, default="mixed", help=about)
    parser.add_argument("--seed", type=int, action="append", help="repeat for several runs (default: 1)")
    parser.add_argument("--msgs", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument(
        "--every", type=float, nargs=2, metavar="SECONDS", help="between two kills (default: the case's own)"
    )
    parser.add_argument(
        "--pace", type=float, default=1.0, help="how many times longer everybody pauses between two messages"
    )
    options = parser.parse_args()
    leave_when_told()
    passed = failed = 0
    for seed in options.seed or [1]:
        run = Run(
            CASES[options.case],
            seed=seed,
            msgs=options.msgs,
            kills=options.kills,
            every=options.every,
            pace=options.pace,
        )
        verdict, row = run.measure()
        print(json.dumps({"case": options.case, **row}), flush=True)
        for line in verdict.failures:
            print(f"  broken: {line}", flush=True)
        passed, failed = passed + len(verdict.passed), failed + len(verdict.failures)
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
