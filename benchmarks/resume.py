"""Cuts listeners every few seconds and counts what they hear: each event once, in order, by all.

    python benchmarks/resume.py --clients 200 --events 1000000 --seed 1
    python benchmarks/resume.py --sse --clients 50 --events 50000

Clients are tabs of a few visitors, on two web processes that are restarted now and then. Each is cut without
a goodbye every 1 to 5 seconds, left half-open sometimes, and resumes with the last number it has
heard, or now and then with one of long ago; meanwhile they write. The last lines are the figures as JSON and
`N passed, N failed`; exit code 1 when a promise was broken.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)

import aiohttp  # noqa: E402 (needs the path, as all below)
import psycopg  # noqa: E402

from benchmarks.faults.cluster import Cluster  # noqa: E402
from benchmarks.faults.tabs import Room, Said, Snapshot, Stage, StreamTab, Tab, Tally  # noqa: E402
from benchmarks.processes import Home, leave_when_told  # noqa: E402

TABS_OF_A_VISITOR = 100
RESTART_AFTER = (30.0, 60.0)
# A run in which nobody hears anything for so long has failed.
STUCK_SECONDS = 60
# When all have heard everything: time for a double that is still on its way.
ENCORE_SECONDS = 1.0
# The newest messages that a snapshot has (docs/protocol.md).
SNAPSHOT_LENGTH = 200
STORED = """
SELECT event.conversation_id::text, event.seq, message.id::text, message.text
FROM conversations_event event LEFT JOIN conversations_message message ON message.id = event.message_id
WHERE event.conversation_id = ANY(%s::uuid[]) ORDER BY event.conversation_id, event.seq
"""
Stored = dict[str, dict[int, Said]]


class Pair(Cluster):
    """Two web processes and what they need; nobody writes through a provider."""

    providers = ()
    workers = ("worker1",)

    def _prepared(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.home.prepared("benchmarks.prepare"))
        return told


@dataclass
class Verdict:
    """What was found wrong, counted; nothing may be."""

    tally: Tally
    unfinished: int = 0
    wrong: int = 0
    wrong_snapshots: int = 0
    stored: int = 0
    miscounted: int = 0
    passed: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def decide(self, events: int) -> None:
        """Says which promises were kept."""
        nothing = {
            "events missed": self.tally.gaps,
            "events heard twice": self.tally.doubles,
            "events heard out of order": self.tally.disorder,
            "events that said different things to two tabs": self.tally.unlike,
            "events that are not what is stored": self.wrong,
            "snapshots that are not what is stored": self.wrong_snapshots,
            "snapshots where events would have done": self.tally.needless,
            "tabs that did not hear the end": self.unfinished,
            "messages stored too many or too few": self.miscounted,
        }
        for what, count in nothing.items():
            (self.failures if count else self.passed).append(f"{count} {what}")
        enough = self.tally.events >= events
        (self.passed if enough else self.failures).append(f"{self.tally.events} of {events} events heard")


class Run:
    """One run with one seed."""

    def __init__(self, *, clients: int, events: int, seed: int, sse: bool = False) -> None:
        self.clients, self.events, self.seed, self.sse = clients, events, seed, sse
        self.restarts = 0

    def measure(self) -> tuple[Verdict, dict[str, Any]]:
        """Runs it; returns the verdict and the row of figures."""
        with Home() as home:
            cluster = Pair(home, self.seed, points=False)
            with cluster.running() as told:
                stage = Stage(cluster.webs, random.Random(self.seed))
                rooms = self._rooms(told["plain"])
                tabs = self._tabs(stage, rooms)
                began = time.monotonic()
                asyncio.run(self._play(cluster, stage, tabs))
                seconds = time.monotonic() - began
                verdict = judge(stage.tally, tabs, rooms, stored(home.database_url, rooms))
        verdict.decide(self.events)
        return verdict, self._row(verdict, seconds)

    def _row(self, verdict: Verdict, seconds: float) -> dict[str, Any]:
        tally = verdict.tally
        return {
            "clients": self.clients,
            "events": tally.events,
            "stored": verdict.stored,
            "cuts": tally.cuts,
            "half_open": tally.half_open,
            "restarts": self.restarts,
            "gaps": tally.gaps,
            "doubles": tally.doubles,
            "disorder": tally.disorder,
            "wrong": verdict.wrong + tally.unlike,
            "snapshots": len(tally.snapshots),
            "wrong_snapshots": verdict.wrong_snapshots,
            "seconds": round(seconds, 1),
            "sse": self.sse,
            "seed": self.seed,
        }

    def _rooms(self, inbox: dict[str, Any]) -> list[Room]:
        visitors = inbox["visitors"][: max(2, self.clients // TABS_OF_A_VISITOR)]
        return [Room(inbox["key"], visitor["token"], visitor["conversation"]) for visitor in visitors]

    def _tabs(self, stage: Stage, rooms: list[Room]) -> list[Tab]:
        kind = StreamTab if self.sse else Tab
        return [kind(stage, rooms[number % len(rooms)], f"tab.{number}") for number in range(self.clients)]

    async def _play(self, cluster: Cluster, stage: Stage, tabs: list[Tab]) -> None:
        patience = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=patience) as stage.http:
            restarting = asyncio.create_task(self._restart(cluster))
            await play(stage, tabs, self.events)
            restarting.cancel()

    async def _restart(self, cluster: Cluster) -> None:
        """Ends one web process after the other, kindly or not; the supervisor starts it again."""
        while True:
            await asyncio.sleep(cluster.random.uniform(*RESTART_AFTER))
            name = ("web1", "web2")[self.restarts % 2]
            cluster.random.choice((cluster.kill_part, cluster.stop_part))(name)
            self.restarts += 1


async def play(stage: Stage, tabs: list[Tab], events: int) -> None:
    """Lets the tabs listen and write until they have heard so much, and then hear the rest."""
    playing = [asyncio.create_task(tab.live()) for tab in tabs]
    await _until(stage, lambda: stage.tally.events >= events)
    stage.is_ending = True
    await _until(stage, lambda: _all_heard(tabs))
    await asyncio.sleep(ENCORE_SECONDS)
    stage.is_over = True
    await asyncio.gather(*playing)
    for line in tuple(stage.half_open):
        stage.drop(line)


async def _until(stage: Stage, is_done: Callable[[], bool]) -> None:
    """Waits for something, and says each ten seconds how far it is; gives up when nothing moves."""
    heard, moved_at, told_at = -1, time.monotonic(), time.monotonic()
    while not is_done():
        await asyncio.sleep(0.2)
        now = time.monotonic()
        if stage.tally.events != heard:
            heard, moved_at = stage.tally.events, now
        if now - moved_at > STUCK_SECONDS:
            return
        if now - told_at > 10:
            told_at = now
            print(f"  {heard:,} events heard, {stage.tally.cuts:,} cuts", file=sys.stderr, flush=True)


def _all_heard(tabs: list[Tab]) -> bool:
    return all(tab.waiting is None and tab.seq >= tab.room.last for tab in tabs)


def stored(database_url: str, rooms: list[Room]) -> Stored:
    """Returns what the database says under each number of each conversation."""
    found: Stored = {room.conversation: {} for room in rooms}
    with psycopg.connect(database_url) as connection:
        for conversation, seq, key, text in connection.execute(STORED, [list(found)]):
            found[conversation][seq] = (key or "", text or "")
    return found


def judge(tally: Tally, tabs: list[Tab], rooms: list[Room], truth: Stored) -> Verdict:
    """Compares what the tabs have heard and written with what is stored."""
    verdict = Verdict(tally, stored=sum(map(len, truth.values())))
    for room in rooms:
        rows = truth[room.conversation]
        verdict.wrong += sum(rows.get(seq) != said for seq, said in room.heard.items())
        verdict.miscounted += abs(len(rows) - room.written) + abs(len(rows) - max(rows, default=0))
    verdict.unfinished = sum(tab.seq != max(truth[tab.room.conversation], default=0) for tab in tabs)
    verdict.wrong_snapshots = sum(_is_wrong(each, truth[each.conversation]) for each in tally.snapshots)
    return verdict


def _is_wrong(snapshot: Snapshot, rows: dict[int, Said]) -> bool:
    first = max(1, snapshot.seq - SNAPSHOT_LENGTH + 1)
    return snapshot.messages != [(seq, rows.get(seq)) for seq in range(first, snapshot.seq + 1)]


def main() -> int:
    """Runs once and reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--events", type=int, default=1_000_000, help="how many all clients hear together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sse", action="store_true", help="server-sent events instead of websockets")
    options = parser.parse_args()
    leave_when_told()
    verdict, row = Run(**vars(options)).measure()
    print(json.dumps(row), flush=True)
    for line in verdict.failures:
        print(f"  broken: {line}", flush=True)
    print(f"{len(verdict.passed)} passed, {len(verdict.failures)} failed")
    return int(bool(verdict.failures))


if __name__ == "__main__":
    sys.exit(main())
