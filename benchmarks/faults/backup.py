"""A backup taken while customers write, restored into a server of its own.

What was acknowledged before it began must be in it. What came later is lost with the old disk, but
for what providers deliver again: that must come back once and in order, and nothing twice.
"""

import asyncio
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.faults.customers import FAILURES, PATIENCE, Ledger
from benchmarks.faults.judge import judge_stored, settled
from benchmarks.faults.payloads import MAKERS, webhook
from benchmarks.processes import Home
from helpdesk.embedded import programs
from helpdesk.embedded.state import data_of

RESTORE_SECONDS = 120


@dataclass
class Backup:
    """What was written to a file, and what had been acknowledged before."""

    path: Path
    acked: frozenset[str]


def take(home: Home, ledger: Ledger) -> Backup:
    """Dumps the database as it is, beside all that goes on."""
    backup = Backup(home.path / "backup.dump", frozenset(ledger.acked))
    _run(home, "pg_dump", "--format=custom", f"--file={backup.path}", home.database_url)
    return backup


def _run(home: Home, program: str, *arguments: str) -> None:
    folder = programs.find(programs.owner_of(data_of(home.path)))
    command = [str(folder / program), *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=RESTORE_SECONDS)


def restore(home: Home, backup: Backup, ledger: Ledger, told: dict[str, Any]) -> list[str]:
    """Brings the backup up on another cluster, lets the providers repeat, and returns what is wrong."""
    with Home() as other:
        _run(
            home,
            "pg_restore",
            "--no-owner",
            "--no-comments",
            f"--dbname={other.database_url}",
            str(backup.path),
        )
        # The keys that encrypt an inbox's settings live beside the database, and were saved with it.
        variables = {"HELPDESK_HOME": str(home.path), "DATABASE_URL": other.database_url}
        with home.server(**variables, OUTBOUND_ALLOW="127.0.0.0/8") as server:
            asyncio.run(_repeat(f"http://127.0.0.1:{server.port}", ledger, told["inboxes"]))
            is_settled = asyncio.run(_settle(other.database_url))
        return [*_broken(backup, ledger, other.database_url), *([] if is_settled else ["it does not settle"])]


async def _repeat(web: str, ledger: Ledger, inboxes: dict[str, str]) -> None:
    """Delivers every webhook again, each customer's in order, as after days without an answer."""
    async with aiohttp.ClientSession(timeout=PATIENCE) as http:
        phones = [
            _phone(http, f"{web}/hooks/{inboxes[channel]}", channel, int(who), texts)
            for channel, who, texts in _phones(ledger)
        ]
        await asyncio.gather(*phones)


def _phones(ledger: Ledger) -> list[tuple[str, str, list[str]]]:
    """Returns channel, number and texts of those who write through a provider."""
    writers = [(*writer.partition(".")[::2], texts) for writer, texts in ledger.sent.items()]
    return [each for each in writers if each[0] in MAKERS]


async def _phone(http: aiohttp.ClientSession, address: str, channel: str, who: int, texts: list[str]) -> None:
    for number, text in enumerate(texts, start=1):
        while True:
            body, headers = webhook(channel, who, number, text)
            try:
                async with http.post(address, data=body, headers=headers) as answer:
                    if answer.status == 200:
                        break
            except FAILURES:
                pass
            await asyncio.sleep(0.2)


async def _settle(database_url: str) -> bool:
    for _ in range(RESTORE_SECONDS * 2):
        if await asyncio.to_thread(settled, database_url):
            return True
        await asyncio.sleep(0.5)
    return False


def _broken(backup: Backup, ledger: Ledger, database_url: str) -> list[str]:
    repeated = {
        text for writer, texts in ledger.sent.items() if writer.partition(".")[0] in MAKERS for text in texts
    }
    expected = Ledger(sent=ledger.sent, acked=set(backup.acked | (ledger.acked & repeated)))
    found = judge_stored(expected, database_url)
    nothing = {
        "lost": found.lost,
        "stored twice": found.duplicated,
        "of nobody": found.ghosts,
        "out of order": found.out_of_order,
        "in broken numbers": found.broken_numbers,
    }
    return [f"{count} {what} after the backup was restored" for what, count in nothing.items() if count]
