"""Notes the statements by which the product answers each route, for a twin that carries out the same ones.

    python -m benchmarks.api_record --known known.json --out recorded.json

Each route is asked once for each of its targets, inside the product's settings and through all of Django. Of
a value is noted where it comes from: it is the same each time, or the time, or an id that is new, or the next
number of a row that was locked before.
"""

import argparse
import json
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import django

django.setup()

from django.db import connection  # noqa: E402 (needs the app registry, as all below)
from django.db.models import Model  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402
from psycopg.types.json import Json as AsJson  # noqa: E402
from psycopg.types.json import Jsonb  # noqa: E402

from accounts.models import ApiKey  # noqa: E402
from accounts.queries import hash_key  # noqa: E402
from benchmarks.api_routes import KEY_HEADER, MARK, ROUTES, Json, Route  # noqa: E402
from conversations.models import Conversation  # noqa: E402
from tickets.models import Ticket  # noqa: E402

# How `rows.find` locks for a key that sees everything.
LOCKED: dict[type[Model], str] = {
    model: f'FROM "{model._meta.db_table}" this WHERE this."id" = $1 AND (TRUE) FOR UPDATE'
    for model in (Conversation, Ticket)
}
SAVEPOINT = re.compile(r'"s\d+_x\d+"')
WRITES = ("INSERT", "UPDATE", "WITH")


class Recorder:
    """Listens to what one request asks the database."""

    def __init__(self, key: str, numbers: dict[type[Model], int]) -> None:
        self.known = {hash_key(key): ["key"]}
        # The number that each locked row will give next.
        self.numbers = {number: LOCKED[model] for model, number in numbers.items()}
        self.steps: list[Json] = []
        self.new: dict[UUID, int] = {}
        self.seen: set[UUID] = set()

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, *rest: Any) -> Any:
        """Notes a statement and lets it be carried out (an `execute_wrapper`)."""
        is_write = sql.startswith(WRITES)
        values = [self._source(value, is_write=is_write) for value in params or ()]
        self.steps.append({"sql": _numbered(sql), "inside": connection.in_atomic_block, "values": values})
        return execute(sql, params, *rest)

    def _source(self, value: Any, *, is_write: bool) -> list[Any]:
        if isinstance(value, AsJson | Jsonb):
            return ["value", json.dumps(value.obj)]
        if isinstance(value, UUID):
            return self._id(value, is_write=is_write)
        if isinstance(value, datetime):
            is_now = timezone.now() - value < timedelta(seconds=20)
            return ["now"] if is_now else ["time", value.isoformat()]
        if isinstance(value, str):
            return self.known.get(value, ["value", str(value)])
        if is_write and type(value) is not bool and value in self.numbers:
            lock = self.numbers[value]
            return ["next", next(i for i, step in enumerate(self.steps) if lock in step["sql"])]
        return ["value", value]

    def _id(self, value: UUID, *, is_write: bool) -> list[Any]:
        """An id that nobody has asked for before it is written was made for this request."""
        if is_write and value not in self.seen:
            self.new.setdefault(value, len(self.new))
        if value in self.new:
            return ["new", self.new[value]]
        self.seen.add(value)
        return ["value", str(value)]


def _numbered(sql: str) -> str:
    """Returns a statement with the places that asyncpg knows."""
    parts = sql.split("%s")
    places = "".join(f"{part}${number}" for number, part in enumerate(parts[:-1], 1))
    return SAVEPOINT.sub('"here"', places + parts[-1]).replace("%%", "%")


def record(route: Route, target: str, key: str) -> list[Json]:
    """Asks once and returns the statements."""
    numbers: dict[type[Model], int] = {}
    if route.targets == "written":
        numbers = {Conversation: Conversation.objects.get(pk=target).last_seq + 1}
    elif route.targets == "changed":
        ticket = Ticket.objects.get(pk=target)
        numbers = {Ticket: ticket.last_seq + 1, Conversation: ticket.conversations.get().last_seq + 1}
    heard = Recorder(key, numbers)
    body = route.content(f"{MARK}{secrets.token_hex(4)}")  # what is the same already is no change
    client = Client(headers={"Host": "127.0.0.1", KEY_HEADER: key})
    with connection.execute_wrapper(heard):
        answer = client.generic(route.verb, route.address(target), body, content_type="application/json")
    assert answer.status_code < 300, answer.content
    return heard.steps


def main() -> None:
    """Asks everything and writes what was heard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--known", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    known = json.loads(Path(options.known).read_text(encoding="utf-8"))
    key = known["callers"]["all"]
    # That a key was used is noted once a minute: not by some of these requests and not by others.
    ApiKey.objects.update(last_used_at=timezone.now() + timedelta(hours=1))
    found: Json = {}
    for route in ROUTES:
        targets = known[route.targets] if route.targets else [""]
        record(route, targets[0], key)  # what only a first request asks does not count
        heard = {target: record(route, target, key) for target in targets}
        first = heard[targets[0]]
        found[route.name] = {
            "steps": [{"sql": step["sql"], "inside": step["inside"]} for step in first],
            "values": {target: [step["values"] for step in steps] for target, steps in heard.items()},
        }
        for target, steps in heard.items():
            others = [s["sql"] for s in steps]
            if others != [s["sql"] for s in first]:
                message = f"{route.name} asks {target} otherwise: {others}"
                raise RuntimeError(message)
    Path(options.out).write_text(json.dumps(found), encoding="utf-8")
    print(json.dumps({name: len(route["steps"]) for name, route in found.items()}))


if __name__ == "__main__":
    main()
