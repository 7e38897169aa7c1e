"""What a webhook tells: every entry of every event, one by one.

The body is `{"event", "instance", "data", "date_time", "sender", "server_url", "apikey"}`. `date_time` is the
server's local time dressed up as UTC, so that nothing here believes it.
Source: https://doc.evolution-api.com/v2/en/configuration/webhooks
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from conversations.enums import DeliveryStatus
from conversations.exchange import Deleted, Echo, Edited, Ignored, Incoming, Parsed, Reacted, Receipt, Sender
from core.reasons import reason
from integrations.evolution import connection, content, people
from integrations.evolution.fields import items, load, mapping, moment, string, truth

Entry = Mapping[str, Any]
Reader = Callable[[Entry, bool], Iterator[Parsed]]
LONGEST_ID = 255
REVOKE, EDIT = {"0", "REVOKE"}, {"14", "MESSAGE_EDIT"}
NUMBERED = {"0": "ERROR", "1": "PENDING", "2": "SERVER_ACK", "3": "DELIVERY_ACK", "4": "READ", "5": "PLAYED"}
STATUSES = {
    "ERROR": DeliveryStatus.FAILED,
    "SERVER_ACK": DeliveryStatus.SENT,
    "DELIVERY_ACK": DeliveryStatus.DELIVERED,
    "READ": DeliveryStatus.READ,
    "PLAYED": DeliveryStatus.READ,
}


def read(body: bytes, instance: str, *, groups: bool) -> Iterator[Parsed]:
    """Yields what a webhook tells of an instance; what comes for another one is ignored.

    Raises ValueError for bytes that are no event, and for entries without a key once all others are told.
    """
    yield from _each(items(load(body)), lambda envelope: _event(envelope, instance, groups))


def _each(entries: Iterable[Any], read_one: Callable[[Any], Iterator[Parsed]]) -> Iterator[Parsed]:
    """Reads one after the other; a broken one takes none of its siblings along."""
    broken: ValueError | None = None
    for entry in entries:
        try:
            yield from read_one(entry)
        except ValueError as error:
            broken = broken or error
    if broken is not None:
        raise broken


def _event(envelope: Any, instance: str, groups: bool) -> Iterator[Parsed]:  # noqa: FBT001 (one of its kind)
    event = string(mapping(envelope).get("event")).lower().replace("_", ".").replace("-", ".")
    if not event:
        raise ValueError("no event")
    named = envelope.get("instance")
    told_of = string(named) or string(mapping(named).get("instanceName"))
    if told_of and instance and told_of != instance:
        yield Ignored(f"{event} of another instance: {told_of[:80]}")
        return
    data = envelope.get("data")
    if event in connection.EVENTS:
        yield from connection.read(event, mapping(data))
        return
    reader = READERS.get(event)
    if reader is None:
        yield Ignored(f"nothing to do for {event[:80]}")
        return
    # Raw Baileys events, which some forks pass on, hold their entries in `messages`.
    entries = items(mapping(data).get("messages") or data)
    if not entries:
        raise ValueError(f"{event} without data")
    yield from _each(entries, lambda entry: reader(_entry(entry), groups))


def _entry(entry: Any) -> Entry:
    if not isinstance(entry, dict):
        raise ValueError("an entry that is no object")  # noqa: TRY004 (for the caller, all that is unreadable)
    return entry


def _message(entry: Entry, groups: bool) -> Iterator[Parsed]:  # noqa: FBT001
    """One of `messages.upsert` or `send.message`; which of both says nothing of who wrote it."""
    key = mapping(entry.get("key"))
    chat = people.jid(key.get("remoteJid"))
    if not chat:
        raise ValueError("a message without a chat")
    if reason := people.left_out(chat, groups=groups):
        yield Ignored(reason)
        return
    message, _wrappers = content.unwrapped(mapping(entry.get("message")))
    if "protocolMessage" in message:
        yield _protocol(mapping(message["protocolMessage"]), key)
    elif "reactionMessage" in message:
        yield _reaction(key, mapping(message["reactionMessage"]), entry)
    elif "editedMessage" in mapping(entry.get("message")):
        yield _edited(string(key.get("id")), entry["message"], entry.get("messageTimestamp"), key)
    else:
        yield _said(key, entry)


def _said(key: Mapping[str, Any], entry: Entry) -> Parsed:
    what = content.read(entry)
    if what.silent:
        # What could not be decrypted yet has no content; WhatsApp sends it again under the same id, which
        # must still be free then.
        return Ignored(f"nothing said: {what.silent[:80]}")
    name = string(entry.get("pushName"))
    common: dict[str, Any] = {
        "external_id": _id(key, entry),
        "files": what.files,
        "sent_at": moment(entry.get("messageTimestamp")),
        "reply_to": what.reply_to,
    }
    if truth(key.get("fromMe")):
        # The name beside what we wrote is our own.
        return Echo(to=people.sender(key, ""), text=what.text, details=what.details, **common)
    text, details = _attributed(key, name, what)
    return Incoming(sender=people.sender(key, name), text=text, details=details, **common)


def _attributed(key: Mapping[str, Any], name: str, what: content.Content) -> tuple[str, Mapping[str, Any]]:
    """In a group, which is one contact, the text says who wrote it."""
    if not people.jid(key.get("remoteJid")).endswith(people.GROUP):
        return what.text, what.details
    author = people.member(key, name)
    shown = author.name or author.phone or author.external_id
    told = {"id": author.external_id, "name": author.name, "phone": author.phone}
    return f"{shown}: {what.text}" if what.text else shown, {**what.details, "author": told}


def _id(key: Mapping[str, Any], entry: Entry) -> str:
    """The id of a message at WhatsApp, the same however often it is told; else one made of its content."""
    given = string(key.get("id"))
    if given and len(given) <= LONGEST_ID:
        return given
    told = json.dumps([key, entry.get("message"), entry.get("messageTimestamp")], sort_keys=True)
    return f"sha256:{hashlib.sha256(told.encode()).hexdigest()}"


def _reaction(key: Mapping[str, Any], reaction: Mapping[str, Any], entry: Entry) -> Parsed:
    target = string(mapping(reaction.get("key")).get("id"))[:LONGEST_ID]
    if not target:
        raise ValueError("a reaction to nothing")
    if truth(key.get("fromMe")):
        return Ignored("our own reaction, from the phone")
    at = moment(reaction.get("senderTimestampMs")) or moment(entry.get("messageTimestamp"))
    return Reacted(
        target, people.sender(key, string(entry.get("pushName"))), string(reaction.get("text")), at
    )


def _doer(key: Mapping[str, Any]) -> Sender | None:
    """Who changes a message, where it is a customer: the phones check whose it is, the server does not."""
    return people.sender(key, "") if key.get("fromMe") is False and people.jid(key.get("remoteJid")) else None


def _protocol(protocol: Mapping[str, Any], by: Mapping[str, Any]) -> Parsed:
    """A message about a message: taken back or changed; WhatsApp's own business otherwise."""
    target = string(mapping(protocol.get("key")).get("id"))[:LONGEST_ID]
    raw = protocol.get("type")
    # The first value of an enumeration is left out by some encoders.
    is_bare = raw is None and not {"editedMessage", "ephemeralExpiration"} & protocol.keys()
    told = "REVOKE" if is_bare else "MESSAGE_EDIT" if raw is None else str(raw)
    if target and told in REVOKE:
        return Deleted(target, moment(protocol.get("timestampMs")), _doer(by))
    if target and told in EDIT:
        return _edited(target, protocol.get("editedMessage"), protocol.get("timestampMs"), by)
    return Ignored(f"a message of WhatsApp to the phone: {told[:80]}")


