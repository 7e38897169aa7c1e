"""The API's twin: FastAPI and asyncpg, the statements that the product carries out, plain dicts out.

    python -m benchmarks.api_twin --port 20001 --url postgres://… --recorded recorded.json

It answers what the product answers, of the rows it has read. It checks no body, and no rights but the key.
"""

import argparse
import contextlib
import gc
import hashlib
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, Request, Response

from benchmarks.api_routes import KEY_HEADER, MARK, ROUTES, Json, Route

PRIORITIES = {10: "low", 20: "normal", 30: "high", 40: "urgent"}
Get = Callable[[str], Any]


@cache
def places(sql: str) -> dict[str, int]:
    """Returns where the columns of a SELECT stand in its rows, by table and name."""
    named = {alias: table for table, alias in re.findall(r'"(\w+)" (this|other_\d+)\b', sql)}
    listed = re.findall(r'"?(\w+)"?\."(\w+)"', sql.partition(" FROM ")[0])
    return {
        f"{named.get(table, table).partition('_')[2]}.{name}": number
        for number, (table, name) in enumerate(listed)
    }


@cache
def written(sql: str, table: str) -> dict[str, int]:
    """Returns which value of an INSERT into a table is which column's."""
    listed = r"\((.*?)\) VALUES \((.*?)\)"
    names, values = re.search(f'INTO "{table}" {listed}', sql).groups()  # type: ignore[union-attr]
    pairs = zip(names.split(", "), values.split(", "), strict=True)
    return {name.strip('"'): int(value[1:]) - 1 for name, value in pairs if value.startswith("$")}


def moment(value: datetime | None) -> str | None:
    """Returns a time as the product writes it."""
    return value.isoformat().replace("+00:00", "Z") if value else None


def person(get: Get) -> Json | None:
    """Returns who is in charge."""
    return {"id": get("user.id"), "name": get("user.username")} if get("user.id") else None


def contact(get: Get) -> Json:
    """Returns a customer."""
    return {"id": str(get("contact.id")), "name": get("contact.name"), "email": get("contact.email")}


def conversation(get: Get) -> Json:
    """Returns a conversation of a list."""
    own = {name: get(f"conversation.{name}") for name in ("status", "tags", "subject", "preview", "last_seq")}
    times = ("waiting_since", "first_reply_at", "resolved_at", "created_at", "updated_at")
    return {
        "id": str(get("conversation.id")),
        "inbox": {name: get(f"inbox.{name}") for name in ("id", "name", "channel")},
        "contact": contact(get),
        "assignee": person(get),
        "team": get("team.slug"),
        "priority": PRIORITIES[get("conversation.priority")],
        "attributes": json.loads(get("conversation.attributes")),
        "unread": get("conversation.last_contact_seq") > get("conversation.read_by_operator_seq"),
        **own,
        **{name: moment(get(f"conversation.{name}")) for name in times},
    }


def message(get: Get) -> Json:
    """Returns a message."""
    same = ("seq", "direction", "text", "html", "validated_by")
    return {
        "id": str(get("message.id")),
        "conversation": str(get("message.conversation_id")),
        "author": {"kind": get("message.author_kind"), "name": get("message.author_name"), "avatar": ""},
        **{name: get(f"message.{name}") for name in same},
        **{name: json.loads(get(f"message.{name}")) for name in ("citations", "choices", "reactions")},
        **{name: str(get(f"message.{name}") or "") or None for name in ("client_id", "run")},
        **dict.fromkeys(("edited_at", "deleted_at")),
        "created_at": get("message.created_at").isoformat(),
        "attachments": [],
        "reply_to": None,
    }


def ticket(get: Get) -> Json:
    """Returns a ticket of a list."""
    return {
        "id": str(get("ticket.id")),
        "reference": f"#{get('ticket.number')}",
        "attributes": json.loads(get("ticket.attributes")),
        **{name: get(f"ticket.{name}") for name in ("number", "subject", "description", "status", "source")},
        "priority": PRIORITIES[get("ticket.priority")],
        "team": get("team.slug"),
        "assignee": person(get),
        "requester": contact(get) if get("contact.id") else None,
        **{name: moment(get(f"ticket.{name}")) for name in ("solved_at", "created_at", "updated_at")},
    }


def line(get: Get) -> Json:
    """Returns a line of a ticket's history."""
    return {
        "seq": get("ticketevent.seq"),
        "type": get("ticketevent.type"),
        "by": {"kind": get("ticketevent.actor_kind"), "name": get("ticketevent.actor_name")},
        "changes": json.loads(get("ticketevent.changes")),
        "text": get("ticketevent.text"),
        "created_at": moment(get("ticketevent.created_at")),
    }


