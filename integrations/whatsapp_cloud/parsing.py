"""Webhooks as items: every entry, every change, every message and status of a batch.

Chatwoot and Zammad read the first of each and lose the rest. Here one thing that cannot be read keeps none of
its neighbours out: it is remembered, the others are yielded, and only then is the whole put in quarantine.
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from conversations.enums import DeliveryStatus
from conversations.exchange import (
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
from integrations.whatsapp_cloud import alerts
from integrations.whatsapp_cloud.config import WhatsAppConfig
from integrations.whatsapp_cloud.graph import explained
from integrations.whatsapp_cloud.kinds import Content, content_of
from integrations.whatsapp_cloud.people import ids_in, person, recipient_of, sender_of

ACCOUNT = "whatsapp_business_account"
Row = Mapping[str, Any]
Work = Callable[[], Parsed]

STATUSES = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    # The recipient listened to a voice message.
    "played": DeliveryStatus.READ,
    "failed": DeliveryStatus.FAILED,
}
# What reading a value of another form than documented raises.
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, OverflowError)


class Unreadable(ValueError):
    """Part of a webhook does not have the form that WhatsApp documents."""


def items(body: bytes, config: WhatsAppConfig) -> Iterator[Parsed]:
    """Yields what a webhook tells, in its order.

    Raises Unreadable at the end if a part could not be read; all that could has been yielded by then.
    """
    problems: list[str] = []
    for work in _changes(_json(body), config):
        try:
            yield work()
        except MALFORMED as error:
            problems.append(f"{type(error).__name__}: {error}"[:200])
    if problems:
        raise Unreadable("; ".join(problems[:5]))


def _json(body: bytes) -> Row:
    try:
        data = json.loads(body)
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    if not isinstance(data, dict) or not isinstance(data.get("entry"), list):
        raise Unreadable("no entries")
    return data


def _changes(data: Row, config: WhatsAppConfig) -> Iterator[Work]:
    """Yields a piece of work for each thing that can be read, or fail, on its own."""
    # Of what names no kind of account, such as a sample that somebody cut out, all looks like ours.
    if (data.get("object") or ACCOUNT) != ACCOUNT:
        yield partial(Ignored, f"object {data.get('object')}")
        return
    for entry in data["entry"]:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list):
            yield partial(_fail, "an entry without changes")
            continue
        for change in changes:
            yield from _change(entry, change, config)


def _fail(what: str) -> Parsed:
    raise Unreadable(what)


def _change(entry: Row, change: Any, config: WhatsAppConfig) -> Iterator[Work]:
    value = change.get("value") if isinstance(change, dict) else None
    if not isinstance(value, dict):
        yield partial(_fail, "a change without value")
        return
    name = str(change.get("field") or "")
    if reason := _not_ours(name, entry, value, config):
        yield partial(Ignored, reason)
        return
    read = FIELDS.get(name)
    if read is None:
        yield partial(alerts.alert, name, value)
        return
    try:
        yield from list(read(value))
    except MALFORMED as error:
        yield partial(_fail, str(error))


def _not_ours(name: str, entry: Row, value: Row, config: WhatsAppConfig) -> str:
    """Says why a change is about another number: all numbers of an app share one webhook."""
    if not config.phone_number_id:
        return ""
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and metadata.get("phone_number_id"):
        number = str(metadata["phone_number_id"])
        return "" if number == config.phone_number_id else f"for phone number {number}"
    told = _object(value, "waba_info").get("waba_id") or entry.get("id")
    # Changes of the account come under the id of the company, and name the account beside it at best.
    is_vague = name == "account_update" and "waba_info" not in value
    ours = is_vague or str(told) == config.business_account_id
    return "" if ours else f"for business account {told}"


def _messages(value: Row) -> Iterator[Work]:
    contacts = _rows(value, "contacts")
    told = False
    for message in _rows(value, "messages"):
        told = True
        yield partial(_message, message, contacts)
    for status in _rows(value, "statuses"):
        told = True
        yield partial(_receipt, status)
    for error in _rows(value, "errors"):
        told = True
        yield partial(alerts.trouble, error)
    if not told:
        yield partial(Ignored, "neither message nor status")


def _echoes(value: Row) -> Iterator[Work]:
    """What was said on the phone: the number is used by the WhatsApp Business app as well."""
    contacts = _rows(value, "contacts")
    for echo in _rows(value, "message_echoes"):
        yield partial(_echo, echo, contacts)


def _rows(value: Row, name: str) -> list[Any]:
    rows = value.get(name) or []
    if not isinstance(rows, list):
        raise Unreadable(f"{name} is no list")
    return rows


def _message(message: Row, contacts: list[Any]) -> Parsed:
    kind = message.get("type")
    if kind in {"edit", "revoke"}:
        return _change_of(message)
    sender = sender_of(message, contacts)
    if kind == "reaction":
        reaction = message["reaction"]
        emoji = str(reaction.get("emoji") or "")
        return Reacted(str(reaction["message_id"]), sender, emoji, at=moment(message))
    content = content_of(message)
    context = _object(message, "context")
    return Incoming(
        external_id=_id(message),
        sender=_moved(sender, message),
        text=content.text,
        files=content.files,
        sent_at=moment(message),
        reply_to=str(context.get("id") or ""),
        details=_details(message, context, content),
        is_automatic=content.is_automatic,
    )


def _change_of(message: Row) -> Edited | Deleted | Incoming:
    """Something that was said before has changed or is taken back."""
    kind = str(message["type"])
    body = message[kind]
    original = str(body["original_message_id"])
    if kind == "revoke":
        return Deleted(original, at=moment(message))
    return Edited(original, content_of(body["message"]).text, at=moment(message))


def _moved(sender: Sender, message: Row) -> Sender:
    """A person who changed the number keeps the old ids as aliases, so that the history stays theirs."""
    system = message.get("system") if message.get("type") == "system" else None
    if not isinstance(system, dict):
        return sender
    new = ids_in(system, "user_id", "wa_id", "new_wa_id", "parent_user_id")
    old = ids_in(system, "previous_user_id", "customer", "previous_parent_user_id")
    # The new ids in front, so that the next answer goes to where the person now is.
    moved = person(new, {}) if new else sender
    known = dict.fromkeys([*moved.aliases, sender.external_id, *sender.aliases, *old])
    aliases = tuple(each for each in known if each != moved.external_id)
    return replace(moved, name=sender.name, aliases=aliases)


def _details(message: Row, context: Row, content: Content) -> dict[str, Any]:
    details = dict(content.details)
    if context.get("forwarded") or context.get("frequently_forwarded"):
        details["forwarded"] = True
    if context.get("frequently_forwarded"):
        details["frequently_forwarded"] = True
    if context.get("referred_product"):
        details["product"] = context["referred_product"]
    # From which advertisement the person came; from which group, where groups are used.
    details.update({name: message[name] for name in ("referral", "group_id") if message.get(name)})
    return details


def _echo(echo: Row, contacts: list[Any]) -> Parsed:
    if echo.get("type") in {"edit", "revoke"}:
        return _change_of(echo)
    content = content_of(echo)
    context = _object(echo, "context")
    return Echo(
        external_id=_id(echo),
        to=recipient_of(echo, contacts),
        text=content.text,
        files=content.files,
        sent_at=moment(echo),
        reply_to=str(context.get("id") or ""),
        details=_details(echo, context, content),
    )


def _receipt(status: Row) -> Parsed:
    name = str(status["status"]).lower()
    if name not in STATUSES:
        return Ignored(f"status {name}")
    errors = _rows(status, "errors")
    error = errors[0] if errors and isinstance(errors[0], dict) else {}
    is_failed = STATUSES[name] == DeliveryStatus.FAILED
    return Receipt(
        STATUSES[name],
        provider_id=_id(status),
        key=str(status.get("biz_opaque_callback_data") or ""),
        at=moment(status),
        error=explained(error) if is_failed else "",
        error_code=str(error.get("code") or "") if is_failed else "",
    )


def _preferences(value: Row) -> Iterator[Work]:
    """Somebody stops or resumes marketing messages."""
    contacts = _rows(value, "contacts")
    for row in _rows(value, "user_preferences"):
        yield partial(alerts.preference, row, sender_of(_as_message(row), contacts), moment(row))


def _calls(value: Row) -> Iterator[Work]:
    """Somebody called by voice: nobody here can take it, but people can call back."""
    contacts = _rows(value, "contacts")
    for row in _rows(value, "calls"):
        yield partial(alerts.call, row, contacts, moment(row))
    if not _rows(value, "calls"):
        yield partial(Ignored, "status of a call")


def _as_message(row: Row) -> Row:
    return {"from": row.get("wa_id"), "from_user_id": row.get("user_id")}


def _id(row: Row) -> str:
    external_id = row["id"]
    if not isinstance(external_id, str) or not 0 < len(external_id) <= 255:  # noqa: PLR2004 (the column's width)
        raise Unreadable("an id that is empty or too long")
    return external_id


def _object(row: Row, name: str) -> Row:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def moment(row: Row) -> datetime | None:
    """The time in a row (seconds since 1970, as text), or None where it cannot be read."""
    try:
        return datetime.fromtimestamp(int(row["timestamp"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


FIELDS: Mapping[str, Callable[[Row], Iterator[Work]]] = {
    "messages": _messages,
    "smb_message_echoes": _echoes,
    "user_preferences": _preferences,
    "calls": _calls,
}
