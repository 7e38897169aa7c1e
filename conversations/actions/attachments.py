"""Files that customers and operators send."""

import logging
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Exists, ManyToOneRel, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import Attachment, Inbox
from core.errors import Invalid, TooLarge, Unavailable
from core.outages import DatabaseFailure
from core.pictures import FORMATS, safe_content

logger = logging.getLogger(__name__)

# First bytes of each binary type we take: a name or a header proves nothing.
SIGNATURES = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "application/pdf": (b"%PDF-",),
}
UNCLAIMED_FOR = timedelta(days=1)


def add_attachment(*, inbox: Inbox, uploader: str, upload: UploadedFile[Any]) -> Attachment:
    """Stores a file before the message that will carry it; `uploader` alone may send it.

    A picture is written anew, without what it says about where it was taken. Raises TooLarge (before and
    after that), Invalid (type not allowed, content that is not of the type it claims, a picture that cannot
    be read) and Unavailable while files cannot be stored. Call it outside any transaction: files may lie on
    somebody else's server.
    """
    _check_size(upload.size or 0)
    claimed = checked_type(upload)
    content, kind = safe_content(upload.read(), claimed)
    if claimed in FORMATS and kind not in FORMATS:
        detail = _("This picture cannot be read, or is too large to be shown.")
        raise Invalid(detail, field="file")
    _check_size(len(content))
    row = Attachment(
        inbox=inbox,
        uploader=uploader,
        name=shown_name(upload.name or ""),
        content_type=kind,
        size=len(content),
    )
    _store(row, content)
    return row


def _check_size(size: int) -> None:
    if size > settings.MAX_ATTACHMENT_BYTES:
        detail = _("A file may have %d MB.") % (settings.MAX_ATTACHMENT_BYTES // 1024 // 1024)
        raise TooLarge(detail, field="file")


def _store(row: Attachment, content: bytes) -> None:
    """Writes the content, then the row that names it; content without a row does not stay behind."""
    try:
        row.file.save(row.pk.hex, ContentFile(content), save=False)
    except OSError as error:
        logger.warning("a file cannot be stored: %s", error)
        raise Unavailable(_("Files cannot be stored at the moment. Please try again.")) from error
    try:
        row.save(force_insert=True)
    except DatabaseFailure:
        row.file.delete(save=False)
        raise


@transaction.atomic(durable=True)
def delete_unclaimed_attachments() -> int:
    """Removes files that nothing has named for a day, rows and contents; returns how many.

    A row that a message claims at this moment is left alone, by its lock or by the claim's own condition. A
    content that another row has as well stays: a file of many messages lies there once.
    """
    old = Attachment.objects.filter(message=None, created_at__lt=timezone.now() - UNCLAIMED_FOR)
    rows = list(old.exclude(_named_elsewhere()).select_for_update(of=("self",), skip_locked=True))
    Attachment.objects.filter(pk__in=[row.pk for row in rows]).delete()
    contents = [row.file.name for row in rows]
    shared = set(Attachment.objects.filter(file__in=contents).values_list("file", flat=True))
    for row in rows:
        if row.file.name not in shared:
            # The content goes once the row is gone: a row without its file would be the worse half.
            transaction.on_commit(partial(row.file.delete, save=False), robust=True)
    return len(rows)


def _named_elsewhere() -> Q:
    """Returns what is true of a file that a row of any other table names, those of apps above included."""
    found = Q(pk__in=[])
    for relation in Attachment._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel):
            rows = relation.related_model._meta.base_manager
            found |= Q(Exists(rows.filter(**{relation.field.name: OuterRef("pk")})))
    return found


def shown_name(name: str) -> str:
    """Returns the name without folders and without what a header cannot hold or a reader would not see."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(filter(str.isprintable, last)).strip()[:200] or "file"


def checked_type(upload: UploadedFile[Any]) -> str:
    """Returns the file's type when it is allowed and its first bytes agree."""
    claimed = (upload.content_type or "").split(";")[0].strip().lower()
    head = upload.read(512)
    upload.seek(0)
    known = SIGNATURES.get(claimed)
    if claimed == "image/webp":
        # RIFF holds sound and film as well; what it holds is said after its length.
        honest = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    else:
        honest = head.startswith(known) if known else b"\x00" not in head
    if claimed not in settings.ATTACHMENT_TYPES or not head or not honest:
        detail = _("This type of file is not accepted.")
        raise Invalid(detail, field="file")
    return claimed
