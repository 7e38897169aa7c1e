"""The measurements. Each returns its figures; what bounds a figure is measured in the same case."""

import asyncio
import contextlib
import itertools
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx

from benchmarks import ceilings, load
from benchmarks.api import api
from benchmarks.api_growth import growth
from benchmarks.broadcast import broadcast
from benchmarks.client import Visitor
from benchmarks.peers import peers
from benchmarks.processes import Home, Server
from benchmarks.report import Figure, at_most, percentile, reaches, slower_by
from benchmarks.webhooks import door

Json = dict[str, Any]
Case = Callable[[Home, Json], Awaitable[list[Figure]]]
MODEL = "tests.fakes.openai_server"
STREAMS, TOKENS, TOKEN_SECONDS = 20, 200, 0.01
CHAINLIT_MS = 5.4  # its p50 on such a machine, quoted: it is not installed here
LIBRARY = 10_000
SCREENS, PACE, PACE_SECONDS = 100, 30.0, 10.0
ROUNDS = 2
MANY, OPENING_SECONDS = 5_000, 50


def ms(samples: load.Samples, part: float = 0.5) -> float:
    """Returns a percentile in milliseconds."""
    return percentile(samples.seconds, part) * 1000


async def sockets(home: Home, known: Json) -> list[Figure]:
    """A message from the socket to its ack, beside a bare echo and beside the bare transaction."""
    found: list[Figure] = []
    with home.server("--no-worker") as server, home.module("benchmarks.ceilings", "echo") as echo:
        for clients, each in ((1, 250), (50, 20)):
            product, bare, echoed = load.Samples(), load.Samples(), load.Samples()
            for _ in range(ROUNDS):
                echoed.add(*await _echo_round(echo, clients, each))
                bare.add(*await _bare_round(home, known, clients, each))
                product.add(*await _ack_round(server, known["plain"], clients, each))
            found += _socket_figures(clients, product, bare, echoed)
    return found


async def _echo_round(echo: Server, clients: int, each: int) -> tuple[list[float], float]:
    async with load.echoes(echo.chat, clients) as opened:
        return await load.closed_loop([one.call for one in opened], each=each)


async def _bare_round(home: Home, known: Json, clients: int, each: int) -> tuple[list[float], float]:
    conversations = [row["conversation"] for row in known["plain"]["visitors"][-clients:]]
    number = known["plain"]["id"]
    return await ceilings.transactions(home.database_url, number, conversations, each=each, text=load.TEXT)


async def _ack_round(server: Server, inbox: Json, clients: int, each: int) -> tuple[list[float], float]:
    async with load.visitors(server.chat, inbox, clients) as customers:
        calls = [load.acknowledged(customer) for customer in customers]
        await load.closed_loop(calls, each=3)
        return await load.closed_loop(calls, each=each)


def _socket_figures(
    clients: int, product: load.Samples, bare: load.Samples, echoed: load.Samples
) -> list[Figure]:
    name = f"socket send → ack, {clients} client{'s' * (clients > 1)}"
    transaction, echo = "bare asyncpg transaction", "bare echo"
    return [
        slower_by(3, f"{name}, p50", ms(product), "ms", ceiling=ms(bare), beside=transaction),
        Figure(f"{name}, p99", ms(product, 0.99), "ms", ms(bare, 0.99), transaction),
        Figure(f"{name}, p50", ms(product), "ms", ms(echoed), echo),
        reaches(0.4, f"{name}, rate", product.rate, "/s", ceiling=bare.rate, beside=transaction),
        Figure(f"{name}, rate", product.rate, "/s", echoed.rate, echo),
    ]


async def stored(home: Home, known: Json) -> list[Figure]:
    """How many messages a second one process stores, and what one costs it."""
    customers, each = 150, 20
    found: list[Figure] = []
    with home.server("--no-worker") as server:
        async with load.visitors(server.chat, known["plain"], customers) as opened:
            calls = [load.acknowledged(customer) for customer in opened]
            await load.closed_loop(calls, each=2)
            cpu, postgres = server.cpu_seconds(), home.database_cpu_seconds()
            taken, elapsed = await load.closed_loop(calls, each=each)
            cpu, postgres = server.cpu_seconds() - cpu, home.database_cpu_seconds() - postgres
    number = len(taken)
    found.append(Figure(f"messages stored, {customers} visitors, one process", number / elapsed, "/s"))
    found.append(at_most(2.0, "application CPU per message", cpu / number * 1000, "ms"))
    found.append(Figure("PostgreSQL CPU per message", postgres / number * 1000, "ms"))
    return found


@contextlib.asynccontextmanager
async def _answering(home: Home, known: Json, model: Server) -> AsyncIterator[tuple[Server, list[Visitor]]]:
    """The product in one process with a model, warm, and the customers whom an agent answers."""
    variables = {"LLM_BASE_URL": model_url(model), "LLM_API_KEY": "none", "LLM_MODEL": "fake"}
    with home.server(**variables) as server:
        async with load.visitors(server.chat, known["answered"], STREAMS) as customers:
            # LiteLLM and the embedding model are loaded in the background, for some seconds.
            for customer in customers[:3]:
                await customer.ask("Are you there?")
            yield server, customers


