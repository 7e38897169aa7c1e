"""A simulated mail provider: takes mail by SMTP, hands it over by HTTP, and misbehaves.

SMTP listens on a port of its own, told by `GET /_ports`. Faults as everywhere, in the words of SMTP:
`too_many` 451 to the recipient, `error` 421 to the mail, `refuse` 550 to the recipient, `cut` takes the mail
and closes the connection, `drop` closes it without taking the mail. `POST /_say` with `{"mail": text}` is a
customer's mail, handed to the hook as the raw bytes with their signature.

By hand: `python -m tests.fakes.mail --port 23456 --hook http://127.0.0.1:8000/hooks/KEY --secret S`.
"""

import asyncio
import hashlib
import hmac
import sys
from collections.abc import Mapping
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.fakes.provider import Json, Provider

USER = "support@shop.example"
# May be written from as well.
OTHER = "help@other.example"
PASSWORD = "a-password-of-nobody"


class Mail(Provider):
    """Mail in and out."""

    name = "mail"
    smtp_port = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_ports", self._ports),
            web.post("/v3/{domain}/messages", self._mailgun),
            web.post("/email", self._postmark),
        ]

    def signed(self, body: bytes) -> Mapping[str, str]:
        digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return {"X-Mail-Signature": f"sha256={digest}"}

    async def say(self, told: Json) -> Json:
        self.tell(str(told["mail"]).encode(), content_type="message/rfc822")
        return {}

    def slow_down(self) -> web.Response:
        headers = {"Retry-After": f"{self.faults.retry_after:g}"}
        return web.json_response({"message": "too many", "ErrorCode": 429}, status=429, headers=headers)

    def refusal(self) -> web.Response:
        return web.json_response(
            {"message": "to is not valid", "Message": "no", "ErrorCode": 300}, status=422
        )

    async def _mailgun(self, request: web.Request) -> web.Response:
        told = await request.post()
        if not request.headers.get("Authorization", "").startswith("Basic "):
            return web.json_response({"message": "Forbidden"}, status=401)

        async def take() -> web.Response:
            raw = {name: value for name, value in told.items() if isinstance(value, str)}
            given = f"<{len(self.accepted)}@mailgun.example>"
            key = next((raw[name] for name in raw if name.lower() == "h:message-id"), "")
            self.accept(raw["to"], raw["text"], given, key=key, raw=raw)
            return web.json_response({"id": given, "message": "Queued. Thank you."})

        return await self.misbehave(request, take)  # type: ignore[no-any-return]

    async def _postmark(self, request: web.Request) -> web.Response:
        told = await request.json()
        if request.headers.get("X-Postmark-Server-Token") != PASSWORD:
            return web.json_response({"ErrorCode": 10, "Message": "Bad token"}, status=401)

        async def take() -> web.Response:
            headers = {each["Name"]: each["Value"] for each in told["Headers"]}
            given = f"00000000-0000-4000-8000-{len(self.accepted):012}"
            self.accept(told["To"], told["TextBody"], given, key=headers.get("Message-ID", ""), raw=told)
            return web.json_response({"ErrorCode": 0, "Message": "OK", "MessageID": given, "To": told["To"]})

        return await self.misbehave(request, take)  # type: ignore[no-any-return]

    async def _ports(self, _request: web.Request) -> web.Response:
        return web.json_response({"smtp": self.smtp_port})

    async def _life(self, app: web.Application) -> Any:
        server = await asyncio.get_running_loop().create_server(self._connection, "127.0.0.1", 0)
        self.smtp_port = server.sockets[0].getsockname()[1]
        async for _ in super()._life(app):
            yield
        server.close()

    def _connection(self) -> SMTP:
        return SMTP(
            self,
            hostname="mx.example",
            data_size_limit=1024 * 1024,
            authenticator=self._authenticate,
            auth_require_tls=False,
            enable_SMTPUTF8=True,
        )

    def _authenticate(
        self, _server: Any, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        known = (USER.encode(), PASSWORD.encode())
        return AuthResult(success=(data.login, data.password) == known, handled=False)

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance

    async def handle_MAIL(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not session.authenticated:
            return "530 5.7.0 Sign in first"
        if address not in {USER, OTHER}:
            return "553 5.7.1 Not your address"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._happens(self.faults.too_many):
            return "451 4.7.1 Greylisted, come again"
        if self._happens(self.faults.refuse) or address.startswith("nobody@"):
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self._happens(self.faults.error):
            return "421 4.3.0 Closing down"
        if self._happens(self.faults.drop):
            _cut(server)
            return "451 gone"
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        body = mail.get_body(("plain",))
        self.accept(
            ", ".join(envelope.rcpt_tos),
            str(body.get_content()) if body else "",
            str(mail["Message-ID"]),
            key=str(mail["Message-ID"]),
            kind="mail",
            raw={"mail": envelope.content.decode("latin-1")},
        )
        if self._happens(self.faults.cut):
            _cut(server)
        return "250 OK"


def _cut(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.transport.abort()


if __name__ == "__main__":
    Mail.main()
