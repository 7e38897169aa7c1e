"""The adapter that Instagram and Messenger extend."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlsplit

from conversations.adapters import SEND_SECONDS, BaseAdapter, asked_pause, bright, call, shown
from conversations.channels import InboxBroken, SendLater, SendRefused
from conversations.enums import Light
from conversations.exchange import Check, File, Media, Outgoing, Parsed, Sender, Sent, Webhook
from core.http import Fetched
from core.reasons import reason
from integrations.meta import notifications, sending, signature
from integrations.meta.graph import graph
from integrations.meta.notifications import Account
from integrations.meta.sending import Body
from integrations.meta.values import listed, mapping, text

HUMAN_WINDOW = timedelta(days=7)
GONE = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class MetaAdapter(BaseAdapter):
    """What both have in common; a channel adds its settings, its limits and how it sends files."""

    # What Meta calls the account in its notifications.
    kind: ClassVar[str]
    # What the account must be subscribed to; without `messages` nothing arrives.
    fields: ClassVar[tuple[str, ...]]
    # What is asked of the API about a customer.
    profile_fields: ClassVar[str]

    def secrets(self, config: Any) -> Iterable[str]:
        """Returns what may have signed a webhook."""
        return (config.app_secret.get_secret_value(),)

    def handshake(self, webhook: Webhook, config: Any) -> str | None:
        """Returns the challenge to one who knows our token."""
        return signature.challenge(webhook, config.verify_token.get_secret_value())

    def verify(self, webhook: Webhook, config: Any) -> None:
        """Checks the signature on the raw bytes."""
        signature.verify(webhook, *self.secrets(config))

    def for_any_account(self, config: Any) -> Any:
        """Of no account, and so of all."""
        return config.model_copy(
            update=dict.fromkeys({"account_id", "page_id"} & set(type(config).model_fields), "")
        )

    def parse(self, webhook: Webhook, config: Any) -> Iterable[Parsed]:
        """Reads every entry and event of our account."""
        account = Account(self.kind, config.account, config.take_standby)
        return notifications.read(webhook.body, account)

    def window(self, config: Any) -> timedelta | None:
        """A day; a week where people may answer late."""
        return HUMAN_WINDOW if config.human_agent_tag else self.capabilities.window

    def send(self, outgoing: Outgoing, config: Any) -> Sent:
        """Sends a file or a text, never both in one call: the API has no captions."""
        # The spine makes a part of each file and of the text.
        if outgoing.files:
            return self.send_file(outgoing, config)
        message = sending.text_message(outgoing, self.capabilities)
        return sending.send(config, outgoing, self.marked(message, outgoing))

    def send_file(self, outgoing: Outgoing, config: Any) -> Sent:
        """Lets Meta fetch the file from us."""
        file = outgoing.files[0]
        attachment = {"type": sending.file_kind(file), "payload": {"url": file.url}}
        return sending.send(config, outgoing, self.marked({"attachment": attachment}, outgoing))

    def mark_read(self, external_ids: Sequence[str], config: Any, *, to: str, typing: bool = False) -> None:
        """Marks all that somebody wrote as seen, and on wish shows that an answer is being written."""
        del external_ids
        sending.act(config, to, "mark_seen")
        if typing:
            sending.act(config, to, "typing_on")

    def marked(self, message: Body, outgoing: Outgoing) -> Body:
        """Returns the message with our key in it, where the channel returns it."""
        del outgoing
        return message

    def fetch(self, file: File, config: Any, *, max_bytes: int) -> Media:
        """Fetches a file from Meta's servers, without our token; raises SendRefused for one that is gone."""
        del config
        url = text(file.reference.get("url"))
        if not url:
            raise SendRefused(reason("The file has no address."))
        try:
            answer = call("GET", url, deadline=SEND_SECONDS, max_bytes=max_bytes, judge=_fetched)
        except InboxBroken as error:
            # The address is not to be fetched; that says nothing of the inbox.
            raise SendRefused(error.detail) from error
        name = file.name or PurePosixPath(unquote(urlsplit(url).path)).name
        return Media(answer.content, answer.content_type or file.content_type, name)

    def profile(self, external_id: str, config: Any) -> Sender | None:
        """Asks for a name; None where the person has not agreed to be known, or is gone."""
        try:
            found = graph("GET", config, quote(external_id, safe=""), query={"fields": self.profile_fields})
        except (SendRefused, InboxBroken):
            # Rights to a profile are its own: a message may be sent all the same.
            return None
        username = text(found.get("username"))
        name = text(found.get("name")) or (f"@{username}" if username else "")
        return Sender(external_id, name=name) if name else None

    def subscribed(self, config: Any) -> Check:
        """Says whether the account sends its messages to the app at all, once the token has been found good.

        https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
        """
        found = graph("GET", config, f"{config.node}/subscribed_apps")
        # The account names every app that it is connected with; one that hears messages will be ours.
        apps = [mapping(app) for app in listed(found.get("data"))]
        fields = {text(field) for app in apps for field in listed(app.get("subscribed_fields"))}
        if "messages" in fields:
            return bright(reason("The token works, and the account sends its messages."))
        return Check(
            Light.YELLOW,
            reason("The token works, but the account does not send its messages to the app: connect it."),
        )

    def connect(self, config: Any, *, url: str, secret: str) -> Check:
        """Subscribes the app to the account's messages; the address stands in the app's dashboard."""
        del url, secret
        graph(
            "POST",
            config,
            f"{config.node}/subscribed_apps",
            query={"subscribed_fields": ",".join(self.fields)},
        )
        return self.test(config)


def other_account(found: str, expected: str) -> Check:
    """The token is good, but for another account than the one that is set."""
    detail = reason(
        "The token belongs to the account %(found)s, but the settings name %(expected)s.",
        found=found or "?",
        expected=expected,
    )
    return Check(Light.RED, detail)


def _fetched(answer: Fetched) -> Fetched:
    """Judges the answer of a file server, whose 403 says nothing about our token."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    code = str(answer.status)
    if answer.status in GONE:
        raise SendRefused(reason("Meta does not keep this file any more."), provider_code=code)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise SendLater(f"{code}: {shown(answer)}", provider_code=code, retry_after=asked_pause(answer))
    raise SendRefused(f"{code}: {shown(answer)}", provider_code=code)
