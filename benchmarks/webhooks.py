"""The webhook door beside its twin, and while the model is slow."""

import asyncio
import itertools
import time
from dataclasses import dataclass
from typing import Any

from benchmarks import load
from benchmarks.faults.payloads import SECRETS, webhook
from benchmarks.processes import Home, Server
from benchmarks.report import Figure, at_most, percentile, reaches

Json = dict[str, Any]
CLIENTS, EACH = 32, 60
SLOW_MODEL_SECONDS = 30
# Processor seconds in a second of a server that has nothing to do; the model must not have answered before.
CALM, CALM_WITHIN_SECONDS = 0.3, 20
ROUNDS = 2


@dataclass
class Caller:
    """One connection that stays open: the least an HTTP client can be."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    path: str
    who: int
    numbers: "itertools.count[int]"

    async def call(self) -> float:
        """Delivers one webhook nobody has delivered before; returns the seconds to its 200."""
        number = next(self.numbers)
        body, headers = webhook("whatsapp_cloud", self.who, number, f"{self.who}-{number}")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {self.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
        began = time.perf_counter()
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in answer.partition(b"\r\n")[0], answer
        length = answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
        if length:
            await self.reader.readexactly(int(length))
        else:
            await self.reader.readuntil(b"0\r\n\r\n")
        return time.perf_counter() - began


async def _round(server: Server, path: str, first: int, *, each: int = EACH) -> tuple[list[float], float]:
    callers = []
    for number in range(CLIENTS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        callers.append(Caller(reader, writer, path, first + number, itertools.count(1)))
    try:
        return await load.closed_loop([caller.call for caller in callers], each=each)
    finally:
        for caller in callers:
            caller.writer.close()


async def door(home: Home, known: Json) -> list[Figure]:
    """A webhook from a provider to its 200, beside FastAPI and asyncpg, and while a model takes 30 s."""
    inbox, path = known["hooks"], f"/hooks/{known['hooks']['key']}"
    secret = SECRETS["whatsapp_cloud"]
    options = ("--url", home.database_url, "--inbox", str(inbox["id"]), "--secret", secret)
    product, twin = load.Samples(), load.Samples()
    spent = {"product": 0.0, "twin": 0.0}
    with home.server("--no-worker") as server, home.module("benchmarks.twin", *options) as other:
        for turn in range(ROUNDS + 1):
            for name, samples, running in (("twin", twin, other), ("product", product, server)):
                before = running.cpu_seconds()
                found = await _round(running, path, turn * 1000 + (500 if name == "twin" else 0))
                if turn:  # the first warms up
                    samples.add(*found)
                    spent[name] += running.cpu_seconds() - before
    beside = "FastAPI + asyncpg"
    cost = {name: spent[name] / ROUNDS / CLIENTS / EACH * 1000 for name in spent}
    return [
        reaches(
            1.0, "webhook → 200, 32 connections, rate", product.rate, "/s", ceiling=twin.rate, beside=beside
        ),
        Figure("webhook → 200, p50", _ms(product), "ms", _ms(twin), beside),
        Figure("webhook → 200, p99", _ms(product, 0.99), "ms", _ms(twin, 0.99), beside),
        Figure("application CPU per webhook", cost["product"], "ms", cost["twin"], beside),
        await _while_the_model_is_slow(home, path),
    ]


async def _while_the_model_is_slow(home: Home, path: str) -> Figure:
    """The agent answers these customers too, and takes half a minute for each."""
    with home.module("tests.fakes.openai_server", "--delay", str(SLOW_MODEL_SECONDS)) as model:
        variables = {
            "LLM_BASE_URL": f"http://127.0.0.1:{model.port}/v1",
            "LLM_API_KEY": "x",
            "LLM_MODEL": "fake",
        }
        with home.server(OUTBOUND_ALLOW="127.0.0.0/8", **variables) as server:
            await _round(server, path, 90_000, each=2)
            await _calm(server)
            taken, _ = await _round(server, path, 91_000, each=20)
    name = "webhook → 200 while the model takes 30 s, one process, p99"
    return at_most(300, name, percentile(taken, 0.99) * 1000, "ms")


async def _calm(server: Server) -> None:
    """Waits until the server has loaded what its first answers need, and only waits for the model."""
    for _ in range(CALM_WITHIN_SECONDS):
        before = server.cpu_seconds()
        await asyncio.sleep(1)
        if server.cpu_seconds() - before < CALM:
            return


def _ms(samples: load.Samples, part: float = 0.5) -> float:
    return percentile(samples.seconds, part) * 1000
