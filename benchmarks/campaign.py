"""Sends a campaign while everything dies, and judges by the provider's ledger: each once, all told of.

    python benchmarks/campaign.py --recipients 10000 --kills 20 --per-minute 900 --seed 1

Some recipients want no messages from the beginning, some say STOP on the way, some reply. WhatsApp is
simulated; it answers 429 and 500, cuts connections, refuses some for good and reports others as lost later.
The last lines are the figures as JSON and `N passed, N failed`; exit code 1 when a promise was broken.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)

import aiohttp  # noqa: E402 (needs the path, as all below)
import psycopg  # noqa: E402

from benchmarks.campaign_ledger import Book, Tail  # noqa: E402
from benchmarks.faults.cases import strike  # noqa: E402
from benchmarks.faults.cluster import Cluster  # noqa: E402
from benchmarks.faults.judge import WAITING  # noqa: E402
from benchmarks.processes import Home, leave_when_told  # noqa: E402

DESK = "benchmarks.campaign_desk"
CHANNEL = "whatsapp_cloud"
FAULTS = {
    "too_many": 0.02, "error": 0.02, "cut": 0.01, "refuse": 0.01, "duplicates": 2,
    "lost": 0.03, "unseen": 0.05, "unread": 0.3,
}  # fmt: skip
UNWILLING, STOPPING, REPLYING = 0.01, 0.01, 0.03
SETTLE_SECONDS, STUCK_SECONDS = 240, 300
# A minute may have a twentieth more than the limit; so may the whole run have less.
TOLERANCE = 0.05
QUEUED = "SELECT count(*) FROM campaigns_recipient WHERE state = 'queued'"
# A message written after the word that forbids it.
AGAINST_WILL = """
SELECT count(*) FROM campaigns_recipient recipient
JOIN conversations_message message ON message.id = recipient.message_id
JOIN campaigns_consent consent ON consent.identity_id = recipient.identity_id
WHERE consent.state = 'withdrawn' AND message.created_at > consent.changed_at
"""
REPLIED = "SELECT count(*) FROM campaigns_recipient WHERE replied_at IS NOT NULL"


class Post(Cluster):
    """The product with one provider."""

    providers = (CHANNEL,)

    def _prepared(self) -> dict[str, Any]:
        self._wait_for(*self.providers)
        told: dict[str, Any] = json.loads(self.home.prepared(DESK, "inbox", self.provider(CHANNEL)))
        hooks = ",".join(f"{web}/hooks/{told['key']}" for web in self.webs)
        self._tell_provider("_hook", {"hook": hooks})
        return told

    def _tell_provider(self, path: str, body: dict[str, Any]) -> None:
        import httpx  # deferred: leaf

        httpx.post(f"{self.provider(CHANNEL)}/{path}", json=body).raise_for_status()


class Run:
    """One campaign with one seed."""

    def __init__(self, *, recipients: int, kills: int, per_minute: int, seed: int) -> None:
        self.recipients, self.kills, self.per_minute, self.seed = recipients, kills, per_minute, seed
        self.passed: list[str] = []
        self.failures: list[str] = []
        self.stopped: set[str] = set()
        self.replied: set[str] = set()
        self.campaign = ""
        self.settled_after = 0.0

    def measure(self) -> dict[str, Any]:
        """Runs it; returns the row of figures."""
        with Home() as home:
            cluster = Post(home, self.seed)
            with cluster.running() as told:
                made = json.loads(
                    home.prepared(
                        DESK, "make", str(told["inbox"]), str(self.recipients), str(self.per_minute)
                    )
                )
                self.campaign = made["campaign"]
                unwilling = str(int(self.recipients * UNWILLING))
                no = json.loads(home.prepared(DESK, "opt-out", str(told["inbox"]), unwilling))
                began = time.monotonic()
                asyncio.run(self._play(cluster))
                seconds = time.monotonic() - began
                found = json.loads(home.prepared(DESK, "stats", self.campaign))
                book = Book.read(cluster.ledger(CHANNEL))
                row = self._judge(home, book, found, set(no["numbers"]))
        return {
            **row,
            "kills": cluster.kills.total,
            "killed": cluster.kills.counts,
            "seconds": round(seconds, 1),
            "settled_after_s": round(self.settled_after, 1),
            "seed": self.seed,
        }

    async def _play(self, cluster: Post) -> None:
        async with aiohttp.ClientSession() as http:
            provider = cluster.provider(CHANNEL)
            async with http.post(f"{provider}/_faults", json=FAULTS) as answer:
                answer.raise_for_status()
            await asyncio.to_thread(cluster.home.prepared, DESK, "start", self.campaign)
            talking = asyncio.create_task(self._talk(cluster, http))
            await self._until_written(cluster)
            talking.cancel()
            async with http.post(f"{provider}/_faults", json={}) as answer:
                answer.raise_for_status()
            await self._settle(cluster)

    async def _until_written(self, cluster: Post) -> None:
        """Kills, spread over the time that the campaign takes, until nobody waits any more."""
        pause = self.recipients / self.per_minute * 60 / (self.kills + 1)
        ends_at = time.monotonic() + pause * (self.kills + 1) * 2 + STUCK_SECONDS
        next_kill = time.monotonic() + pause
        while time.monotonic() < ends_at:
            await asyncio.sleep(1)
            if time.monotonic() >= next_kill and cluster.kills.total < self.kills:
                strike(cluster, "")
                next_kill += pause
            with contextlib.suppress(psycopg.Error):
                if await asyncio.to_thread(self._is_written, cluster.home.database_url):
                    return

    def _is_written(self, url: str) -> bool:
        """Whether everybody is written down, and nobody waits."""
        everybody = _number(url, "SELECT count(*) FROM campaigns_recipient") >= self.recipients
        return everybody and _number(url, QUEUED) == 0

    async def _talk(self, cluster: Post, http: aiohttp.ClientSession) -> None:
        """Lets some who got the message answer, and some who did not get it yet say STOP."""
        heard: set[str] = set()
        tail = Tail(cluster.ledger(CHANNEL))
        while True:
            await asyncio.sleep(1)
            for row in tail.news():
                if row["kind"] != "template" or row["to"] in heard:
                    continue
                heard.add(row["to"])
                chance = cluster.random.random()
                # Nobody replies to what did not arrive.
                if chance < REPLYING and row["fate"] != "failed":
                    self.replied.add(row["to"])
                    await self._say(cluster, http, row["to"], "Quero saber mais")
                elif REPLYING <= chance < REPLYING + STOPPING:
                    ahead = f"55119{int(row['to'][5:]) + cluster.random.randint(20, 400):08}"
                    if int(ahead[5:]) < self.recipients and ahead not in heard:
                        self.stopped.add(ahead)
                        await self._say(cluster, http, ahead, "PARAR")

    async def _say(self, cluster: Post, http: aiohttp.ClientSession, number: str, text: str) -> None:
        told = {"from": number, "text": text}
        async with http.post(f"{cluster.provider(CHANNEL)}/_say", json=told) as answer:
            answer.raise_for_status()

    async def _settle(self, cluster: Post) -> None:
        """Waits until nothing is left to do, on either side."""
        began = time.monotonic()
        async with aiohttp.ClientSession() as http:
            while time.monotonic() - began < SETTLE_SECONDS:
                with contextlib.suppress(psycopg.Error):
                    async with http.get(f"{cluster.provider(CHANNEL)}/_webhooks") as answer:
                        waiting = (await answer.json())["waiting"]
                    if not waiting and await asyncio.to_thread(_is_calm, cluster.home.database_url):
                        break
                await asyncio.sleep(0.5)
        self.settled_after = time.monotonic() - began

    def _judge(self, home: Home, book: Book, found: dict[str, Any], unwilling: set[str]) -> dict[str, Any]:
        """Compares, by sets and sums only, what we say with what the provider wrote down."""
        stats, skipped = found["stats"], found["skipped"]
        times = Counter(row["to"] for row in book.campaign)
        fates = Counter(row["fate"] for row in book.campaign)
        # Of those left out it was the confirmation that was refused.
        refused = book.refused - set(times) - set(skipped)
        rate = book.rate()
        with psycopg.connect(home.database_url) as connection:
            against = _one(connection, AGAINST_WILL)
            replied = _one(connection, REPLIED)
        self._equal("messages to one recipient, at most", max(times.values(), default=0), 1)
        self._equal("messages to who had opted out before", len(unwilling & set(times)), 0)
        self._equal("messages written after a STOP", against, 0)
        # Nobody says anything else to them.
        promised = {row["to"]: row["at"] for row in book.said if row["to"] in self.stopped}
        broken = sum(row["at"] > promised.get(row["to"], row["at"]) for row in book.campaign)
        self._equal("STOPs not confirmed", len(self.stopped - set(promised) - book.refused), 0)
        self._equal("messages that arrived after that", broken, 0)
        self._equal("recipients", stats["recipients"], self.recipients)
        told = sum(stats[name] for name in ("sent", "failed", "skipped"))
        self._equal("sent, failed and left out", told, self.recipients)
        self._equal("left out for their will", set(skipped.values()), {"opted_out"})
        self._equal("nobody is both left out and sent to", len(set(skipped) & set(times)), 0)
        self._equal(
            "unknown, waiting or being sent", stats["unknown"] + stats["waiting"] + stats["sending"], 0
        )
        self._equal("read", stats["read"], fates["read"])
        self._equal("delivered", stats["delivered"], fates["read"] + fates["delivered"])
        self._equal("sent", stats["sent"], sum(fates.values()) - fates["failed"])
        self._equal("failed", stats["failed"], fates["failed"] + len(refused))
        self._equal("replied", replied, len(self.replied))
        self._equal("status", found["status"], "done")
        self._within("messages a minute", rate["mean"], self.per_minute)
        busiest = rate["busiest"] <= self.per_minute * (1 + TOLERANCE)
        (self.passed if busiest else self.failures).append(f"{rate['busiest']} in the busiest minute")
        return {
            "recipients": self.recipients,
            **{name: stats[name] for name in ("sent", "delivered", "read", "failed", "skipped", "replied")},
            "stopped_on_the_way": len(self.stopped),
            "per_minute": self.per_minute,
            "mean_per_minute": round(rate["mean"], 1),
            "busiest_minute": rate["busiest"],
            "refused": len(refused),
            "lost": fates["failed"],
        }

    def _equal(self, what: str, got: Any, wanted: Any) -> None:
        (self.passed if got == wanted else self.failures).append(f"{what}: {got}, to be {wanted}")

    def _within(self, what: str, got: float, wanted: float) -> None:
        kept = abs(got - wanted) <= wanted * TOLERANCE
        (self.passed if kept else self.failures).append(f"{what}: {got:.1f}, to be {wanted}")


def _is_calm(url: str) -> bool:
    with psycopg.connect(url, connect_timeout=2) as connection:
        row = connection.execute(WAITING).fetchone()
        return row is not None and not any(row)


def _number(url: str, query: str) -> int:
    with psycopg.connect(url, connect_timeout=2) as connection:
        return _one(connection, query)


def _one(connection: "psycopg.Connection[Any]", query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def main() -> int:
    """Runs one campaign with one seed or several."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipients", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--per-minute", type=int, default=900)
    parser.add_argument("--seed", type=int, action="append", help="repeat for several runs (default: 1)")
    options = parser.parse_args()
    leave_when_told()
    passed = failed = 0
    for seed in options.seed or [1]:
        run = Run(
            recipients=options.recipients, kills=options.kills, per_minute=options.per_minute, seed=seed
        )
        print(json.dumps(run.measure()), flush=True)
        for line in run.failures:
            print(f"  broken: {line}", flush=True)
        passed, failed = passed + len(run.passed), failed + len(run.failures)
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
