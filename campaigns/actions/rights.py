"""Who may have to do with campaigns."""

from django.utils.translation import gettext as _

from campaigns.models import Campaign
from core.actor import Actor
from core.errors import Conflict, Forbidden, NotFound
from core.versions import require_version


def require_lead(by: Actor) -> None:
    """Raises Forbidden for all but team leads, administrators, programs with a key, and the system."""
    if not (by.is_staff and by.leads):
        raise Forbidden


def locked_campaign(campaign: Campaign, *, by: Actor, expected: str | None = None) -> Campaign:
    """Returns a campaign with its row locked; raises Forbidden, or NotFound for one of other teams.

    Raises Changed when it is not in the `expected` version any more. Needs a transaction. The campaign comes
    first of all locks, then its recipients.
    """
    require_lead(by)
    rows = Campaign.objects.visible_to(by).select_for_update(of=("self",)).select_related("inbox")
    found = rows.filter(pk=campaign.pk).first()
    if not isinstance(found, Campaign):
        raise NotFound
    require_version(found, expected)
    return found


def open_campaign(campaign: Campaign, *, by: Actor, expected: str | None = None) -> Campaign:
    """Returns a campaign that has not begun, with its row locked; raises Conflict for one that has."""
    row = locked_campaign(campaign, by=by, expected=expected)
    if not row.is_open:
        raise Conflict(_("A campaign that has begun cannot be changed."))
    return row
