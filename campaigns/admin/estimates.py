"""How long a campaign will take."""

from math import ceil

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign
from campaigns.queries.pace import DAY, daily_limit, per_second

HOUR, HOURS = 60, 24


def duration(campaign: Campaign, count: int) -> str:
    """Returns how long so many messages take at the campaign's pace, without quiet hours and pauses."""
    seconds = count / per_second(campaign)
    if limit := daily_limit(campaign):
        # The first day's are sent at once, the next ones a day later.
        seconds = max(seconds, (ceil(count / limit) - 1) * DAY.total_seconds())
    minutes = max(1, round(seconds / 60))
    if minutes < HOUR:
        return ngettext("about %d minute", "about %d minutes", minutes) % minutes
    hours, rest = divmod(minutes, HOUR)
    if hours >= HOURS:
        days = round(hours / HOURS)
        return ngettext("about %d day", "about %d days", days) % days
    return _("about %(hours)d h %(minutes)d min") % {"hours": hours, "minutes": rest}
