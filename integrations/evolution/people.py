"""Who is who: WhatsApp's addresses (JIDs) as senders.

A person has up to two: `<number>@s.whatsapp.net` and, since 2025, `<id>@lid`, which hides the number.
Versions of Evolution name the other one differently, and now and then only the hidden one comes.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from conversations.exchange import Sender
from conversations.numbers import other_way
from integrations.evolution.fields import string

LONGEST_ID = 200
PHONE, HIDDEN, GROUP = "@s.whatsapp.net", "@lid", "@g.us"
# Device numbers (`…:12@…`) change with each device that a person links.
_DEVICE = re.compile(r":\d+(?=@)")
# With its country (E.164).
_NUMBER = re.compile(r"[1-9][0-9]{7,14}")
_CHAT_KEYS = ("remoteJid", "remoteJidAlt", "senderPn", "senderLid", "previousRemoteJid")
_MEMBER_KEYS = ("participant", "participantAlt", "participantPn", "participantLid")


def jid(value: Any) -> str:
    """Returns an address without its device, in the one form of its server; "" for anything else."""
    text = _DEVICE.sub("", string(value)).lower()
    return text.replace("@c.us", PHONE) if "@" in text else ""


def left_out(chat: str, *, groups: bool) -> str:
    """Says why nothing of a chat is taken in, or "" where it is."""
    if chat.endswith(GROUP) and not groups:
        return "a group, and this inbox takes none"
    if chat.startswith("status@") or chat.endswith("@broadcast"):
        return "a status, not a message"
    if chat.endswith("@newsletter"):
        return "a channel that the phone follows"
    return ""


def sender(key: Mapping[str, Any], name: str) -> Sender:
    """Returns the other side of a chat: a person, or a group as a whole.

    The number is the id where it is known, since replies to it always arrive; the hidden address becomes an
    alias. A reply goes to exactly the address that wrote: whether a Brazilian number has its ninth digit on
    WhatsApp is not for us to guess.
    """
    chat = jid(key.get("remoteJid"))
    if chat.endswith(GROUP):
        return Sender(external_id=chat[:LONGEST_ID], name=_("WhatsApp group"))
    return _person(key, _CHAT_KEYS, name)


def member(key: Mapping[str, Any], name: str) -> Sender:
    """Returns who wrote in a group."""
    return _person(key, _MEMBER_KEYS, name)


def person(address: Any, name: str = "", *others: Any) -> Sender:
    """Returns the person at an address, with other addresses of the same."""
    ids = list(dict.fromkeys(each for each in map(jid, (address, *others)) if each.endswith((PHONE, HIDDEN))))
    # Stable: among several, numbers come first.
    ids.sort(key=lambda each: not each.endswith(PHONE))
    first = ids[0] if ids else jid(address) or string(address)
    number = first.removesuffix(PHONE) if first.endswith(PHONE) else ""
    return Sender(
        external_id=first[:LONGEST_ID],
        name=name[:200],
        phone=f"+{number}" if number.isdigit() else "",
        aliases=tuple(each for each in ids[1:] if len(each) <= LONGEST_ID),
    )


def typed(text: str) -> Sender | None:
    """Returns the person at a number that somebody typed, with its country; None for what is no number."""
    # What people put between the digits; anything else is a mistake.
    number = re.sub(r"[\s().\-/]", "", text).removeprefix("+")
    return person(f"{number}{PHONE}") if _NUMBER.fullmatch(number) else None


def other_jid(address: str) -> str:
    """Returns the address of the same number, written the other way; "" where there is none."""
    other = other_way(address.removesuffix(PHONE)) if address.endswith(PHONE) else ""
    return f"{other}{PHONE}" if other else ""


def _person(key: Mapping[str, Any], names: tuple[str, ...], name: str) -> Sender:
    address, *others = [key.get(each) for each in names]
    return person(address, name, *others)
