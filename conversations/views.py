"""Files by signed, short-lived address."""

from typing import cast

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from conversations.models import Attachment
from conversations.queries.wire import ATTACHMENT_SALT
from core.pictures import FORMATS

# An address lives for a day: long enough for a page left open, too short to be passed around.
LINK_SECONDS = 24 * 3600


@require_safe
def attachment(request: HttpRequest, signed: str) -> HttpResponse:
    """Serves a file as a download, whatever it is; only pictures that we accept are shown in place."""
    del request
    try:
        pk = cast("str", signing.loads(signed, salt=ATTACHMENT_SALT, max_age=LINK_SECONDS))
    except signing.BadSignature as error:
        raise Http404 from error
    row = Attachment.objects.filter(pk=pk).first()
    if row is None or not row.file:  # one that is still being fetched
        raise Http404
    is_picture = row.content_type in FORMATS
    # Whole, since files are small by limit, and Django would gather a file's stream under ASGI anyway.
    try:
        with row.file.open() as file:
            response = HttpResponse(file.read(), content_type=row.content_type)
    except FileNotFoundError as error:  # the disk was restored to an earlier day than the database
        raise Http404 from error
    response["Content-Disposition"] = content_disposition_header(not is_picture, row.name) or "inline"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = "private, max-age=3600"
    return response
