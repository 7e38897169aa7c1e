"""A list of recipients as the page shows it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from campaigns.addresses import region_of
from campaigns.admin.common import grouped
from campaigns.enums import UploadStatus
from campaigns.models import Campaign, Upload
from core.reasons import said

SHOWN = 20


def lists_of(campaign: Campaign) -> list[Upload]:
    """Returns a campaign's lists without their text: that may be megabytes, and pages ask every second."""
    return list(campaign.uploads.defer("content"))


def usual_region(campaign: Campaign, uploads: Sequence[Upload], language: str) -> str:
    """Returns the country that numbers without one are likely of; "" where nothing tells.

    That of the last list, else of most whom the inbox knows, else of the reader's language.
    """
    given = next((row.region for row in uploads if row.region), "")
    if given:
        return given
    newest = campaign.inbox.identities.order_by("-pk").values_list("external_id", flat=True)[:SHOWN]
    found = Counter(region for each in newest if (region := region_of(each)))
    usual = found.most_common(1)
    return usual[0][0] if usual else language.partition("-")[2].upper()


def shown(upload: Upload) -> dict[str, Any]:
    """Returns a list as the page shows it: a line that became nobody is a bad one."""
    bad = upload.done - upload.added - upload.known
    rows = upload.bad.all()[:SHOWN] if bad else ()
    return {
        "row": upload,
        "bad": bad,
        "bad_rows": [(row.line, row.text, said(row.reason)) for row in rows],
        "is_being_read": upload.status in {UploadStatus.WAITING, UploadStatus.READING},
        "told": {name: grouped(getattr(upload, name)) for name in ("rows", "done", "added", "known")},
        "told_bad": grouped(bad),
        "error": said(upload.error),
    }
