"""A campaign through the simulated WhatsApp: how fast it goes out, and what a message costs as it grows."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.faults.payloads import SECRETS
from benchmarks.processes import Home, Server
from benchmarks.report import Figure, at_most, reaches, slower_by

Json = dict[str, Any]
DESK = "benchmarks.campaign_desk"
SIZES = (1_000, 10_000, 100_000)
# Of each campaign so many messages are measured; the rest is called off.
MEASURED, WARM = 500, 50
# What Meta takes of one number in a second, as it says.
PROVIDER_RATE = 80.0
PATIENCE = 60
BESIDE = "asyncpg + httpx"


async def broadcast(home: Home, _known: Json) -> list[Figure]:
    """Messages a second and processor time for each, in campaigns of a thousand to a hundred thousand."""
    secret = SECRETS["whatsapp_cloud"]
    with home.module("tests.fakes.whatsapp_cloud", "--secret", secret) as provider:
        address = f"http://127.0.0.1:{provider.port}"
        made = json.loads(home.prepared(DESK, "inbox", address))
        with home.server(OUTBOUND_ALLOW="127.0.0.0/8") as server:
            hook = {"hook": f"http://127.0.0.1:{server.port}/hooks/{made['key']}"}
            await asyncio.to_thread(httpx.post, f"{address}/_hook", json=hook)
            rows = [await _campaign(home, server, address, made["inbox"], size) for size in SIZES]
        bare = await _bare(home, address, made["inbox"])
    found: list[Figure] = []
    for size, row in zip(SIZES, rows, strict=True):
        name = f"campaign of {size:,}"
        found.append(Figure(f"{name}, rate", row["rate"], "/s", bare["rate"], BESIDE))
        found.append(
            reaches(0.2, f"{name}, rate", row["rate"], "/s", ceiling=PROVIDER_RATE, beside="Meta's own")
        )
        found.append(Figure(f"{name}, application CPU per message", row["cpu"], "ms", bare["cpu"], BESIDE))
        found.append(
            Figure(f"{name}, PostgreSQL CPU per message", row["postgres"], "ms", bare["postgres"], BESIDE)
        )
        found.append(Figure(f"{name}, recipients written down", row["prepared"], "s"))
        found.append(at_most(2_000, f"{name}, its numbers", row["stats"] * 1000, "ms"))
    cost, grown = (row["cpu"] + row["postgres"] for row in (rows[0], rows[-1]))
    found.append(slower_by(1.3, "CPU per message, of 100,000", grown, "ms", ceiling=cost, beside="of 1,000"))
    return found


@dataclass
class Meter:
    """What is spent between its making and its reading, for each of so many messages."""

    home: Home
    server: Server

    def __post_init__(self) -> None:
        self.cpu, self.postgres = self.server.cpu_seconds(), self.home.database_cpu_seconds()
        self.began = time.monotonic()

    def read(self, number: int) -> dict[str, float]:
        """Returns messages a second, and milliseconds of processor time for each."""
        seconds = time.monotonic() - self.began
        cpu, postgres = self.server.cpu_seconds() - self.cpu, self.home.database_cpu_seconds() - self.postgres
        return {"rate": number / seconds, "cpu": cpu / number * 1000, "postgres": postgres / number * 1000}


async def _bare(home: Home, address: str, inbox: int) -> dict[str, float]:
    """The same messages and receipts without the product; its figures stand when the last receipt is in."""
    options = ("--url", home.database_url, "--inbox", str(inbox), "--secret", SECRETS["whatsapp_cloud"])
    with home.module("benchmarks.bare_sender", *options, "--to", address) as bare:
        own = f"http://127.0.0.1:{bare.port}"
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            await client.post(f"{address}/_hook", json={"hook": f"{own}/hooks/x"})
            for count in (WARM, MEASURED):
                meter = Meter(home, bare)
                (await client.post(f"{own}/send", params={"count": count})).raise_for_status()
                await _all_told(client, address)
        return meter.read(MEASURED)


async def _all_told(client: httpx.AsyncClient, address: str) -> None:
    """Waits until every receipt has been taken."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if not (await client.get(f"{address}/_webhooks")).json()["waiting"]:
                return
            await asyncio.sleep(0.05)


async def _campaign(home: Home, server: Server, address: str, inbox: int, size: int) -> Json:
    made = json.loads(home.prepared(DESK, "make", str(inbox), str(size), "100000"))
    before = await _taken(address)
    home.prepared(DESK, "start", made["campaign"])
    await _until(address, before + WARM)
    meter, first = Meter(home, server), await _taken(address)
    spent = meter.read(await _until(address, first + MEASURED) - first)
    home.prepared(DESK, "cancel", made["campaign"])
    told = json.loads(home.prepared(DESK, "stats", made["campaign"]))
    await _calm(address)
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        await _all_told(client, address)
    return {**spent, "prepared": told["prepared_seconds"], "stats": told["seconds"]}


async def _taken(address: str) -> int:
    async with httpx.AsyncClient() as client:
        return int((await client.get(f"{address}/_count")).json()["accepted"])


async def _until(address: str, count: int) -> int:
    async with asyncio.timeout(PATIENCE):
        while True:
            taken = await _taken(address)
            if taken >= count:
                return taken
            await asyncio.sleep(0.05)


async def _calm(address: str) -> None:
    """Waits until nothing more comes."""
    before = -1
    while (now := await _taken(address)) != before:
        before = now
        await asyncio.sleep(2)
