"""What was received, kept: to be taken in again, and in the end removed."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from conversations.actions.intake import AWAY, LARGE, take_in
from conversations.enums import Verdict
from conversations.models import InboundEvent
from conversations.tasks import plan_intake
from core.actor import Actor
from core.errors import Forbidden

# Long enough for a parser to be mended; what customers take back is in there, too.
RECEIPTS_KEPT = timedelta(days=7)


def replay(event_ids: Sequence[int], *, by: Actor) -> int:
    """Has receipts taken in again, whatever their verdict was; returns how many. Nothing is stored twice."""
    if not by.is_staff:
        raise Forbidden
    with transaction.atomic():
        events = InboundEvent.objects.filter(pk__in=event_ids)
        inboxes = set(events.values_list("inbox_id", flat=True))
        count = events.update(verdict=Verdict.RECEIVED, attempts=0, next_try_at=None, detail="")
        for inbox_id in inboxes:
            plan_intake(inbox_id)
    return count


def replay_now(event_id: int, *, by: Actor) -> InboundEvent:
    """Takes one receipt in again at once, for somebody who waits; returns it with its new verdict.

    A large one is left to the worker, and so is all while the database or the disk is away.
    """
    replay([event_id], by=by)
    event = InboundEvent.objects.select_related("inbox").get(pk=event_id)
    if len(event.body) <= LARGE:
        with suppress(*AWAY):
            take_in(event)
    return event


def delete_old_receipts() -> int:
    """Removes receipts that were understood a week ago; what was not understood stays."""
    old = InboundEvent.objects.filter(
        verdict__in=[Verdict.DONE, Verdict.IGNORED], received_at__lt=timezone.now() - RECEIPTS_KEPT
    )
    return old.delete()[0]
