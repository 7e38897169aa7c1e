"""Files of channels: kept when they came along, fetched by a job when they were only announced."""

import logging
from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from conversations.actions.attachments import shown_name
from conversations.actions.record import lock, tell_change
from conversations.channels import InboxBroken, SendFailed, SendRefused, adapter
from conversations.enums import FileStatus
from conversations.exchange import File, Media
from conversations.models import Attachment, Inbox, Message
from conversations.tasks import fetch_file
from core import queue
from core.actor import Actor
from core.errors import TooLarge
from core.outages import DatabaseFailure
from core.pictures import safe_content
from core.reasons import reason
from core.storable import storable
from core.threads import in_network_thread, in_own_thread, in_thread

logger = logging.getLogger(__name__)
FETCH_ATTEMPTS = 10
MAX_SIZE = 2**31 - 1
FIRST_PAUSE, LONGEST_PAUSE = 5, 3600


def keep_file(inbox: Inbox, file: File, *, uploader: str, number: int = 0) -> Attachment:
    """Stores a file of a message about to be written: its content, or what is needed to fetch it.

    A file that is larger than allowed is kept by name only, so that people see that there was one.
    """
    row = Attachment(
        inbox=inbox,
        uploader=uploader[:210],
        name=shown_name(file.name) if file.name else _name(file, number),
        content_type=(file.content_type.partition(";")[0].strip().lower() or "application/octet-stream")[
            :100
        ],
        # What is announced may be any number; the column holds two gigabytes.
        size=min(max(file.size, 0), MAX_SIZE),
        reference=dict(file.reference),
        content_id=file.content_id[:255],
        status=FileStatus.PENDING,
    )
    if file.content is not None:
        put(row, Media(file.content))
    elif file.size > settings.MAX_ATTACHMENT_BYTES:
        row.status, row.error = FileStatus.FAILED, reason("The file is larger than allowed.")
    row.save(force_insert=True)
    return row


def _name(file: File, number: int) -> str:
    kind = file.content_type.partition(";")[0]
    ending = kind.rpartition("/")[2].rpartition("+")[0] or kind.rpartition("/")[2] or "bin"
    return shown_name(f"file-{number + 1}.{ending}")


def put(row: Attachment, media: Media) -> None:
    """Gives a row its content, made harmless; the row is not saved. Raises OSError."""
    if len(media.content) > settings.MAX_ATTACHMENT_BYTES:
        row.status, row.error = FileStatus.FAILED, reason("The file is larger than allowed.")
        return
    content, kind = safe_content(media.content, media.content_type or row.content_type)
    row.file.save(uuid4().hex, ContentFile(content), save=False)
    row.content_type, row.size, row.status, row.error = kind[:100], len(content), FileStatus.READY, ""


async def fetch(attachment_id: str) -> None:
    """Fetches an announced file, with its text shown meanwhile; tried for hours, then shown as failed."""
    row = await in_thread(_waiting, attachment_id)
    if row is None:
        return
    channel = adapter(row.inbox.channel)
    config = channel.config.model_validate(row.inbox.config)
    file = File(row.reference, row.name, row.content_type, row.size, content_id=row.content_id)
    try:
        media = await in_network_thread(channel.fetch, file, config, max_bytes=settings.MAX_ATTACHMENT_BYTES)
        # Writing pictures anew takes long, and so may the place where files lie: not in a shared thread.
        await in_own_thread(_keep, row, media)
    except DatabaseFailure:
        raise
    except (TooLarge, SendRefused) as error:
        await in_thread(_fail, row, error.detail)
    except (SendFailed, OSError) as error:
        await in_thread(_again, row, str(error), is_broken=isinstance(error, InboxBroken))
    except Exception as error:
        logger.exception("an adapter failed while it fetched file %s", attachment_id)
        await in_thread(_again, row, f"{type(error).__name__}: {error}", is_broken=False)


def _waiting(attachment_id: str) -> Attachment | None:
    rows = Attachment.objects.filter(pk=attachment_id, status=FileStatus.PENDING)
    return rows.select_related("inbox").first()


def _keep(row: Attachment, media: Media) -> None:
    if media.name and not row.name:
        row.name = shown_name(media.name)
    put(row, media)
    if not settle_file(row, **{name: getattr(row, name) for name in SAVED}):
        # Its message was taken back meanwhile, or somebody else was quicker: no copy may stay behind.
        row.file.delete(save=False)


SAVED = ("file", "name", "content_type", "size", "status", "error")


def _fail(row: Attachment, why: str) -> None:
    settle_file(row, status=FileStatus.FAILED, error=storable(why)[:300])


def _again(row: Attachment, why: str, *, is_broken: bool) -> None:
    if row.attempts + 1 >= FETCH_ATTEMPTS and not is_broken:
        _fail(row, why)
        return
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(row.attempts, 10))
    with transaction.atomic():
        Attachment.objects.filter(pk=row.pk).update(
            attempts=min(row.attempts + 1, FETCH_ATTEMPTS), error=storable(why)[:300]
        )
        at = timezone.now() + timedelta(seconds=pause)
        queue.defer(fetch_file, queueing_lock=f"fetch:{row.pk}", at=at, attachment_id=str(row.pk))


@transaction.atomic
def settle_file(file: Attachment, /, **fields: object) -> bool:
    """Saves what became of a file that was waited for and shows it with its message.

    Returns False, and saves nothing, when the file is gone or nobody waits for it any more.
    """
    message = Message.objects.filter(attachments=file.pk).first()
    # First the conversation, then its files, as everybody does who changes both.
    conversation = lock(message.conversation_id, by=Actor.system()) if message else None
    waiting = Attachment.objects.filter(pk=file.pk, status=FileStatus.PENDING)
    if not waiting.update(**fields):
        return False
    if conversation is not None and message is not None:
        tell_change(conversation, message)
    return True
