"""Finding work of webhooks that has no job, and removing what is old."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from api.enums import UNFINISHED_CALLS
from api.models import Webhook, WebhookCall, WebhookEvent
from api.tasks import plan_calls, plan_telling

AT_ONCE = 1_000


def sweep() -> None:
    """Plans telling while any webhook is active or anything is noted, and calls for those with any left."""
    active = Webhook.objects.filter(is_active=True)
    if active.exists() or WebhookEvent.objects.filter(name="").exists():
        plan_telling()
    waiting = WebhookCall.objects.filter(status__in=UNFINISHED_CALLS, webhook__is_active=True)
    for webhook_id in waiting.order_by().values_list("webhook_id", flat=True).distinct():
        plan_calls(str(webhook_id))


def remove_old() -> None:
    """Removes calls that ended long ago, and those that wait for a webhook that was switched off before that.

    Then the events that no call is left of.
    """
    before = timezone.now() - timedelta(days=settings.WEBHOOK_LOG_DAYS)
    stranded = Q(webhook__is_active=False, created_at__lt=before)
    _remove(WebhookCall.objects.filter(Q(ended_at__lt=before) | stranded))
    _remove(WebhookEvent.objects.filter(calls=None, happened_at__lt=before).exclude(name=""))


def _remove(rows: "QuerySet[Any]") -> None:
    """Deletes rows some at a time: Django reads each with what hangs on it, and nobody shall wait for all."""
    while found := list(rows.values_list("pk", flat=True)[:AT_ONCE]):
        rows.model.objects.filter(pk__in=found).delete()
