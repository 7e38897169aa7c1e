"""A shop's own system, as agents are let call it: it answers, hangs, breaks off, repeats secrets."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Reply = tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True)
class Asked:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        """The JSON body."""
        return json.loads(self.body)


def answer(value: Any, status: int = 200) -> Reply:
    """A JSON answer."""
    return status, {"content-type": "application/json"}, json.dumps(value).encode()


@dataclass
class ShopAPI:
    """Listens on a free port of 127.0.0.1; `reply` decides, and may raise to break the connection off."""

    reply: Callable[[Asked], Reply] = lambda _asked: answer({"state": "on its way"})
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> Self:
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body)
                shop.asked.append(asked)
                try:
                    status, more, content = shop.reply(asked)
                except ConnectionError:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 (the names it calls)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"