def _edited(target: str, message: Any, at: Any, by: Mapping[str, Any]) -> Parsed:
    """The new text; under `editedMessage` either the message itself or one about the message."""
    inner, _wrappers = content.unwrapped(mapping(message))
    if "protocolMessage" in inner:
        return _protocol(mapping(inner["protocolMessage"]), by)
    text = content.read({"message": inner}).text
    if not target or not text:
        return Ignored("an edit that tells no text")
    return Edited(target[:LONGEST_ID], text, moment(at), _doer(by))


def _change(entry: Entry, groups: bool) -> Iterator[Parsed]:  # noqa: FBT001
    """One of `messages.edited`: a protocol message, with or without its envelope."""
    if "key" in entry and "message" in entry:
        yield from _message(entry, groups)
        return
    chat = people.jid(mapping(entry.get("key")).get("remoteJid"))
    reason = people.left_out(chat, groups=groups)
    # The key is the changed message's, not that of who changed it.
    yield Ignored(reason) if reason else _protocol(entry, {})


def _deletion(entry: Entry, groups: bool) -> Iterator[Parsed]:  # noqa: FBT001
    """One of `messages.delete`: the key, bare (v2 and v1) or in `key` (deleted through the API)."""
    key = mapping(entry.get("key")) or entry
    target = string(key.get("id")) or string(key.get("keyId"))
    if not target:
        raise ValueError("nothing is named that was deleted")
    reason = people.left_out(people.jid(key.get("remoteJid")), groups=groups)
    yield Ignored(reason) if reason else Deleted(target[:LONGEST_ID], sender=_doer(key))


