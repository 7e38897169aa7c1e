"""What bounds a campaign: messages to many by asyncpg and httpx alone; the twin is the door for receipts.

    python -m benchmarks.bare_sender --port 20001 --url postgres://… --inbox 1 --secret S --to http://…

`POST /send?count=500` answers when so many are sent. Each message is what none can do without that must not
be sent twice: a transaction that claims a recipient and writes the message down, the call, a transaction that
notes what came of it. Its tables are plain ones of its own.
"""

import argparse
import asyncio
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from benchmarks.faults.payloads import ACCESS_TOKEN, PHONE_NUMBER_ID
from benchmarks.twin import twin

AT_ONCE = 4
TABLES = """
CREATE TABLE IF NOT EXISTS benchmark_recipient (id bigserial PRIMARY KEY, number text, state text);
CREATE INDEX IF NOT EXISTS benchmark_waiting ON benchmark_recipient (id) WHERE state = 'queued';
CREATE TABLE IF NOT EXISTS benchmark_row (
    id bigserial PRIMARY KEY, kind text, recipient bigint, body text, provider_id text
);
"""
PEOPLE = """
INSERT INTO benchmark_recipient (number, state)
SELECT '55219' || lpad(place::text, 8, '0'), 'queued' FROM generate_series(1, $1::int) place
"""
CLAIM = """
UPDATE benchmark_recipient SET state = 'written' WHERE id = (
    SELECT id FROM benchmark_recipient WHERE state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, number
"""
# What the product writes for each: conversation, message, event, delivery.
WRITE = """
INSERT INTO benchmark_row (kind, recipient, body)
VALUES ('conversation', $1, ''), ('message', $1, $2), ('event', $1, $2), ('delivery', $1, '')
"""
SETTLE = "UPDATE benchmark_row SET provider_id = $2 WHERE recipient = $1 AND kind = 'delivery'"


def sender(url: str, inbox: int, secret: str, to: str) -> FastAPI:
    """Returns the twin's application, which sends as well."""
    app = twin(url, inbox, secret)
    client = httpx.AsyncClient(headers={"Authorization": f"Bearer {ACCESS_TOKEN}"})
    address = f"{to}/v25.0/{PHONE_NUMBER_ID}/messages"

    async def send_next() -> None:
        pool = app.state.pool
        async with pool.acquire() as connection, connection.transaction():
            recipient, number = await connection.fetchrow(CLAIM)
            await connection.execute(WRITE, recipient, "Oi Maria, 10% de desconto.")
        answer = await client.post(address, json=_body(number))
        answer.raise_for_status()
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(SETTLE, recipient, answer.json()["messages"][0]["id"])

    @app.post("/send")
    async def send(count: int) -> dict[str, int]:
        await app.state.pool.execute(TABLES)
        await app.state.pool.execute(PEOPLE, count)
        left = iter(range(count))

        async def send_some() -> None:
            for _ in left:
                await send_next()

        await asyncio.gather(*(send_some() for _ in range(AT_ONCE)))
        return {"sent": count}

    return app


def _body(number: str) -> dict[str, Any]:
    places = [{"type": "text", "text": value} for value in ("Maria", "10%")]
    template = {
        "name": "offer",
        "language": {"code": "pt_BR"},
        "components": [{"type": "body", "parameters": places}],
    }
    return {"messaging_product": "whatsapp", "to": number, "type": "template", "template": template}


def main() -> None:
    """Serves as the product does: uvicorn, one process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--inbox", type=int, required=True)
    for name in ("--url", "--secret", "--to"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    app = sender(options.url, options.inbox, options.secret, options.to)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
