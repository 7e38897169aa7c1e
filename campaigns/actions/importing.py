"""Lists of recipients: taken whole, read in a job, every line accounted for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.actions.consent import note_agreements
from campaigns.actions.preparing import add_recipients
from campaigns.actions.rights import open_campaign
from campaigns.addresses import LONGEST_ADDRESS, full_number, regions
from campaigns.enums import Source, UploadStatus
from campaigns.lists import ADDRESS, Line, Shape, decoded, lines, shape_of
from campaigns.models import APPROVAL, BadRow, Campaign, Recipient, Upload
from campaigns.queries.audience import address_fields
from campaigns.tasks import plan_reading
from conversations.actions.people import Person, know_people
from conversations.exchange import Sender
from conversations.models import ContactIdentity, Inbox
from conversations.queries.recipients import recipient_at
from core.actor import Actor
from core.errors import Invalid, TooLarge
from core.reasons import reason
from core.storable import storable
from core.zones import time_zones

AT_ONCE = 500
MAX_ATTRIBUTES = 40
LONGEST_LINE = 2_000


@transaction.atomic
def give_list(
    *,
    campaign: Campaign,
    data: bytes,
    by: Actor,
    name: str = "",
    region: str = "",
    gives_consent: bool = False,
) -> Upload:
    """Takes a pasted or uploaded list for a campaign that has not begun, and has it read.

    Columns are known by their headings in three languages; others become values for the text. `region` is
    the country of numbers without a code of one. `gives_consent`: everybody on it has agreed to be written
    to; whoever has said no since stays out. Raises Conflict, Invalid for a list without a line, TooLarge.
    """
    row = open_campaign(campaign, by=by)
    if len(data) > settings.MAX_LIST_BYTES:
        raise TooLarge(field="file")
    if region and region.upper() not in regions():
        raise Invalid(_("There is no country %s.") % region, field="region")
    content = storable(decoded(data))
    shape = shape_of(content)
    count = sum(1 for _line in lines(content, shape))
    if not count:
        raise Invalid(_("There is nobody on this list."), field="file")
    upload = Upload.objects.create(
        campaign=row,
        name=name[:200],
        content=content,
        region=region.upper(),
        gives_consent=gives_consent,
        columns=list(shape.columns),
        rows=count,
        created_by=by.name[:120],
    )
    row.source = Source.LIST
    row.take_approval_back()
    row.save(update_fields=["source", *APPROVAL, "updated_at"])
    plan_reading(upload.pk)
    return upload


@dataclass(frozen=True, slots=True)
class _Read:
    """A line that names somebody: who, and what else it says."""

    line: Line
    person: Person
    values: dict[str, str]


def read_some(upload_id: int) -> bool:
    """Reads the next lines of a list; returns whether there are more. See `Reading`, which goes on faster."""
    return Reading(upload_id).go_on()


class Reading:
    """The reading of one list, some hundred lines at a time, without looking at those before again.

    What the lines made and how far it has come are one transaction, under the lock of the campaign: whoever
    goes on after a crash, or beside this one, goes on behind the last line that counts.
    """

    def __init__(self, upload_id: int) -> None:
        self.upload_id = upload_id
        self.done = -1
        self.rest: Iterator[Line] = iter(())

    @transaction.atomic(durable=True)
    def go_on(self) -> bool:
        """Reads the next lines; returns whether there are more."""
        upload = self._locked()
        if upload is None:
            return False
        if upload.done != self.done:
            self.shape = shape_of(upload.content)
            self.rest = islice(lines(upload.content, self.shape), upload.done, None)
        # Until this is committed, nobody knows how far it is.
        self.done = -1
        batch = list(islice(self.rest, AT_ONCE))
        transaction.on_commit(lambda: setattr(self, "done", upload.done))
        _take(upload, self.shape, batch)
        return upload.status == UploadStatus.READING

    def _locked(self) -> Upload | None:
        """Returns the list, unless it is read; two lists of a campaign are read one after the other."""
        named = Campaign.objects.filter(uploads=self.upload_id)
        list(named.select_for_update(of=("self",)).values_list("pk"))
        rows = Upload.objects.select_for_update(of=("self",)).select_related("campaign__inbox")
        if self.done >= 0:
            rows = rows.defer("content")
        over = (UploadStatus.DONE, UploadStatus.FAILED)
        return rows.filter(pk=self.upload_id).exclude(status__in=over).first()


def _take(upload: Upload, shape: Shape, batch: Sequence[Line]) -> None:
    reader = _Reader(upload, shape)
    found = [each for line in batch if (each := reader.read(line)) is not None]
    BadRow.objects.bulk_create(reader.bad)
    added = _enrol(upload, found)
    upload.done += len(batch)
    upload.added += added
    upload.known += len(found) - added
    upload.status = UploadStatus.READING if len(batch) == AT_ONCE else UploadStatus.DONE
    upload.save(update_fields=["done", "added", "known", "status"])


class _Reader:
    """Makes persons of lines, and bad rows of the others."""

    def __init__(self, upload: Upload, shape: Shape) -> None:
        self.upload, self.shape = upload, shape
        self.inbox: Inbox = upload.campaign.inbox
        # Where nobody can be written to first, a line names somebody by the id the inbox knows.
        self.fields = address_fields(self.inbox)
        self.bad: list[BadRow] = []

    def read(self, line: Line) -> _Read | None:
        """Returns whom a line names, or notes why it names nobody."""
        try:
            return self._read(line)
        except _BadLine as error:
            text = line.raw[:LONGEST_LINE]
            row = BadRow(upload=self.upload, line=line.number, text=text, reason=error.reason[:300])
            self.bad.append(row)
            return None

    def _read(self, line: Line) -> _Read:
        if line.is_broken:
            raise _BadLine(reason("A quotation mark in this line is not closed."))
        columns = self.shape.columns
        if len(line.cells) > len(columns) and self.shape.has_heading:
            raise _BadLine(reason("This line has %s cells, the heading %s.", len(line.cells), len(columns)))
        told = {name: cell for name, cell in zip(columns, line.cells, strict=False) if cell}
        sender = self._sender(told)
        zone = told.get("timezone", "")
        if zone and zone not in time_zones():
            raise _BadLine(reason("There is no time zone %s.", zone))
        known = {"phone", "email", "name", "language", "timezone", "tags", ADDRESS}
        values = {name: cell for name, cell in list(told.items())[:MAX_ATTRIBUTES] if name not in known}
        tags = tuple(tag.strip() for tag in told.get("tags", "").replace(";", ",").split(",") if tag.strip())
        person = Person(sender, timezone=zone, tags=tags, attributes=values)
        return _Read(line, person, {**values, **({"name": told["name"]} if told.get("name") else {})})

    def _sender(self, told: dict[str, str]) -> Sender:
        address, found = self._address(told)
        phone = full_number(told.get("phone", ""), self.upload.region) or found.phone
        return Sender(
            found.external_id,
            name=told.get("name", "") or found.name,
            email=told.get("email", "") or found.email,
            phone=phone or (address if address.startswith("+") else ""),
            locale=told.get("language", "")[:12],
        )

    def _address(self, told: dict[str, str]) -> tuple[str, Sender]:
        if not self.fields:
            return self._known_here(told)
        written = next((told[name] for name in (*self.fields, ADDRESS) if told.get(name)), "")
        if not written:
            raise _BadLine(reason("There is no address in this line."))
        address = written
        if "phone" in self.fields and "@" not in written:
            address = full_number(written, self.upload.region)
            if not address:
                raise _BadLine(reason("%s is no telephone number.", written))
        sender = recipient_at(self.inbox, address)
        if sender is None or len(sender.external_id) > LONGEST_ADDRESS:
            raise _BadLine(reason("Nobody can be written to at %s.", written))
        return address, sender

    def _known_here(self, told: dict[str, str]) -> tuple[str, Sender]:
        """Channels in which only those can be written to who wrote first."""
        written = told.get(ADDRESS) or told.get("phone") or told.get("email") or ""
        rows = ContactIdentity.objects.filter(inbox=self.inbox)
        found = rows.filter(external_id=written).first() if written else None
        if found is None:
            raise _BadLine(reason("Nobody is known as %s in this inbox.", written or "–"))
        return written, Sender(found.external_id)


class _BadLine(Exception):
    """A line that names nobody who could be written to; `reason` as of `core.reasons`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.reason = why


def _enrol(upload: Upload, found: Sequence[_Read]) -> int:
    """Makes the persons of a list recipients; returns how many were none before."""
    campaign = upload.campaign
    by_address = {each.person.sender.external_id: each for each in reversed(found)}
    known = know_people(inbox=campaign.inbox, people=[each.person for each in by_address.values()])
    before = Recipient.objects.filter(campaign=campaign).count()
    in_order = sorted(known.items(), key=lambda item: item[1].pk)
    contacts = {identity.contact_id: (identity, by_address[key]) for key, identity in in_order}
    people = [identity.contact for identity, _each in contacts.values()]
    add_recipients(campaign, people, {pk: each.values for pk, (_identity, each) in contacts.items()})
    if upload.gives_consent:
        by = Actor.system(upload.created_by or "list")
        note_agreements([identity for identity, _each in contacts.values()], by=by)
    return Recipient.objects.filter(campaign=campaign).count() - before
