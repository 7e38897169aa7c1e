"""Persons made of the lines of a list, and bad rows of the others."""

import re
from dataclasses import dataclass

from campaigns.addresses import LONGEST_ADDRESS, full_number
from campaigns.lists import ADDRESS, LEFT_OUT, Line, Shape
from campaigns.models import BadRow, Upload
from campaigns.queries.audience import address_fields
from conversations.actions.people import Person
from conversations.exchange import Sender
from conversations.models import ContactIdentity, Inbox
from conversations.queries.recipients import recipient_at
from core.places import plain_name
from core.reasons import reason
from core.zones import time_zones

LONGEST_LINE = 2_000
# Digits of what may be a number, but for its country.
FEWEST_DIGITS = 7
# Languages as they are stored, and as people name those that we speak.
CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
NAMES = {
    **dict.fromkeys(("português", "portugues", "portuguese", "portugués", "brasileiro"), "pt"),
    **dict.fromkeys(("español", "espanol", "espanhol", "castellano", "spanish"), "es"),
    **dict.fromkeys(("inglês", "ingles", "inglés", "english"), "en"),
}
# Columns that say what is known of everybody, or why a line was bad; each other one is a value for the text.
TOLD = frozenset({"phone", "email", "name", "language", "timezone", "tags", ADDRESS, LEFT_OUT})


@dataclass(frozen=True, slots=True)
class Read:
    """A line that names somebody: who, and what else it says."""

    line: Line
    person: Person
    values: dict[str, str]


class Reader:
    """Makes persons of lines, and bad rows of the others."""

    def __init__(self, upload: Upload, shape: Shape) -> None:
        self.upload, self.shape = upload, shape
        self.inbox: Inbox = upload.campaign.inbox
        # Where nobody can be written to first, a line names somebody by the id the inbox knows.
        self.fields = address_fields(self.inbox)
        self.bad: list[BadRow] = []

    def read(self, line: Line) -> Read | None:
        """Returns whom a line names, or notes why it names nobody."""
        try:
            return self._read(line)
        except BadLine as error:
            self.bad.append(bad_row(self.upload, line, error.reason))
            return None

    def _read(self, line: Line) -> Read:
        if line.is_broken:
            raise BadLine(reason("A quotation mark in this line is not closed."))
        columns = self.shape.columns
        if len(line.cells) > len(columns) and self.shape.has_heading:
            raise BadLine(reason("This line has %s cells, the heading %s.", len(line.cells), len(columns)))
        told = {name: cell for name, cell in zip(columns, line.cells, strict=False) if cell}
        sender = self._sender(told)
        zone = told.get("timezone", "")
        if zone and zone not in time_zones():
            raise BadLine(reason("There is no time zone %s.", zone))
        values = {name: cell for name, cell in told.items() if name not in TOLD}
        tags = tuple(tag.strip() for tag in told.get("tags", "").replace(";", ",").split(",") if tag.strip())
        person = Person(sender, timezone=zone, tags=tags, attributes=values)
        return Read(line, person, {**values, **({"name": told["name"]} if told.get("name") else {})})

    def _sender(self, told: dict[str, str]) -> Sender:
        address, found = self._address(told)
        phone = full_number(told.get("phone", ""), self.upload.region) or found.phone
        return Sender(
            found.external_id,
            name=told.get("name", "") or found.name,
            email=told.get("email", "") or found.email,
            phone=phone or (address if address.startswith("+") else ""),
            locale=_language(told.get("language", "")),
        )

    def _address(self, told: dict[str, str]) -> tuple[str, Sender]:
        if not self.fields:
            return self._known_here(told)
        written = next((told[name] for name in (*self.fields, ADDRESS) if told.get(name)), "")
        if not written:
            raise BadLine(reason("There is no address in this line."))
        address = written
        if "phone" in self.fields and "@" not in written:
            address = full_number(written, self.upload.region)
            if not address:
                raise BadLine(self._no_number(written))
        sender = recipient_at(self.inbox, address)
        if sender is None or len(sender.external_id) > LONGEST_ADDRESS:
            raise BadLine(reason("Nobody can be written to at %s.", written))
        return address, sender

    def _no_number(self, written: str) -> str:
        has_country = self.upload.region or written.strip().startswith(("+", "00"))
        if has_country or sum(map(str.isdigit, written)) < FEWEST_DIGITS:
            return reason("%s is no telephone number.", written)
        return reason("%s is no telephone number, unless the list's country is told.", written)

    def _known_here(self, told: dict[str, str]) -> tuple[str, Sender]:
        """Channels in which only those can be written to who wrote first."""
        written = told.get(ADDRESS) or told.get("phone") or told.get("email") or ""
        rows = ContactIdentity.objects.filter(inbox=self.inbox)
        found = rows.filter(external_id=written).first() if written else None
        if found is None:
            raise BadLine(reason("Nobody is known as %s in this inbox.", written or "–"))
        return written, Sender(found.external_id)


def _language(told: str) -> str:
    """Returns a language as it is stored, from its code or its name."""
    if not told or CODE.fullmatch(told):
        return told
    if code := NAMES.get(plain_name(told)):
        return code
    raise BadLine(reason("There is no language %s.", told))


class BadLine(Exception):
    """A line that names nobody who could be written to; `reason` as of `core.reasons`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.reason = why


def bad_row(upload: Upload, line: Line, why: str) -> BadRow:
    """Returns a line as it is kept, with the reason, unsaved."""
    return BadRow(upload=upload, line=line.number, text=line.raw[:LONGEST_LINE], reason=why[:300])
