"""An integrator's server that takes webhooks; `standardwebhooks`, the reference, judges each signature."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from standardwebhooks import Webhook as Judge

Reply = tuple[int, Mapping[str, str], bytes]
OK: Reply = (204, {}, b"")


@dataclass(frozen=True)
class Heard:
    """One request, with the headers of the specification in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """What it says."""
        told: dict[str, Any] = json.loads(self.body)
        return told

    @property
    def name(self) -> str:
        """The event."""
        return str(self.told["type"])

    @property
    def id(self) -> str:
        """What doubles are told by."""
        return self.headers["webhook-id"]

    def judged(self, secret: str) -> dict[str, Any]:
        """Returns what it says; raises WebhookVerificationError unless it was signed with the secret."""
        told: dict[str, Any] = Judge(secret).verify(self.body, dict(self.headers))
        return told


@dataclass
class Receiver:
    """Listens on a free port of 127.0.0.1; `reply` decides what each request is answered."""

    reply: Callable[[Heard], Reply] = lambda _heard: OK
    heard: list[Heard] = field(default_factory=list)

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                heard = Heard(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                receiver.heard.append(heard)
                status, headers, content = receiver.reply(heard)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                if status != 204:
                    self.wfile.write(content)

            def do_GET(self) -> None:
                receiver.heard.append(Heard(self.path, {}, b""))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        """Where it takes them."""
        return f"http://127.0.0.1:{self.server.server_port}/hooks"

    @property
    def names(self) -> list[str]:
        """The events that came, in order."""
        return [each.name for each in self.heard]

    def texts(self) -> list[str]:
        """The texts of the messages that came, in order."""
        return [each.told["data"]["message"]["text"] for each in self.heard if "message" in each.told["data"]]


def answering(*statuses: int, then: int = 204, **headers: str) -> Callable[[Heard], Reply]:
    """Returns what answers with these statuses in turn, and with another one from then on."""
    left = list(statuses)
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def reply(_heard: Heard) -> Reply:
        status = left.pop(0) if left else then
        return status, named if status != then else {}, b"" if status == 204 else b"as told"

    return reply
