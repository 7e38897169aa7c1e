"""A door of our own for simulators: it proves itself and remembers what comes, as the spine's would."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conversations.channels import adapter
from conversations.exchange import Parsed, Webhook


class Door:
    """Verifies and reads each webhook with a channel's adapter."""

    def __init__(self, kind: str, config: Any) -> None:
        self.adapter, self.config = adapter(kind), config
        self.items: list[Parsed] = []
        self.url = ""

    def answer(self, webhook: Webhook) -> tuple[int, str]:
        if webhook.method == "GET":
            challenge = self.adapter.handshake(webhook, self.config)
            return (200, challenge) if challenge else (403, "")
        self.adapter.verify(webhook, self.config)
        self.items += self.adapter.parse(webhook, self.config)
        return 200, ""

    def wait_for(self, count: int) -> list[Parsed]:
        """Returns what came, once there is so much of it."""
        end = time.monotonic() + 20
        while len(self.items) < count:
            assert time.monotonic() < end, self.items
            time.sleep(0.02)
        return self.items

    def wait_for_all(self, ids: list[str]) -> list[Parsed]:
        """Returns what came, once each of these ids has come at least once."""
        count = len(ids)
        while not set(ids) <= {getattr(item, "external_id", "") for item in self.items}:
            count = len(self.wait_for(count)) + 1
        return self.items


@contextmanager
def opened(kind: str, config: Any) -> Iterator[Door]:
    """Runs a door on a free port."""
    door = Door(kind, config)

    class Request(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(urlsplit(self.path).query))
            status, text = door.answer(Webhook(self.command, door.url, query, headers, body))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = handle_any  # noqa: N815 (http.server names them)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    door.url = f"http://127.0.0.1:{server.server_port}/hooks/k"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
