"""The main job on the real processes, while they are killed: in one process, and in four with Redis."""

import asyncio
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from tests.live import Visitor
from tools.stack import ROOT, Stack


class Alone(Stack):
    """The one-process mode: a web process that works off the jobs itself, and no Redis."""

    parts = ("web",)

    def _command(self, part: str) -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), "serve"]

    def _variables(self) -> dict[str, str]:
        kept = super()._variables()
        del kept["REDIS_URL"]
        return kept


class Product:
    """A running product, whatever it consists of."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        page = urllib.request.urlopen(stack.base_url, timeout=30).read().decode()
        found = re.search(r'data-inbox="([^"]+)"', page)
        assert found
        self.key = found[1]

    def visitor(self, **hello: Any) -> Visitor:
        return Visitor(f"ws://127.0.0.1:{self.stack.port}/ws/chat/", self.key, hello)

    def crash(self) -> None:
        """kill -9 of everything that is ours, then a start as after a power cut."""
        parts = [part for part in self.stack.parts if part != "redis"]
        for part in parts:
            self.stack.kill(part)
        self.stack.start(*parts)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.stack.database_url) as connection:
            return connection.execute(query, values).fetchall()

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        done = subprocess.run(
            command, env=self.stack._variables(), check=True, capture_output=True, text=True
        )
        return done.stdout

    def call(self, key: str, path: str, body: dict[str, Any]) -> int:
        request = urllib.request.Request(
            f"{self.stack.base_url}/api/v1/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "X-API-Key": key},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A database beside the one of the other tests; the demonstration is loaded once for both modes."""
    given = os.environ["DATABASE_URL"]
    name = f"survival_{uuid4().hex[:8]}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlsplit(given)._replace(path=f"/{name}").geturl()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module", params=[Alone, pytest.param(Stack, marks=pytest.mark.redis)])
def product(
    request: pytest.FixtureRequest, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    home = tmp_path_factory.getbasetemp() / "survival"
    quick = {"CHAT_MESSAGES_PER_MINUTE": "1000"}
    keys = [
        name for name in os.environ if name.endswith(("_API_KEY", "_API_BASE")) or name.startswith("LLM_")
    ]
    environment = {**quick, **dict.fromkeys(keys, "")}
    with request.param(home, database_url=database, environment=environment) as stack:
        yield Product(stack)


async def test_question_is_answered_word_by_word_with_its_source(product: Product) -> None:
    async with product.visitor() as visitor:
        deltas, answer = await visitor.ask("qual o prazo de entrega?")
    assert len(deltas) >= 5
    written = "".join(delta["text"] for delta in deltas)
    assert answer["text"].startswith(written[:200].strip())
    assert "entrega" in answer["citations"][0]["title"].lower()
    address = answer["citations"][0]["url"]
    assert (await asyncio.to_thread(urllib.request.urlopen, address, timeout=30)).status == 200


async def test_question_without_an_article_becomes_a_ticket(product: Product) -> None:
    async with product.visitor() as visitor:
        _, answer = await visitor.ask("vocês têm vagas de emprego?")
        assert "Abrir um chamado" in [choice["value"] for choice in answer["choices"]]
        _, answer = await visitor.ask("Abrir um chamado")
    number = re.search(r"#(\d+)", answer["text"])
    assert number
    found = product.rows("SELECT subject FROM tickets_ticket WHERE number = %s", int(number[1]))
    assert found == [("vocês têm vagas de emprego?",)]


async def test_person_takes_over_and_the_agent_stays_silent(product: Product) -> None:
    key = product.manage("create_api_key", "survival").strip()
    async with product.visitor() as visitor:
        await visitor.ask("qual o prazo de entrega?")
        async with product.visitor(token=visitor.token) as again:
            conversation = again.welcome["conversation"]
        status = await asyncio.to_thread(
            product.call, key, f"conversations/{conversation}/messages", {"text": "Olá, sou o Bruno."}
        )
        assert status == 201
        assert (await visitor.message_from("operator"))["text"] == "Olá, sou o Bruno."
        await visitor.send("qual o prazo de entrega?")
        heard = await visitor.silence(4)
    authors = {frame["message"]["author"]["kind"] for frame in heard if frame.get("message")}
    assert authors <= {"contact"}


async def test_eight_writers_and_twenty_twins_leave_no_gap_and_no_double(product: Product) -> None:
    async with product.visitor() as first:
        await first.send("Falar com uma pessoa")
        await first.message_from("system")
    twin = str(uuid4())

    async def write(number: int) -> None:
        async with product.visitor(token=first.token, since=1) as writer:
            for part in range(5):
                await writer.send(f"{number}.{part}")
            await writer.send("twin", twin)

    await asyncio.gather(*(write(number) for number in range(8)))
    async with product.visitor(token=first.token) as reader:
        messages = (await reader.until("snapshot"))["messages"]
    texts = [message["text"] for message in messages if message["author"]["kind"] == "contact"]
    assert sorted(texts) == sorted(
        ["Falar com uma pessoa", "twin", *(f"{n}.{part}" for n in range(8) for part in range(5))]
    )
    seqs = [message["seq"] for message in messages]
    assert seqs == sorted(set(seqs))


async def test_killed_between_question_and_answer_leaves_one_answer(product: Product) -> None:
    asked, token = [], None
    for number in range(2):
        async with product.visitor(**({"token": token} if token else {})) as visitor:
            token = visitor.token
            asked.append(str(uuid4()))
            await visitor.send(f"pergunta {number}: qual o prazo de entrega?", asked[-1])
        await asyncio.to_thread(product.crash)
    messages = await settled(product, token)
    mine = [message for message in messages if message["author"]["kind"] == "contact"]
    theirs = [message for message in messages if message["author"]["kind"] == "agent"]
    assert [message["client_id"] for message in mine] == asked
    assert 1 <= len(theirs) <= 2
    assert theirs[-1]["seq"] > mine[-1]["seq"]
    assert len({message["seq"] for message in messages}) == len(messages)


async def test_killed_while_it_opens_a_ticket_leaves_one_ticket(product: Product) -> None:
    matter = f"A tampa {uuid4().hex[:6]} chegou quebrada. Abra um chamado, por favor."
    async with product.visitor() as visitor:
        await visitor.send(matter)
        await asyncio.sleep(0.05)
    await asyncio.to_thread(product.crash)
    messages = await settled(product, visitor.token)
    told = [message["text"] for message in messages if message["author"]["kind"] == "agent"]
    tickets = product.rows("SELECT number FROM tickets_ticket WHERE description LIKE %s", f"{matter[:20]}%")
    assert len(told) == len(tickets) == 1
    assert f"#{tickets[0][0]}" in told[0]


async def settled(product: Product, token: str | None) -> list[dict[str, Any]]:
    """The conversation once the agent has answered what was asked last."""
    async with asyncio.timeout(60):
        while True:
            async with product.visitor(token=token) as visitor:
                messages: list[dict[str, Any]] = (await visitor.until("snapshot"))["messages"]
                if messages[-1]["author"]["kind"] == "contact":
                    await visitor.message_from("agent", limit=60)
                    continue
                # Whatever a second run would say would be said by now.
                heard = await visitor.silence(2)
            return messages + [frame["message"] for frame in heard if frame.get("message")]
