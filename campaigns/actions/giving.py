"""What programs do in one step and people in several: a campaign with those whom it is for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.actions.editing import create_campaign
from campaigns.actions.importing import give_list, read_some
from campaigns.actions.preparing import add_recipients
from campaigns.actions.rights import open_campaign
from campaigns.enums import Kind, Source, UploadStatus
from campaigns.models import APPROVAL, Campaign, Recipient, Upload
from campaigns.people import Named, as_list
from conversations.models import Contact
from core.actor import Actor
from core.errors import Conflict

LIST_NAME = "API"


@dataclass(frozen=True, slots=True)
class Listing:
    """People by their addresses; `region` and `gives_consent` as `importing.give_list` has them."""

    people: Sequence[Named]
    region: str = ""
    gives_consent: bool = False


@transaction.atomic
def create_with_people(
    *, by: Actor, contacts: Sequence[Contact] = (), listing: Listing | None = None, **fields: Any
) -> Campaign:
    """Makes a draft together with its recipients, or neither; `fields` and errors are `create_campaign`'s.

    A campaign that was made before under the same key stays as it is. A list still has to be read.
    """
    campaign = create_campaign(by=by, **fields)
    if campaign.just_created and (contacts or listing):
        give_people(campaign=campaign, by=by, contacts=contacts, listing=listing)
    return campaign


@transaction.atomic
def give_people(
    *, campaign: Campaign, by: Actor, contacts: Sequence[Contact] = (), listing: Listing | None = None
) -> tuple[int, Upload | None]:
    """Adds to whom a campaign is for that has not begun; returns how many customers came, and the list.

    Whoever is on it already stays as they are. What was approved has to be approved again. Raises Conflict
    for a campaign that has begun or is shown on a site, and what `give_list` raises.
    """
    row = open_campaign(campaign, by=by)
    if row.kind == Kind.ONSITE:
        raise Conflict(_("A message on a site is for its visitors; there is no list of them."))
    upload = None
    if listing is not None:
        upload = give_list(
            campaign=row,
            data=as_list(listing.people),
            by=by,
            name=LIST_NAME,
            region=listing.region,
            gives_consent=listing.gives_consent,
        )
    return (_add(row, contacts) if contacts else 0), upload


def _add(row: Campaign, contacts: Sequence[Contact]) -> int:
    before = Recipient.objects.filter(campaign=row).count()
    add_recipients(row, contacts)
    row.source = Source.LIST
    row.take_approval_back()
    row.save(update_fields=["source", *APPROVAL, "updated_at"])
    return Recipient.objects.filter(campaign=row).count() - before


def read_lists(campaign: Campaign) -> None:
    """Reads what a campaign's lists still hold, now: for short ones, whose end somebody waits for.

    The job that was planned for a list finds it read. Must not be called inside a transaction.
    """
    unread = campaign.uploads.filter(status__in=(UploadStatus.WAITING, UploadStatus.READING))
    for number in unread.order_by("pk").values_list("pk", flat=True):
        while read_some(number):
            pass
