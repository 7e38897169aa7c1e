"""A program of the integrator's as a channel."""

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from conversations.adapters import BaseAdapter, asked_pause, bright, call, shown
from conversations.channels import Capabilities, ChannelConfig, InboxBroken, Repeat, SendLater, SendRefused
from conversations.enums import Light
from conversations.exchange import Check, File, Media, OutFile, Outgoing, Parsed, Sent, Webhook
from core import signing
from core.errors import TooLarge, Unauthenticated
from core.http import Fetched, OutboundError, OutboundTooLarge, fetch
from core.reasons import reason
from integrations.api_channel import bodies

LONGEST_ID = 255
FETCH_SECONDS = 20.0
# Not now, says the other side: a time-out of its own, too early, too many.
NOT_NOW = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


class ApiConfig(ChannelConfig):
    """Where messages go, and what proves them both ways."""

    callback_url: str = Field(
        default="",
        title=gettext_noop("Callback address"),
        description=gettext_noop(
            "Receives each outgoing message. Empty: your program fetches messages from the API."
        ),
        pattern=r"^(https?://.+)?$",
        max_length=2000,
    )
    signing_secret: SecretStr = Field(
        title=gettext_noop("Signing secret"),
        description=gettext_noop(
            "whsec_ and 24 to 64 random bytes in base64. Signs requests both ways (Standard Webhooks)."
        ),
    )
    previous_secret: SecretStr = Field(
        default=SecretStr(""),
        title=gettext_noop("Previous secret"),
        description=gettext_noop("Also valid while you change the secret; clear it afterwards."),
    )

    @field_validator("signing_secret", "previous_secret")
    @classmethod
    def _is_strong(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        secret = value.get_secret_value().strip()
        # An empty key would let anybody in; only the previous one may be missing.
        if not secret and info.field_name == "previous_secret":
            return SecretStr("")
        try:
            signing.key_of(secret)
        except ValueError:
            raise ValueError(_("Write whsec_ and 24 to 64 random bytes in base64.")) from None
        return SecretStr(secret)

    def keys(self) -> list[bytes]:
        """The keys of the secrets, the current one first."""
        secrets = (self.signing_secret.get_secret_value(), self.previous_secret.get_secret_value())
        return [signing.key_of(secret) for secret in secrets if secret]


class ApiAdapter(BaseAdapter):
    """Signed JSON in, signed JSON out; the integrator's ids are the ids."""

    label = gettext_lazy("API")
    config = ApiConfig
    capabilities = Capabilities(
        text_limit=100_000,
        per_second=50.0,
        file_limit=100 * 1024 * 1024,
        whole=True,
        receipts=True,
        quotes=True,
        repeat=Repeat.SAFE,
    )

    def setup_steps(self, *, key: str, public_url: str) -> Sequence[str]:
        """Four steps."""
        url = self.setup_text(key=key, public_url=public_url)
        return [
            _("Make a signing secret: whsec_ and the output of “openssl rand -base64 32”. Enter it below."),
            _("Let your program send what customers write to %s, signed with the secret.") % url,
            _("Enter the address of your program that takes our messages, or leave it empty and fetch them."),
            _("Save, and test the connection."),
        ]

    def verify(self, webhook: Webhook, config: Any) -> None:
        """By the signature of Standard Webhooks; five minutes of tolerance."""
        keys = config.keys()
        if not keys:
            raise Unauthenticated
        signing.check(keys, webhook.headers, webhook.body, now=time.time())

    def event_id(self, webhook: Webhook) -> str:
        """The webhook-id: the same at each attempt of the sender."""
        given = webhook.headers.get("webhook-id", "")
        return given if len(given) <= LONGEST_ID else hashlib.sha256(given.encode()).hexdigest()

    def parse(self, webhook: Webhook, config: Any) -> Iterable[Parsed]:
        """Every item of every list."""
        del config
        return bodies.read(webhook.body)

    def send(self, outgoing: Outgoing, config: Any) -> Sent:
        """Calls the integrator's program; where it has no address, the message waits for it in the API."""
        if not config.callback_url:
            return Sent(outgoing.key)
        answer = _post(config, outgoing.key, "message.created", _told(outgoing))
        if answer.status in NOT_NOW:
            raise SendLater(f"{answer.status}: {shown(answer)}", retry_after=asked_pause(answer))
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
            raise InboxBroken(reason("The callback address redirects; enter the address it leads to."))
        if not _is_ok(answer):
            raise SendRefused(f"{answer.status}: {shown(answer)}", provider_code=str(answer.status))
        return Sent(_id_in(answer) or outgoing.key)

    def fetch(self, file: File, config: Any, *, max_bytes: int) -> Media:
        """Fetches by address; the program's trouble with one file says nothing about the inbox."""
        if file.content is not None:
            return super().fetch(file, config, max_bytes=max_bytes)
        url = str(file.reference.get("url", ""))
        try:
            answer = fetch(url, max_bytes=max_bytes, deadline=FETCH_SECONDS, attempts=1)
        except OutboundTooLarge as error:
            raise TooLarge(error.detail) from error
        except OutboundError as error:
            raise (SendLater if error.temporary else SendRefused)(error.detail) from error
        if answer.status in NOT_NOW or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise SendLater(f"{answer.status}", retry_after=asked_pause(answer))
        if not _is_ok(answer):
            raise SendRefused(f"{answer.status}", provider_code=str(answer.status))
        return Media(answer.content, file.content_type or answer.content_type, file.name)

    def test(self, config: Any) -> Check:
        """Sends a ping to the callback."""
        if not config.callback_url:
            return bright(reason("No callback: messages wait in the API until your program fetches them."))
        answer = _post(config, f"ping_{uuid4().hex}", "ping", {})
        if _is_ok(answer):
            return bright(reason("Your program answered %d.", answer.status))
        return Check(Light.RED, f"{answer.status}: {shown(answer)}")


def _post(config: ApiConfig, event_id: str, kind: str, data: dict[str, Any]) -> Fetched:
    """One signed call. The id is the integrator's key to tell doubles by."""
    now = int(time.time())
    body = json.dumps({"type": kind, "timestamp": now, "data": data}).encode()
    signed = signing.headers(config.keys(), event_id, now, body)
    return call("POST", config.callback_url, content=body, headers=signed, max_bytes=64 * 1024)


def _told(outgoing: Outgoing) -> dict[str, Any]:
    """A message as docs/channels/api.md describes it."""
    return {
        "key": outgoing.key,
        "message_id": str(outgoing.message_id),
        "conversation_id": str(outgoing.conversation_id),
        "contact": {
            "id": outgoing.to,
            "name": outgoing.contact_name,
            "email": outgoing.contact_email,
        },
        "text": outgoing.text,
        "html": outgoing.html,
        "files": [_file(each) for each in outgoing.files],
        "choices": [dict(each) for each in outgoing.choices],
        "details": dict(outgoing.details),
        "reply_to": outgoing.reply_to,
        "subject": outgoing.subject,
        "author": outgoing.author,
        "author_kind": outgoing.author_kind,
        "created_at": outgoing.created_at.isoformat(),
    }


def _file(file: OutFile) -> dict[str, Any]:
    return {"name": file.name, "content_type": file.content_type, "size": file.size, "url": file.url}


def _is_ok(answer: Fetched) -> bool:
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def _id_in(answer: Fetched) -> str:
    """The id that the program gave the message, or nothing: whatever it answers, it has taken the message."""
    try:
        data = json.loads(answer.content)
    except (ValueError, RecursionError):
        return ""
    found = data.get("id") if isinstance(data, dict) else None
    # True is an int to Python, and no id to anybody.
    text = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
    return text if len(text) <= LONGEST_ID and text.isprintable() else ""
