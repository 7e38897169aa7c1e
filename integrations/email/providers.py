"""Providers of mail that are spoken to by HTTP: sending, and what they tell of what was sent.

The shapes of each provider are django-anymail's (https://anymail.dev); its requests leave by our own door.
Amazon's SES and SendGrid are reached by SMTP instead: anymail needs another library for the one and has given
up the other.
"""

import json
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from importlib import import_module
from typing import Any

from django.core.mail import EmailMultiAlternatives

from conversations.adapters import call
from conversations.channels import InboxBroken, SendRefused
from conversations.enums import DeliveryStatus
from conversations.exchange import Ignored, Parsed, Receipt, Sent
from integrations.email.config import EmailConfig
from integrations.email.marks import short_id
from integrations.email.outgoing import Letter

# How anymail names the key of each provider.
KEYS = {"postmark": "server_token"}
# Those that send our own Message-ID; the others make one, and tell it.
KEEP_ID = {"mailgun", "postmark"}
# Amazon's SES makes one by SMTP, too.
NEW_ID_HOSTS = (".amazonaws.com",)
# The connection's own business.
LEFT_OUT = {"content-length", "content-type", "accept-encoding", "connection", "user-agent", "accept"}
# Fields that a provider writes from what it is given apart.
GIVEN_APART = {"from", "to", "cc", "reply-to", "subject", "date", "content-type", "mime-version"}
STATUSES = {
    "delivered": DeliveryStatus.DELIVERED,
    "opened": DeliveryStatus.READ,
    "bounced": DeliveryStatus.FAILED,
    "rejected": DeliveryStatus.FAILED,
    "failed": DeliveryStatus.FAILED,
}


def keeps_id(config: EmailConfig) -> bool:
    """Says whether what is sent bears the Message-ID that we gave it."""
    if config.outgoing == "smtp":
        return not config.smtp_host.lower().rstrip(".").endswith(NEW_ID_HOSTS)
    return config.outgoing in KEEP_ID


def send(letter: Letter, config: EmailConfig, *, key: str) -> Sent:
    """Hands a mail to the provider. Raises SendRefused, SendLater, SendUnclear or InboxBroken.

    `key` comes back with whatever the provider tells of it.
    """
    from anymail.exceptions import (  # deferred: slow import
        AnymailAPIError,
        AnymailConfigurationError,
        AnymailError,
    )

    message = _message(letter, config)
    message.metadata = {"key": key}  # type: ignore[attr-defined]
    try:
        _backend(config).send_messages([message])
    except (AnymailConfigurationError, ImportError) as error:
        raise InboxBroken(f"{error}"[:300]) from error
    except AnymailAPIError as error:
        code = str(getattr(error, "status_code", "") or "")
        raise SendRefused(_said(error), provider_code=code) from error
    except AnymailError as error:
        raise SendRefused(_said(error)) from error
    given = str(message.anymail_status.message_id or "")  # type: ignore[attr-defined]
    return Sent(letter.message_id if keeps_id(config) or not given else short_id(given.strip("<>")))


def told(body: bytes, config: EmailConfig) -> Iterator[Parsed]:
    """Yields what a provider's notices say of mails that were sent. Raises ValueError for anything else."""
    notices = json.loads(body)
    for notice in notices if isinstance(notices, list) else [notices]:
        if not isinstance(notice, dict):
            raise ValueError("This is no notice of a mail provider.")  # noqa: TRY004 (it is their value)
        event = _view(config).esp_to_anymail_event(notice)
        status = STATUSES.get(str(event.event_type))
        if status is None:
            yield Ignored(f"The provider tells of a mail: {event.event_type}")
            continue
        yield Receipt(
            status,
            provider_id=short_id(str(event.message_id or "").strip("<>")),
            key=str((event.metadata or {}).get("key", "")),
            at=event.timestamp,
            error=str(event.mta_response or event.description or "")[:300]
            if status == DeliveryStatus.FAILED
            else "",
            error_code=str(event.reject_reason or "") if status == DeliveryStatus.FAILED else "",
        )


def _message(letter: Letter, config: EmailConfig) -> EmailMultiAlternatives:
    """The same mail as Django knows it."""
    mail = letter.message
    headers = {
        name: str(value)
        for name, value in mail.items()
        if name.lower() not in GIVEN_APART and (name.lower() != "message-id" or keeps_id(config))
    }
    if config.outgoing == "postmark":
        headers["X-PM-KeepID"] = "true"
    message = EmailMultiAlternatives(
        str(mail["Subject"]),
        _body(mail, "plain"),
        str(mail["From"]),
        [str(mail["To"])],
        cc=list(letter.recipients[1:]),
        reply_to=[str(mail["Reply-To"])],
        headers=headers,
    )
    message.attach_alternative(_body(mail, "html"), "text/html")
    for part in mail.iter_attachments():
        message.attach(part.get_filename("file"), part.get_payload(decode=True), part.get_content_type())
    return message


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _backend(config: EmailConfig) -> Any:
    settings: dict[str, Any] = {
        KEYS.get(config.outgoing, "api_key"): config.api_key.get_secret_value(),
        "ignore_unsupported_features": True,
    }
    if config.outgoing == "mailgun":
        settings["sender_domain"] = config.provider_domain or config.domain
    if config.outgoing == "mailjet":
        settings["secret_key"] = config.api_secret.get_secret_value()
    if config.provider_url:
        settings["api_url"] = config.provider_url
    backend = import_module(f"anymail.backends.{config.outgoing}").EmailBackend(**settings)
    backend.session = _session()
    return backend


def _session() -> Any:
    """A session of the library that anymail uses, through `core.http` with its checks."""
    import requests  # deferred: slow import

    class Door(requests.adapters.BaseAdapter):
        def send(self, request: Any, *_arguments: Any, **_options: Any) -> Any:
            answer = call(
                request.method,
                request.url,
                headers={
                    name: _text(value)
                    for name, value in request.headers.items()
                    if name.lower() not in LEFT_OUT
                },
                content=request.body.encode() if isinstance(request.body, str) else request.body,
                content_type=_text(request.headers.get("Content-Type", "application/json")),
            )
            response = requests.Response()
            response.status_code, response.url, response.request = answer.status, answer.url, request
            response.headers.update(answer.headers)
            response._content = answer.content  # noqa: SLF001 (there is no other way to give it)
            return response

        def close(self) -> None:
            """Each call is a connection of its own."""

    session = requests.Session()
    # Neither proxies nor passwords of whoever runs the process.
    session.trust_env = False
    session.adapters.clear()
    session.mount("", Door())
    return session


def _view(config: EmailConfig) -> Any:
    """Anymail's reader of notices; the proof was checked before."""
    name = {"mailgun": "Mailgun", "postmark": "Postmark"}.get(config.incoming)
    if name is None:
        raise ValueError("This mailbox is set to no provider that tells of sent mail.")
    module = import_module(f"anymail.webhooks.{config.incoming}")
    settings: Mapping[str, str] = {"webhook_secret": "checked:before"}
    if name == "Mailgun":
        settings = {**settings, "webhook_signing_key": "checked-before"}
    return getattr(module, f"{name}TrackingWebhookView")(**settings)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _said(error: Exception) -> str:
    return " ".join(f"{error}".split())[:300]