class Done:
    """The statements of one request, carried out: rows that were read and values that were written."""

    def __init__(self, steps: list[Json]) -> None:
        self.steps = steps
        self.rows: list[list[Any]] = []
        self.values: list[list[Any]] = []

    def read(self, ending: str) -> list[Get]:
        """Returns the rows of the last SELECT from a table."""
        for step, rows in zip(reversed(self.steps), reversed(self.rows), strict=True):
            sql = step["sql"]
            if sql.startswith("SELECT") and sql.partition(' FROM "')[2].partition('"')[0].endswith(ending):
                return [partial(_column, row, places(sql)) for row in rows]
        return []

    def wrote(self, table: str) -> Get:
        """Returns the row that was inserted into a table, with what the database gave it."""
        for step, rows, values in zip(self.steps, self.rows, self.values, strict=True):
            if f'INSERT INTO "{table}" ' in step["sql"]:
                at, given = written(step["sql"], table), dict(rows[0]) if rows else {}
                kind = table.partition("_")[2]
                return lambda name: _of(name, kind, at, values, given)
        raise LookupError(table)


def _column(row: Any, found: dict[str, int], name: str) -> Any:
    return row[found[name]] if name in found else None


def _of(name: str, kind: str, at: dict[str, int], values: list[Any], given: Json) -> Any:
    table, _, column = name.partition(".")
    if table != kind:
        return None
    return values[at[column]] if column in at else given.get(column)


def whole(found: Get, done: Done) -> Json:
    """Returns a ticket with its history and its conversations."""
    links = [str(row("conversation.id")) for row in done.read("_conversations")]
    return {
        **ticket(found),
        "conversations": links,
        "history": [line(row) for row in done.read("_ticketevent")],
    }


def page(shape: Callable[[Get], Json], table: str) -> Callable[[Done], Json]:
    """Returns what makes a page of a list's rows."""
    return lambda done: {"results": [shape(row) for row in done.read(table)[:-1]], "next": "…"}


ANSWERS: dict[str, Callable[[Done], Any]] = {
    "list 25 conversations": page(conversation, "_conversation"),
    "read a conversation": lambda done: conversation(done.read("_conversation")[0]),
    "list 50 of its messages": page(message, "_message"),
    "write a message": lambda done: message(done.wrote("conversations_message")),
    "list 25 messages": page(message, "_message"),
    "list 25 campaigns": lambda done: {"results": done.read("_campaign"), "next": None},
    "list 25 tickets": page(ticket, "_ticket"),
    "read a ticket": lambda done: whole(done.read("_ticket")[0], done),
    "create a ticket": lambda done: whole(done.wrote("tickets_ticket"), done),
    "change a ticket": lambda done: whole(done.read("_ticket")[0], done),
}


class Twin:
    """Carries out the statements of each route over a pool of connections."""

    def __init__(self, url: str, recorded: Json) -> None:
        self.url, self.recorded = url, recorded
        self.pool: Any = None

    @contextlib.asynccontextmanager
    async def life(self, _app: FastAPI) -> AsyncIterator[None]:
        """Opens the pool; settles memory as the product does."""
        self.pool = await asyncpg.create_pool(self.url, min_size=4, max_size=4)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        yield
        await self.pool.close()

    def view(self, route: Route) -> Callable[..., Any]:
        """Returns the function that answers a route."""
        known, answer = self.recorded[route.name], ANSWERS[route.name]

        async def ask(request: Request) -> Response:
            key = hashlib.sha256(request.headers[KEY_HEADER].encode()).hexdigest()
            said = re.search(rb"\((\d+)\)", await request.body())
            mark = said[1].decode() if said else ""
            sources = known["values"][request.path_params.get("id", "")]
            done = await self.carried_out(known["steps"], sources, key, mark)
            status = 201 if route.verb == "POST" else 200
            return Response(json.dumps(answer(done)), status, media_type="application/json")

        return ask

    async def carried_out(self, steps: list[Json], sources: list[Any], key: str, mark: str) -> Done:
        """Carries out the statements in order, those in one transaction that were in one."""
        done, new = Done(steps), [uuid.uuid4() for _ in range(4)]
        async with self.pool.acquire() as connection, contextlib.AsyncExitStack() as stack:
            is_inside = False
            for step, wanted in zip(steps, sources, strict=True):
                if step["inside"] != is_inside:
                    is_inside = step["inside"]
                    await (
                        stack.enter_async_context(connection.transaction()) if is_inside else stack.aclose()
                    )
                values = [_value(source, done, new, key, mark) for source in wanted]
                done.values.append(values)
                done.rows.append(await connection.fetch(step["sql"], *values))
        return done


def _value(source: list[Any], done: Done, new: list[uuid.UUID], key: str, mark: str) -> Any:
    match source:
        case ["value", str() as text]:
            return text.replace(MARK, mark)
        case ["value", plain]:
            return plain
        case ["now"]:
            return datetime.now(UTC)
        case ["new", number]:
            return new[number]
        case ["next", step]:
            return done.rows[step][0]["last_seq"] + 1
        case ["time", text]:
            return datetime.fromisoformat(text)
    return key


def main() -> None:
    """Serves as the product does: uvicorn, one process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--recorded", required=True)
    options = parser.parse_args()
    twin = Twin(options.url, json.loads(Path(options.recorded).read_text(encoding="utf-8")))
    app = FastAPI(lifespan=twin.life)
    for route in ROUTES:
        app.add_api_route(route.path, twin.view(route), methods=[route.verb])
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