def model_url(model: Server) -> str:
    """Returns the address of the model as a client of OpenAI wants it."""
    return f"http://127.0.0.1:{model.port}/v1"


async def first(home: Home, known: Json) -> list[Figure]:
    """From a question to the first text of the answer, with a model that needs no time."""
    product, whole, forwarded = load.Samples(), load.Samples(), load.Samples()
    with (
        home.module(MODEL, "--tokens", "20") as model,
        home.module("benchmarks.ceilings", "forward", "--model", model_url(model)) as forward,
    ):
        async with _answering(home, known, model) as (_, customers):
            for customer in itertools.islice(itertools.cycle(customers), 3 * len(customers)):
                to_first, to_end = await customer.ask(load.TEXT)
                product.add([to_first], 0)
                whole.add([to_end], 0)
        async with load.echoes(forward.chat, 1) as (plain,):
            for _ in range(60):
                forwarded.add([await plain.call()], 0)
                await asyncio.sleep(0.01)
    name = "send → first text, model of no latency"
    return [
        slower_by(2.5, f"{name}, p50", ms(product), "ms", ceiling=CHAINLIT_MS, beside="Chainlit, quoted"),
        Figure(f"{name}, p50", ms(product), "ms", ms(forwarded), "httpx forwarder, nothing stored"),
        Figure(f"{name}, p99", ms(product, 0.99), "ms", ms(forwarded, 0.99), "httpx forwarder"),
        Figure("send → whole answer stored, p50", ms(whole), "ms"),
    ]


async def streams(home: Home, known: Json) -> list[Figure]:
    """Twenty answers at once, each a token every 10 ms: how much longer than the model itself."""
    with home.module(MODEL, "--tokens", str(TOKENS), "--delay", str(TOKEN_SECONDS)) as model:
        upstream = await asyncio.gather(*(_upstream(model_url(model)) for _ in range(STREAMS)))
        async with _answering(home, known, model) as (server, customers):
            cpu = server.cpu_seconds()
            taken = await asyncio.gather(*(customer.ask(load.TEXT) for customer in customers))
            cpu = server.cpu_seconds() - cpu
            deltas = statistics.mean(customer.deltas for customer in customers)
    whole = statistics.median(end for _, end in taken)
    name = f"{STREAMS} answers at once of {TOKENS} tokens, whole"
    return [
        slower_by(1.1, name, whole, "s", ceiling=statistics.median(upstream), beside="the model itself"),
        Figure("  to the first text, p50", statistics.median(first for first, _ in taken) * 1000, "ms"),
        Figure("  pieces of text for each answer", deltas, ""),
        Figure("  application CPU per token", cpu / (STREAMS * TOKENS) * 1e6, "µs"),
    ]


async def _upstream(model: str) -> float:
    body = {"model": "fake", "stream": True, "messages": [{"role": "user", "content": load.TEXT}]}
    async with httpx.AsyncClient() as client:
        began = time.perf_counter()
        async with client.stream("POST", f"{model}/chat/completions", json=body, timeout=60) as answer:
            async for _ in answer.aiter_raw():
                pass
        return time.perf_counter() - began


async def desk(home: Home, known: Json) -> list[Figure]:
    """A customer's message on a hundred operators' screens, beside a hundred members of a Channels group."""
    with home.module("benchmarks.ceilings", "group") as group:
        echoed = await _group(group)
    with home.server("--no-worker") as server:
        shown, missing = await _screens(server, known)
    name = f"customer's message → {SCREENS} screens, {PACE:.0f}/s"
    beside = "Channels group"
    return [
        at_most(10, f"{name}, p50", ms(shown), "ms"),
        Figure(f"{name}, p50", ms(shown), "ms", ms(echoed), beside),
        slower_by(2, f"{name}, p99", ms(shown, 0.99), "ms", ceiling=ms(echoed, 0.99), beside=beside),
        at_most(0, "  not shown", missing, ""),
    ]


async def _group(group: Server) -> load.Samples:
    """Sends as much text as a row of the desk has."""
    screens = load.Screens()
    await screens.open(group.chat, [{}] * SCREENS)
    numbers = itertools.count()

    async def call() -> tuple[bytes, float]:
        text = f"{next(numbers):<600}"
        now = time.perf_counter()
        screens.sockets[0].send(text)
        return text.encode(), now

    sent = dict(await load.paced([call], rate=PACE, seconds=PACE_SECONDS))
    await asyncio.sleep(0.5)
    await screens.close()
    return load.Samples([now - sent[data] for frames in screens.frames for data, now in frames])


