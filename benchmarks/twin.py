"""The webhook door's twin: FastAPI and asyncpg, two inserts in a transaction, the same proof checked.

    python -m benchmarks.twin --port 20001 --url postgres://… --inbox 1 --secret S

It stores into the product's own table of receipts and into a plain table of jobs.
"""

import argparse
import contextlib
import gc
import hashlib
import hmac
import json
from collections.abc import AsyncIterator

import asyncpg
import uvicorn
from fastapi import FastAPI, Request, Response

RECEIPT = """
INSERT INTO conversations_inboundevent
    (inbox_id, provider_event_id, headers, body, verdict, detail, attempts, received_at)
VALUES ($1, $2, $3, $4, 'done', '', 0, now()) ON CONFLICT (inbox_id, provider_event_id) DO NOTHING
"""
JOBS = "CREATE TABLE IF NOT EXISTS benchmark_job (id bigserial PRIMARY KEY, inbox_id bigint, event text)"
JOB = "INSERT INTO benchmark_job (inbox_id, event) VALUES ($1, $2)"


def twin(url: str, inbox: int, secret: str) -> FastAPI:
    """Returns the application."""

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        app.state.pool = await asyncpg.create_pool(url, min_size=4, max_size=4)
        await app.state.pool.execute(JOBS)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        yield
        await app.state.pool.close()

    app = FastAPI(lifespan=life)

    @app.post("/hooks/{key}")
    async def hook(key: str, request: Request) -> Response:
        del key
        body = await request.body()
        expected = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
        if not hmac.compare_digest(request.headers.get("x-hub-signature-256", ""), expected):
            return Response(status_code=401)
        event = f"twin:{hashlib.sha256(body).hexdigest()}"
        headers = json.dumps(dict(request.headers))
        async with app.state.pool.acquire() as connection, connection.transaction():
            await connection.execute(RECEIPT, inbox, event, headers, body)
            await connection.execute(JOB, inbox, event)
        return Response("ok")

    return app


def main() -> None:
    """Serves as the product does: uvicorn, one process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--inbox", type=int, required=True)
    parser.add_argument("--secret", required=True)
    options = parser.parse_args()
    app = twin(options.url, options.inbox, options.secret)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