def _update(entry: Entry, groups: bool) -> Iterator[Parsed]:  # noqa: FBT001
    """One of `messages.update`: v2 flat with `keyId`, v1 flat with `id`, forks as Baileys has it."""
    key = mapping(entry.get("key")) or entry
    inner = mapping(entry.get("update")) or entry
    target = string(entry.get("keyId")) or string(key.get("id"))
    reason = people.left_out(people.jid(key.get("remoteJid")), groups=groups)
    if reason:
        yield Ignored(reason)
    elif "editedMessage" in mapping(inner.get("message")):
        yield _edited(target, inner["message"], inner.get("messageTimestamp"), key)
    elif not target:
        raise ValueError("nothing is named whose status changed")
    else:
        yield _receipt(target, str(inner.get("status") or ""), key, entry)


def _receipt(target: str, told: str, key: Mapping[str, Any], entry: Entry) -> Parsed:
    told = NUMBERED.get(told, told.upper())
    if key.get("fromMe") is False:
        return Ignored("the phone has read what the customer wrote")
    status = STATUSES.get(told)
    if status is None:
        # Versions before 2.3 say DELETED of every change that has no status, edits included (issue 2010): to
        # believe it would destroy what was edited. What is taken back comes as an event of its own as well.
        return Ignored(f"status {told[:40] or 'missing'}")
    failed = status == DeliveryStatus.FAILED
    return Receipt(
        status,
        provider_id=target[:LONGEST_ID],
        at=moment(entry.get("readTimestamp") or entry.get("datetime")),
        error=reason("WhatsApp could not deliver the message.") if failed else "",
        error_code="ERROR" if failed else "",
    )


def _call(entry: Entry, groups: bool) -> Iterator[Parsed]:  # noqa: FBT001
    """One of `call`: that somebody rang is something they said; how it ended is not."""
    status, name = string(entry.get("status")), string(entry.get("id"))
    if status != "offer" or not name or (truth(entry.get("isGroup")) and not groups):
        yield Ignored(f"a call: {status[:40] or 'no status'}")
        return
    caller = people.person(entry.get("from"), "", entry.get("callerPn"), entry.get("chatId"))
    if not caller.external_id:
        raise ValueError("a call from nobody")
    is_video = truth(entry.get("isVideo"))
    yield Incoming(
        external_id=f"call:{name}"[:LONGEST_ID],
        sender=caller,
        text=_("Called by video.") if is_video else _("Called."),
        sent_at=moment(entry.get("date")),
        details={"kind": "call", "video": is_video},
    )


READERS: dict[str, Reader] = {
    "messages.upsert": _message,
    "send.message": _message,
    "send.message.update": _message,
    "messages.edited": _change,
    "messages.delete": _deletion,
    "messages.update": _update,
    "call": _call,
}
