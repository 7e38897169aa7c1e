"""Lists of recipients: taken whole, read in a job, every line accounted for."""

import json
import logging
from collections.abc import Iterator, Sequence
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.actions.consent import note_agreements
from campaigns.actions.persons import TOLD, Read, Reader, bad_row
from campaigns.actions.preparing import add_recipients
from campaigns.actions.rights import open_campaign
from campaigns.addresses import regions
from campaigns.enums import Source, UploadStatus
from campaigns.lists import Line, Shape, decoded, is_spreadsheet, lines, remains, shape_of
from campaigns.models import APPROVAL, BadRow, Campaign, Recipient, Upload
from campaigns.tasks import plan_reading
from conversations.actions.people import know_people
from core.actor import Actor
from core.errors import Invalid, TooLarge
from core.outages import DatabaseFailure, is_outage
from core.reasons import reason
from core.storable import storable

logger = logging.getLogger(__name__)
AT_ONCE = 500
MAX_ATTRIBUTES = 40
OURS = reason("An error of ours; the server's log has it")


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
    to; whoever has said no since stays out. Raises Conflict, Invalid for a list without a line or with too
    many columns, TooLarge.
    """
    row = open_campaign(campaign, by=by)
    if len(data) > settings.MAX_LIST_BYTES:
        raise TooLarge(field="file")
    if region and region.upper() not in regions():
        raise Invalid(_("There is no country %s.") % region, field="region")
    if is_spreadsheet(data):
        raise Invalid(
            _("This is a file of a spreadsheet. Save it as CSV there, and give that."), field="file"
        )
    content = storable(decoded(data))
    shape = shape_of(content)
    values = len(set(shape.columns) - TOLD)
    if values > MAX_ATTRIBUTES:
        told = _(
            "This list has %(count)d columns with values; at most %(most)d can be taken. Leave some out."
        )
        raise Invalid(told % {"count": values, "most": MAX_ATTRIBUTES}, field="file")
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

    def go_on(self) -> bool:
        """Reads the next lines; returns whether there are more.

        What cannot be read ends the list; an outage does not, and is raised.
        """
        for is_last in (False, True):
            try:
                return self._step()
            except Exception as error:
                if is_outage(error):
                    raise
                logger.exception("list %s of a campaign cannot be read", self.upload_id)
                if is_last:
                    self._give_up()
        return False

    @transaction.atomic(durable=True)
    def _step(self) -> bool:
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

    @transaction.atomic(durable=True)
    def _give_up(self) -> None:
        """Ends the list where it is, with what has been read of it."""
        upload = self._locked()
        if upload is not None:
            upload.status, upload.error = UploadStatus.FAILED, OURS
            # The bad lines are named with their texts; nothing can be made of this one again.
            upload.content = json.dumps([upload.columns])
            upload.save(update_fields=["status", "error", "content"])

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
    is_over = len(batch) < AT_ONCE
    _store(upload, shape, batch)
    upload.status = UploadStatus.DONE if is_over else UploadStatus.READING
    names = ["done", "added", "known", "status"]
    if is_over:
        # The others' names and numbers are theirs now, and go with them should they want to be forgotten.
        numbers = set(upload.bad.values_list("line", flat=True))
        upload.content = json.dumps(remains(upload.content, numbers), ensure_ascii=False)
        names.append("content")
    upload.save(update_fields=names)


def _store(upload: Upload, shape: Shape, batch: Sequence[Line]) -> None:
    """Makes recipients of lines; one that the database refuses is a bad one, and keeps no other from it."""
    try:
        with transaction.atomic():
            read, added = _stored(upload, shape, batch)
    except DatabaseFailure as error:
        if is_outage(error):
            raise
        if len(batch) > 1:
            half = len(batch) // 2
            _store(upload, shape, batch[:half])
            _store(upload, shape, batch[half:])
            return
        logger.exception("line %s of list %s cannot be stored", batch[0].number, upload.pk)
        bad_row(upload, batch[0], OURS).save()
        read, added = 0, 0
    upload.done += len(batch)
    upload.added += added
    upload.known += read - added


def _stored(upload: Upload, shape: Shape, batch: Sequence[Line]) -> tuple[int, int]:
    """Returns how many lines name somebody, and how many of these were no recipients before."""
    reader = Reader(upload, shape)
    found = [each for line in batch if (each := reader.read(line)) is not None]
    BadRow.objects.bulk_create(reader.bad)
    return len(found), _enrol(upload, found)


def _enrol(upload: Upload, found: Sequence[Read]) -> int:
    """Makes the persons of a list recipients; returns how many were none before."""
    campaign = upload.campaign
    began = timezone.now()
    by_address = {each.person.sender.external_id: each for each in reversed(found)}
    known = know_people(inbox=campaign.inbox, people=[each.person for each in by_address.values()])
    before = Recipient.objects.filter(campaign=campaign).count()
    in_order = sorted(known.items(), key=lambda item: item[1].pk)
    contacts = {identity.contact_id: (identity, by_address[key]) for key, identity in in_order}
    people = [identity.contact for identity, _each in contacts.values()]
    values = {pk: each.values for pk, (_identity, each) in contacts.items()}
    add_recipients(campaign, people, values, since=began)
    if upload.gives_consent:
        by = Actor.system(upload.created_by or "list")
        note_agreements([identity for identity, _each in contacts.values()], by=by)
    return Recipient.objects.filter(campaign=campaign).count() - before
