"""A web site on loopback that answers each path as the test says."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


class Site(ThreadingHTTPServer):
    """A server that answers each path as the test says, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, str]] = []
        self.hosts: list[str] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Site
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.server.seen.append((self.command, self.path))
        self.server.hosts.append(self.headers["host"])
        self.server.answers[self.path.partition("?")[0]](self)

    do_GET = do_POST = do_HEAD = answer  # noqa: N815

    def log_message(self, *_arguments: Any) -> None:
        """Says nothing."""


def page(body: bytes, status: int = 200, **headers: str) -> Answer:
    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return write


def in_turn(*answers: Answer) -> Answer:
    waiting = iter(answers)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        next(waiting)(handler)

    return answer


def to(target: str, status: int = 302) -> Answer:
    return page(b"", status, location=target)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Sends headers byte by byte, for as long as anybody listens."""
    try:
        for _ in range(2_000):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.01)
    except OSError:
        handler.close_connection = True
