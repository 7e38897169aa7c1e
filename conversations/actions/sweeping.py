"""Finding work that nobody was woken for: the answer to every lost hint and dead worker."""

import contextlib
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from conversations.actions.planning import plan_fetching
from conversations.actions.resuming import YOUNG, resume
from conversations.channels import adapter
from conversations.enums import FileStatus, Verdict
from conversations.models import UNFINISHED, Attachment, Delivery, InboundEvent, Inbox
from conversations.tasks import plan_intake, pull
from core import queue

AT_ONCE = 500


def sweep() -> None:
    """Plans, for receipts, deliveries, files and inboxes, what is due and may have no job."""
    now = timezone.now()
    waiting = InboundEvent.objects.filter(
        Q(next_try_at=None, received_at__lt=now - YOUNG) | Q(next_try_at__lte=now), verdict=Verdict.RECEIVED
    )
    for inbox_id in waiting.values_list("inbox_id", flat=True).distinct():
        plan_intake(inbox_id)
    unfinished = Delivery.objects.filter(status__in=UNFINISHED)
    for inbox_id in unfinished.values_list("inbox_id", flat=True).distinct():
        # Its channel may be gone; the admin says so.
        with contextlib.suppress(KeyError):
            resume(inbox_id, young=YOUNG)
    pending = Attachment.objects.filter(
        status=FileStatus.PENDING, message__isnull=False, created_at__lt=now - timedelta(minutes=2)
    )
    for file in pending[:AT_ONCE]:
        plan_fetching(file)
    plan_pulls()


def plan_pulls() -> None:
    """Keeps one job running for each inbox that has to be asked."""
    for inbox in Inbox.objects.filter(is_active=True).exclude(channel="web"):
        try:
            channel = adapter(inbox.channel)
            pulls = channel.pulls(channel.config.model_validate(inbox.config))
        except (KeyError, ValueError):
            # Its channel is gone or its settings are not complete; the admin says so.
            continue
        if pulls:
            key = f"pull:{inbox.pk}"
            queue.defer(pull, lock=key, queueing_lock=key, inbox_id=inbox.pk)
