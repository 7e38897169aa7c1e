"""What a client has read: the tag of an answer, and the conditions it may tie a request to.

A tag has two parts: the version of the row, which is what an edit is about, and a digest of the whole
answer, which is what a cache is about. An edit compares the first only: that a customer was renamed
meanwhile does not stand in the way of closing their ticket. https://www.rfc-editor.org/rfc/rfc9110#section-13
"""

from typing import Any

from django.db.models import Model
from rest_framework.request import Request

from core.versions import digest, version_of

ANY = "*"


def etag_of(shown: Any, data: Any) -> str:
    """Returns the tag of an answer about a row; what is no row has a version of its own content."""
    whole = digest(data)
    return f'"{version_of(shown) if isinstance(shown, Model) else whole}.{whole}"'


def is_known(request: Request, etag: str) -> bool:
    """True when the sender has this very answer already."""
    known = _tags(request.headers.get("If-None-Match", ""))
    return ANY in known or etag.strip('"') in known


def expected_version(request: Request) -> str | None:
    """Returns the version that the sender wants to change; None when any will do.

    Of several tags the first counts: nobody has read a row in several states.
    """
    tags = _tags(request.headers.get("If-Match", ""))
    if not tags or tags == [ANY]:
        return None
    return tags[0].partition(".")[0]


def _tags(header: str) -> list[str]:
    """Returns the tags of a header. A proxy that compresses marks them as weak: nothing changes here."""
    return [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",") if tag.strip()]
