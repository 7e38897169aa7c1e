"""Who wrote: WhatsApp names a person by a number, by an id made for our business, or by both.

The id (`user_id`, such as `BR.1502576394655843`) is always there since 2026; the number is missing for people
who took a username. So the id is the identity where it is told, and the number an alias; older webhooks know
only the number. https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from conversations.exchange import Sender

# Two letters of a country, a dot, up to 128 letters and digits; one of several linked businesses has ENT.
USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
NUMBER = re.compile(r"\+?\d{4,20}")
# With its country (E.164).
FULL_NUMBER = re.compile(r"[1-9][0-9]{7,14}")


def is_user_id(text: str) -> bool:
    """Says whether an id is one that WhatsApp made for our business, not a phone number."""
    return USER_ID.fullmatch(text) is not None


def sender_of(message: Mapping[str, Any], contacts: Sequence[Any]) -> Sender:
    """Returns the writer of a message; raises ValueError where nothing says who it was.

    A contact is believed to be the writer only by an id that both carry, or where the message has none and
    there is one contact. Otherwise a single contact lends its name, but no id: that would join two people.
    """
    return _known_as(ids_in(message, "from_user_id", "from", "from_parent_user_id"), contacts)


def _known_as(ids: Sequence[str], contacts: Sequence[Any]) -> Sender:
    contact = contact_of(ids, contacts)
    return person([*ids_in(contact, "user_id", "wa_id", "parent_user_id"), *ids], contact)


def recipient_of(echo: Mapping[str, Any], contacts: Sequence[Any]) -> Sender:
    """Returns the person to whom something was said from the WhatsApp Business app; raises as `sender_of`."""
    ids = ids_in(echo, "to_user_id", "to", "to_parent_user_id")
    return _known_as(ids, contacts)


def person(ids: Sequence[str], contact: Mapping[str, Any]) -> Sender:
    """Returns a sender with the id that lasts longest in front; raises ValueError where there is none."""
    known = sorted(dict.fromkeys(ids), key=_lasting)
    if not known:
        raise ValueError("nothing says who wrote this")
    profile = contact.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    phone = next((each for each in known if NUMBER.fullmatch(each)), "")
    return Sender(
        external_id=known[0],
        name=str(profile.get("name") or profile.get("username") or "")[:200],
        phone=f"+{phone.removeprefix('+')}" if phone else "",
        aliases=tuple(known[1:]),
        is_verified=True,
    )


def typed(text: str) -> Sender | None:
    """Returns the person at a number or id that somebody typed; None for what is neither."""
    text = text.strip()
    if is_user_id(text):
        return Sender(external_id=text)
    # What people put between the digits; anything else is a mistake.
    number = re.sub(r"[\s().\-/]", "", text).removeprefix("+")
    return Sender(external_id=number, phone=f"+{number}") if FULL_NUMBER.fullmatch(number) else None


def contact_of(ids: Sequence[str], contacts: Sequence[Any]) -> Mapping[str, Any]:
    """Returns the contact that shares an id, the only one for a message without any, or at most a name."""
    rows = [each for each in contacts if isinstance(each, dict)]
    for row in rows:
        if set(ids) & set(ids_in(row, "user_id", "wa_id", "parent_user_id")):
            return row
    if len(rows) != 1:
        return {}
    return {"profile": rows[0].get("profile")} if ids else rows[0]


def ids_in(row: Mapping[str, Any], *names: str) -> list[str]:
    """Returns the ids under these names that are told."""
    found = [row.get(name) for name in names]
    return [str(each) for each in found if isinstance(each, str | int) and str(each).strip()]


def _lasting(external_id: str) -> int:
    # An id shared by linked businesses cannot be written to everywhere; a number may go away.
    if not is_user_id(external_id):
        return 1
    return 2 if ".ENT." in external_id else 0
