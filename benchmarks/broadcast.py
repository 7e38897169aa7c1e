"""A campaign through the simulated WhatsApp: how fast it goes out, and what a message costs as it grows."""

import asyncio
import json
import time
from typing import Any

import httpx

from benchmarks.faults.payloads import SECRETS
from benchmarks.processes import Home, Server
from benchmarks.report import Figure, at_most, slower_by

Json = dict[str, Any]
DESK = "benchmarks.campaign_desk"
SIZES = (1_000, 10_000, 100_000)
# Of each campaign so many messages are measured; the rest is called off.
MEASURED, WARM = 500, 50
# What Meta takes of one number in a second.
PROVIDER_RATE = 80.0
PATIENCE = 60


async def broadcast(home: Home, _known: Json) -> list[Figure]:
    """Messages a second and processor time for each, in campaigns of a thousand to a hundred thousand."""
    found: list[Figure] = []
    secret = SECRETS["whatsapp_cloud"]
    with home.module("tests.fakes.whatsapp_cloud", "--secret", secret) as provider:
        address = f"http://127.0.0.1:{provider.port}"
        made = json.loads(home.prepared(DESK, "inbox", address))
        with home.server(OUTBOUND_ALLOW="127.0.0.0/8") as server:
            hook = {"hook": f"http://127.0.0.1:{server.port}/hooks/{made['key']}"}
            await asyncio.to_thread(httpx.post, f"{address}/_hook", json=hook)
            rows = [await _campaign(home, server, address, made["inbox"], size) for size in SIZES]
    small, large = rows[0], rows[-1]
    for size, row in zip(SIZES, rows, strict=True):
        name = f"campaign of {size:,}"
        found.append(Figure(f"{name}, rate", row["rate"], "/s", PROVIDER_RATE, "Meta's own limit, quoted"))
        found.append(Figure(f"{name}, application CPU per message", row["cpu"], "ms"))
        found.append(Figure(f"{name}, PostgreSQL CPU per message", row["postgres"], "ms"))
        found.append(Figure(f"{name}, recipients written down", row["prepared"], "s"))
        found.append(at_most(2_000, f"{name}, its numbers", row["stats"] * 1000, "ms"))
    cost = small["cpu"] + small["postgres"]
    grown = large["cpu"] + large["postgres"]
    found.append(slower_by(1.3, "CPU per message, of 100,000", grown, "ms", ceiling=cost, beside="of 1,000"))
    return found


async def _campaign(home: Home, server: Server, address: str, inbox: int, size: int) -> Json:
    made = json.loads(home.prepared(DESK, "make", str(inbox), str(size), "100000"))
    before = await _taken(address)
    home.prepared(DESK, "start", made["campaign"])
    await _until(address, before + WARM)
    cpu, postgres, began = server.cpu_seconds(), home.database_cpu_seconds(), time.monotonic()
    first = await _taken(address)
    last = await _until(address, first + MEASURED)
    seconds, number = time.monotonic() - began, last - first
    cpu, postgres = server.cpu_seconds() - cpu, home.database_cpu_seconds() - postgres
    home.prepared(DESK, "cancel", made["campaign"])
    told = json.loads(home.prepared(DESK, "stats", made["campaign"]))
    await _calm(address)
    return {
        "rate": number / seconds,
        "cpu": cpu / number * 1000,
        "postgres": postgres / number * 1000,
        "prepared": told["prepared_seconds"],
        "stats": told["seconds"],
    }


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
