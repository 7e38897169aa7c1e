"""A list of recipients as the page shows it."""

from typing import Any

from campaigns.admin.common import grouped
from campaigns.enums import UploadStatus
from campaigns.models import Campaign, Upload
from core.reasons import said

SHOWN = 20


def lists_of(campaign: Campaign) -> list[Upload]:
    """Returns a campaign's lists without their text: that may be megabytes, and pages ask every second."""
    return list(campaign.uploads.defer("content"))


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
