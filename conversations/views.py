"""Files by signed, short-lived address, for those who may still read them."""

from functools import partial
from typing import cast

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.models import User
from conversations.enums import Direction, FileStatus
from conversations.models import Attachment, Conversation
from conversations.queries.wire import ATTACHMENT_SALT, Reader
from core.pictures import FORMATS, OPAQUE, PLAYED
from core.threads import Kind, patient

# Long enough for a page left open; what anybody may follow who holds it, only for those it was made for.
LINK_SECONDS = {Reader.CUSTOMER: 24 * 3600, Reader.STAFF: 24 * 3600, Reader.HOLDER: 3600}
IN_PLACE = {*FORMATS, *PLAYED}
# Every other type is what a stranger called it, and is not repeated.
NAMED = {*IN_PLACE, "application/pdf", "text/plain", "text/csv"}
# Opened as a page of its own, a file may show itself and do nothing else.
POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; sandbox"
RETRY_SECONDS = 10


@partial(patient, kind=Kind.FILES)
@require_safe
def attachment(request: HttpRequest, signed: str) -> HttpResponse:
    """Serves a file as a download, whatever it is; pictures that we wrote, sound and film are shown in place.

    404 for a file that its reader may not have (any more) or whose content is not here, with why in words;
    503 while the place where files lie does not answer.
    """
    row = found(request, *named(signed))
    if row.status != FileStatus.READY or not row.file:
        return absent(row)
    try:
        # Whole, since files are small by limit, and Django would gather a file's stream under ASGI anyway.
        content = content_of(row)
    except FileNotFoundError as error:  # the disk was restored to an earlier day than the database
        raise Http404 from error
    except OSError:
        text = _("The file cannot be read at the moment. Please try again.")
        return told(HttpResponse(text, status=503, headers={"Retry-After": RETRY_SECONDS}))
    return shown(row, content)


def named(signed: str) -> tuple[str, Reader]:
    """Returns the file that an address names, and for whom it was made; raises Http404."""
    try:
        pk, kind = signing.loads(signed, salt=ATTACHMENT_SALT, max_age=max(LINK_SECONDS.values()))
        reader = Reader(kind)
        signing.loads(signed, salt=ATTACHMENT_SALT, max_age=LINK_SECONDS[reader])
    except (signing.BadSignature, ValueError) as error:
        raise Http404 from error
    return pk, reader


def found(request: HttpRequest, pk: str, reader: Reader) -> Attachment:
    """Returns the file if its reader may have it now; raises Http404."""
    row = Attachment.objects.select_related("message").filter(pk=pk).first()
    if row is None or not (is_seen_by(request.user, row) if reader == Reader.STAFF else is_public(row)):
        raise Http404
    return row


def is_seen_by(user: object, row: Attachment) -> bool:
    """Says whether somebody who is signed in may see the conversation of a file.

    One that is not sent yet has none, and only who uploaded it was told its address.
    """
    if not isinstance(user, User) or not user.is_staff:
        return False
    seen = Conversation.objects.visible_to(user.as_actor())
    return row.message is None or seen.filter(pk=row.message.conversation_id).exists()


def is_public(row: Attachment) -> bool:
    """Says whether a file is there for those outside: not in a note, not taken back."""
    message = row.message
    return message is None or (message.deleted_at is None and message.direction != Direction.NOTE)


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
