"""Files by signed, short-lived address."""

from typing import cast

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from conversations.enums import FileStatus
from conversations.models import Attachment
from conversations.queries.wire import ATTACHMENT_SALT
from core.pictures import FORMATS, OPAQUE, PLAYED
from core.threads import in_network_thread

# An address lives for a day: long enough for a page left open, too short to be passed around.
LINK_SECONDS = 24 * 3600
IN_PLACE = {*FORMATS, *PLAYED}
# Every other type is what a stranger called it, and is not repeated.
NAMED = {*IN_PLACE, "application/pdf", "text/plain", "text/csv"}
# Opened as a page of its own, a file may show itself and do nothing else.
POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; sandbox"
RETRY_SECONDS = 10


@require_safe
async def attachment(request: HttpRequest, signed: str) -> HttpResponse:
    """Serves a file as a download, whatever it is; pictures that we wrote, sound and film are shown in place.

    404 for a file whose content is not here, with why in words; 503 while the place where files lie does not
    answer.
    """
    del request
    try:
        pk = cast("str", signing.loads(signed, salt=ATTACHMENT_SALT, max_age=LINK_SECONDS))
    except signing.BadSignature as error:
        raise Http404 from error
    row = await Attachment.objects.filter(pk=pk).afirst()
    if row is None:
        raise Http404
    if row.status != FileStatus.READY or not row.file:
        return absent(row)
    try:
        # Whole, since files are small by limit, and Django would gather a file's stream under ASGI anyway.
        content = await in_network_thread(content_of, row)
    except FileNotFoundError as error:  # the disk was restored to an earlier day than the database
        raise Http404 from error
    except OSError:
        text = _("The file cannot be read at the moment. Please try again.")
        return told(HttpResponse(text, status=503, headers={"Retry-After": RETRY_SECONDS}))
    return shown(row, content)


def content_of(row: Attachment) -> bytes:
    """Reads a file whole, from wherever it lies; asks no database."""
    with row.file.open() as file:
        return cast("bytes", file.read())


def absent(row: Attachment) -> HttpResponse:
    """Says why there is nothing to serve; the provider's own words are for the staff's pages."""
    if row.status == FileStatus.PENDING:
        return told(HttpResponseNotFound(_("The file is still being fetched. Please try again in a moment.")))
    return told(HttpResponseNotFound(_("The file could not be fetched.")))


def told(answer: HttpResponse) -> HttpResponse:
    """Makes an answer plain words that nobody keeps."""
    answer["Content-Type"] = "text/plain; charset=utf-8"
    answer["Cache-Control"] = "no-store"
    return answer


def shown(row: Attachment, content: bytes) -> HttpResponse:
    """Returns the file itself."""
    kind = row.content_type if row.content_type in NAMED else OPAQUE
    response = HttpResponse(content, content_type=kind)
    disposition = content_disposition_header(kind not in IN_PLACE, row.name)
    response["Content-Disposition"] = disposition or "inline"
    response["Content-Security-Policy"] = POLICY
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = "private, max-age=3600"
    return response