async def _screens(server: Server, known: Json) -> tuple[load.Samples, int]:
    screens = load.Screens()
    origin = f"http://127.0.0.1:{server.port}"
    headers = [{"Cookie": f"sessionid={key}", "Origin": origin} for key in known["sessions"][:SCREENS]]
    await screens.open(server.desk, headers)
    async with load.visitors(server.chat, known["plain"], int(PACE)) as customers:
        calls = [_told(customer) for customer in customers]
        await load.paced(calls, rate=PACE, seconds=2)
        sent = dict(await load.paced(calls, rate=PACE, seconds=PACE_SECONDS))
        await asyncio.sleep(1)
    await screens.close()
    delays, missing = screens.delays(sent)
    return load.Samples(delays), missing


def _told(customer: Visitor) -> Callable[[], Awaitable[tuple[tuple[str, int], float]]]:
    async def call() -> tuple[tuple[str, int], float]:
        sent, _, seq = await customer.say(load.TEXT)
        return (customer.conversation, seq), sent

    return call


async def memory(home: Home, known: Json) -> list[Figure]:
    """What processes hold when nobody asks for anything, and what a silent socket adds."""
    with home.server() as server:  # the first start of all also gathers static files, once and for ever
        await _use(server, known)
        rss, pss = await _settled(server)
        found = [Figure("one process with its worker, idle, RSS", rss, "MiB", note=f"PSS {pss:.0f}")]
    with home.worker() as worker:
        rss, pss = await _settled(worker)
        found.append(Figure("worker, idle, RSS", rss, "MiB", note=f"PSS {pss:.0f}"))
    with home.server("--no-worker") as server:
        await _use(server, known)
        rss, pss = await _settled(server)
        found.append(at_most(130, "web process, idle, RSS", rss, "MiB"))
        found.append(at_most(130, "web process, idle, PSS", pss, "MiB"))
        found += await _idle_sockets(server, known, rss)
    return found


async def _use(server: Server, known: Json) -> None:
    """A page, the API's description and a message: what is loaded at first use is part of an idle process."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as client:
        for path in ("/", "/admin/login/", "/api/schema"):
            (await client.get(path)).raise_for_status()
    async with load.visitors(server.chat, known["plain"], 1) as (customer,):
        await customer.say(load.TEXT)


async def _settled(process: Any) -> tuple[float, float]:
    """Returns resident and proportional size once they stay for two seconds."""
    before = (0.0, 0.0)
    for _ in range(10):
        await asyncio.sleep(2)
        now: tuple[float, float] = process.memory()
        if abs(now[0] - before[0]) < 1:
            break
        before = now
    return now


async def _idle_sockets(server: Server, known: Json, rss: float) -> list[Figure]:
    """Opens sockets that have said hello, as many of five thousand as the time allows."""
    opened: list[Visitor] = []
    began, grown = time.monotonic(), 0.0
    try:
        while len(opened) < MANY and (len(opened) < 1_000 or time.monotonic() - began < OPENING_SECONDS):
            more = [Visitor(server.chat, known["plain"]["key"]) for _ in range(50)]
            opened += await asyncio.gather(*(customer.__aenter__() for customer in more))
            if len(opened) == 1_000:
                grown = server.memory()[0] - rss
        count = sum(not one.socket.transport.is_closing() for one in opened)
        each = (server.memory()[0] - rss) / count * 1_000
    finally:
        await asyncio.gather(*(customer.socket.close() for customer in opened))
    return [
        at_most(30, "memory for the first 1,000 idle sockets", grown, "MiB"),
        at_most(30, "memory per 1,000 idle sockets", each, "MiB", note=f"{count:,} open at once"),
    ]


async def start(_home: Home, _known: Json) -> list[Figure]:
    """From the command to the first good answer, with the demonstration: an empty directory, then again."""
    seconds = []
    with Home(cold=True) as fresh:
        for _ in range(2):
            with fresh.server(HELPDESK_DEMO="1") as server:
                seconds.append(server.seconds)
    return [
        Figure("start in an empty directory → ready", seconds[0], "s"),
        at_most(6, "second start → ready", seconds[1], "s"),
    ]


async def retrieval(_home: Home, _known: Json) -> list[Figure]:
    """Questions asked of 10,000 articles, beside a bare statement for the nearest passages."""
    with Home() as home:
        told = json.loads(home.prepared("benchmarks.article_library", str(LIBRARY)))
    name = f"a question to {LIBRARY:,} articles of {told['passages']:,} passages"
    found, bare = told["search"], told["bare"]
    beside = "the nearest 30 passages by SQL"
    return [
        Figure(f"{name}, p50", percentile(found, 0.5), "ms", percentile(bare, 0.5), beside),
        Figure(f"{name}, p95", percentile(found, 0.95), "ms", percentile(bare, 0.95), beside),
        at_most(20, f"{name}, p95", percentile(found, 0.95), "ms"),
        Figure("found of the 10 nearest", told["found"], "", target="≥ 0.95", met=told["found"] >= 0.95),
    ]


CASES: dict[str, Case] = {
    "sockets": sockets,
    "stored": stored,
    "first": first,
    "streams": streams,
    "desk": desk,
    "memory": memory,
    "start": start,
    "door": door,
    "broadcast": broadcast,
    "api": api,
    "peers": peers,
    "growth": growth,
    "retrieval": retrieval,
}
