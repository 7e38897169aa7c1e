"""The numbers of a campaign as its page shows them, each with the address of exactly those recipients."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from campaigns.admin.common import TONES, grouped, share_of
from campaigns.admin.figures import NAMES
from campaigns.admin.figures import TONES as FIGURE_TONES
from campaigns.enums import OVER, CampaignStatus
from campaigns.models import Campaign
from campaigns.queries.stats import Stats, course, stats
from campaigns.queries.waits import why_it_waits

Json = dict[str, Any]
KINDS = ("written", "replied", "opted_out")
PASSING = frozenset({"waiting", "sending", "unknown"})
# Of whom the provider took a message; the others are of all recipients.
OF_SENT = frozenset({"delivered", "read", "replied", "opted_out"})
RATES = ("delivered", "read", "replied")


def report_of(campaign: Campaign) -> Json:
    """Returns everything that the report shows."""
    now = timezone.now()
    found = stats(campaign)
    told = course(campaign, now)
    gone = found.recipients - found.waiting
    return {
        "figures": list(_figures(campaign, found)),
        "failures": [_failure(campaign, found, row) for row in found.failures],
        "left_out": [_left_out(campaign, found, row) for row in found.left_out],
        "variants": [_variant(campaign, row) for row in found.variants],
        "rates": [str(NAMES[name]) for name in RATES],
        "course": told,
        "steps": _steps(told),
        "gone": gone,
        "recipients": found.recipients,
        "progress": _("%(gone)s of %(all)s") % {"gone": grouped(gone), "all": grouped(found.recipients)},
        "waits": why_it_waits(campaign, now),
        "tone": TONES.get(CampaignStatus(campaign.status), ""),
        "is_over": campaign.status in OVER,
    }


def recipients_url(campaign: Campaign, **narrowed: Any) -> str:
    """Returns the address of the recipients behind a number."""
    query = urlencode({"campaign": str(campaign.pk), **narrowed})
    return f"{reverse('admin:campaigns_recipient_changelist')}?{query}"


def _figures(campaign: Campaign, found: Stats) -> Iterator[Json]:
    everybody = {"key": "recipients", "label": _("Recipients"), "value": grouped(found.recipients)}
    yield {**everybody, "share": "", "url": recipients_url(campaign), "tone": ""}
    for name, label in NAMES.items():
        count = getattr(found, name)
        whole = found.sent if name in OF_SENT else found.recipients
        # What is only on its way is shown while there is any: at the end nothing of it is left.
        if count or name not in PASSING:
            yield {
                "key": name,
                "label": str(label),
                "value": grouped(count),
                "share": share_of(count, whole),
                "url": recipients_url(campaign, number=name),
                "tone": FIGURE_TONES.get(name, "") if count else "",
            }
    if campaign.price:
        cost = grouped(found.cost, 2)
        yield {"key": "cost", "label": _("Cost"), "value": cost, "share": found.currency}


def _failure(campaign: Campaign, found: Stats, row: Json) -> Json:
    narrowed = {"number": "failed", "code": row["code"], "error": row["stored"]}
    return {
        "why": row["error"] or _("The provider gave no reason."),
        "code": row["code"],
        "count": grouped(row["count"]),
        "share": share_of(row["count"], found.recipients),
        "url": recipients_url(campaign, **narrowed),
    }


def _left_out(campaign: Campaign, found: Stats, row: Json) -> Json:
    return {
        "why": row["label"],
        "count": grouped(row["count"]),
        "share": share_of(row["count"], found.recipients),
        "url": recipients_url(campaign, number="skipped", reason=row["reason"]),
    }


def _variant(campaign: Campaign, row: Json) -> Json:
    sent = row["sent"]
    return {
        "label": row["label"] or "–",
        "recipients": grouped(row["recipients"]),
        "sent": grouped(sent),
        "url": recipients_url(campaign, variant=row["label"]),
        "rates": [
            {
                "label": str(NAMES[name]),
                "count": grouped(row[name]),
                "share": share_of(row[name], sent) or "–",
                "percent": round(100 * row[name] / sent, 1) if sent else 0,
                "url": recipients_url(campaign, variant=row["label"], number=name),
            }
            for name in RATES
        ],
    }


def _steps(told: Json) -> list[Json]:
    """Returns the course as rows of a table: when, and how many of each kind."""
    rows: dict[str, Json] = {}
    width = timedelta(seconds=told["seconds"])
    for step in told["steps"]:
        begun: datetime | None = parse_datetime(step["at"])
        row = rows.setdefault(
            step["at"],
            {"at": begun, "until": begun + width if begun else None, **dict.fromkeys(KINDS, "0")},
        )
        row[step["kind"]] = grouped(step["count"])
    return list(rows.values())
