"""One messaging event, and what it means for the spine."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from conversations.enums import DeliveryStatus, Light
from conversations.exchange import (
    Connection,
    Deleted,
    Echo,
    Edited,
    Ignored,
    Incoming,
    Parsed,
    Reacted,
    Receipt,
    Sender,
)
from core.reasons import reason
from integrations.meta.messages import content, referral
from integrations.meta.values import derived_id, is_true, listed, mapping, message_id, moment, text

# Stands before our key in what Meta returns in echoes; other apps put their own things there.
MARK = "helpdesk:"
REACTIONS = {
    "smile": "😆",
    "angry": "😠",
    "sad": "😢",
    "wow": "😮",
    "love": "❤️",
    "like": "👍",
    "dislike": "👎",
}
# Known, and nothing to do with what people write to each other.
SILENT = (
    *("pass_thread_control", "take_thread_control", "request_thread_control", "app_roles"),
    *("optin", "account_linking", "messaging_feedback", "game_play", "typing"),
)


@dataclass(frozen=True, slots=True)
class Event:
    """Who did what to whom; `data` is what stands under the event's own name, `account` our id."""

    account: str
    sender: str
    recipient: str
    username: str
    at: datetime | None
    data: Mapping[str, Any]

    @property
    def person(self) -> Sender:
        """The customer who acts; raises KeyError where nobody is named."""
        if not self.sender:
            raise KeyError("sender")
        return Sender(self.sender, name=f"@{self.username}" if self.username else "")


def read(event: Any, account: str) -> Iterator[Parsed]:
    """Yields what an event means, several things where it tells several; raises for one it cannot read."""
    if not isinstance(event, dict):
        raise TypeError("an event is an object")
    # One event may say two things: a message and how its sender came here.
    known = [name for name in READERS if name in event]
    for name in known:
        yield from READERS[name](_event(event, name, account))
    if not known:
        silent = [name for name in SILENT if name in event]
        yield Ignored(f"event: {', '.join(silent or sorted(event))}"[:200])


def _event(event: Mapping[str, Any], name: str, account: str) -> Event:
    sender, recipient = mapping(event.get("sender")), mapping(event.get("recipient"))
    if not isinstance(event[name], dict):
        raise TypeError(f"{name} is no object")
    return Event(
        account=account,
        sender=text(sender.get("id")),
        recipient=text(recipient.get("id")),
        username=text(sender.get("username")),
        at=moment(event.get("timestamp")),
        data=event[name],
    )


def _message(event: Event) -> Iterator[Parsed]:
    mid = message_id(event.data.get("mid")) or _derived("message", event)
    if is_true(event.data.get("is_deleted")):
        yield Deleted(mid, event.at)
    elif is_true(event.data.get("is_self")):
        yield Ignored("a message of the account to itself")
    # Without the flag, what the account says would make a customer of the account.
    elif is_true(event.data.get("is_echo")) or event.sender == event.account:
        yield _echo(event, mid)
    else:
        yield _incoming(event, mid)


def _incoming(event: Event, mid: str) -> Incoming:
    found = content(event.data)
    return Incoming(
        mid,
        event.person,
        found.text,
        files=found.files,
        sent_at=event.at,
        reply_to=found.reply_to,
        details=found.details,
    )


def _echo(event: Event, mid: str) -> Echo | Receipt:
    """What was said from the account: ours by the key that comes back, else somebody's in another app."""
    told = text(event.data.get("metadata"))
    if told.startswith(MARK):
        return Receipt(DeliveryStatus.SENT, mid, key=told.removeprefix(MARK), at=event.at)
    if not event.recipient:
        raise KeyError("recipient")
    found = content(event.data)
    app = text(event.data.get("app_id"))
    return Echo(
        mid,
        Sender(event.recipient),
        found.text,
        files=found.files,
        sent_at=event.at,
        reply_to=found.reply_to,
        details={**found.details, "app_id": app} if app else found.details,
    )


def _edit(event: Event) -> Iterator[Parsed]:
    mid, changed = message_id(event.data["mid"]), text(event.data.get("text"))
    # Sent for messages that the app may not see: there is nothing to put in place of the text.
    yield Edited(mid, changed, event.at) if changed else Ignored("an edit without text")


def _postback(event: Event) -> Iterator[Parsed]:
    payload, title = text(event.data.get("payload")), text(event.data.get("title"))
    details: dict[str, Any] = {"kind": "postback", "payload": payload}
    if origin := referral(event.data.get("referral")):
        details["referral"] = origin
    mid = message_id(event.data.get("mid")) or _derived("postback", event)
    said = title or payload or _("(A button)")
    yield Incoming(mid, event.person, said, sent_at=event.at, details=details)


def _referral(event: Event) -> Iterator[Parsed]:
    """Somebody followed a link into a conversation and has said nothing yet."""
    origin = referral(event.data)
    said = _("Came by a link or an advertisement: %s")
    what = origin.get("ad_title") or origin.get("ref") or origin.get("source") or "?"
    yield Incoming(
        _derived("referral", event),
        event.person,
        said % what,
        sent_at=event.at,
        details={"kind": "referral", "referral": origin},
        is_automatic=True,
    )


def _reaction(event: Event) -> Iterator[Parsed]:
    if event.sender == event.account:
        yield Ignored("a reaction of the account")
        return
    name = text(event.data.get("reaction"))
    emoji = text(event.data.get("emoji")) or REACTIONS.get(name, "👍")
    taken_back = event.data.get("action") == "unreact"
    yield Reacted(message_id(event.data["mid"]), event.person, "" if taken_back else emoji, event.at)


def _read(event: Event) -> Iterator[Parsed]:
    """Instagram names the message that was seen, Messenger the time until which all were."""
    yield from _receipts(event, DeliveryStatus.READ, [event.data.get("mid")])


def _delivery(event: Event) -> Iterator[Parsed]:
    yield from _receipts(event, DeliveryStatus.DELIVERED, listed(event.data.get("mids")))


def _receipts(event: Event, status: DeliveryStatus, mids: list[Any]) -> Iterator[Parsed]:
    upto = moment(event.data.get("watermark"))
    named = [message_id(mid) for mid in mids if text(mid)]
    for mid in named:
        yield Receipt(status, mid, at=event.at or upto)
    if upto and event.sender:
        yield Receipt(status, at=event.at or upto, reader=event.sender, upto=upto)
    elif not named:
        yield Ignored("a receipt that names no message")


def _policy(event: Event) -> Iterator[Parsed]:
    """Meta stops a page that breaks its rules, warns it, or lets it go again."""
    action = text(event.data.get("action"))
    light = {"block": Light.RED, "unblock": Light.GREEN}.get(action, Light.YELLOW)
    why = text(event.data.get("reason")) or "–"
    detail = reason("Meta enforces its rules (%(action)s): %(reason)s", action=action, reason=why)
    yield Connection(light, detail)


def _derived(kind: str, event: Event) -> str:
    return derived_id(kind, event.sender, [event.at.isoformat() if event.at else "", event.data])


READERS: Mapping[str, Callable[[Event], Iterator[Parsed]]] = {
    "message": _message,
    "message_edit": _edit,
    "postback": _postback,
    "referral": _referral,
    "reaction": _reaction,
    "read": _read,
    "delivery": _delivery,
    "policy_enforcement": _policy,
    "policy-enforcement": _policy,
}
