"""Files by signed, short-lived address."""

from typing import cast

from django.core import signing
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from conversations.models import Attachment
from conversations.queries.wire import ATTACHMENT_SALT

# An address lives for a day: long enough for a page left open, too short to be passed around.
LINK_SECONDS = 24 * 3600


@require_safe
def attachment(request: HttpRequest, signed: str) -> FileResponse:
    """Serves a file as a download, whatever it is; only pictures that we accept are shown in place."""
    del request
    try:
        pk = cast("str", signing.loads(signed, salt=ATTACHMENT_SALT, max_age=LINK_SECONDS))
    except signing.BadSignature as error:
        raise Http404 from error
    row = Attachment.objects.filter(pk=pk).first()
    if row is None:
        raise Http404
    inline = row.content_type.startswith("image/")
    response = FileResponse(
        row.file.open(), as_attachment=not inline, filename=row.name, content_type=row.content_type
    )
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = "private, max-age=3600"
    return response
