"""Calling again what was called before, and calling to see whether anybody is there."""

from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.queries import require_admin
from api.actions.answering import settle
from api.actions.calling import made
from api.actions.claiming import Claim, claim_locked
from api.actions.shaping import told
from api.enums import CallStatus, EventName, Topic
from api.models import Webhook, WebhookCall, WebhookEvent
from api.tasks import plan_calls
from api.webhook_queries import call_by_id
from core.actor import Actor
from core.errors import Conflict


def send_test(*, webhook: Webhook, by: Actor) -> WebhookCall:
    """Sends a `ping` now, once, and returns its call with what came of it; raises Forbidden.

    Waits for the receiver, so it must not run in a transaction. A webhook that is switched off is called too.
    """
    require_admin(by)
    found = _claimed_ping(webhook)
    settle(found, made(found))
    return call_by_id(webhook, found.call_id)


@transaction.atomic(durable=True)
def _claimed_ping(webhook: Webhook) -> Claim:
    """Makes the call and takes it at once, so that no worker does."""
    event = WebhookEvent.objects.create(topic=Topic.PING, subject=uuid4(), kind="ping", name=EventName.PING)
    event.refresh_from_db()
    event.body = told([event])[event.number].body
    event.save(update_fields=["body"])
    call = WebhookCall.objects.create(webhook=webhook, event=event, subject=event.subject)
    return claim_locked(call, timezone.now(), is_planned=True)


@transaction.atomic
def replay_call(*, webhook: Webhook, call_id: int, by: Actor) -> WebhookCall:
    """Has a call made again, under the same id, however it ended; one that waits goes at once.

    Its plan of retries begins anew. Raises Forbidden, NotFound, and Conflict while it is being made or its
    webhook is switched off.
    """
    require_admin(by)
    _require_active(webhook)
    call = call_by_id(webhook, call_id)
    rows = WebhookCall.objects.filter(pk=call.pk).exclude(status=CallStatus.CALLING)
    if not _again(rows):
        raise Conflict(_("This call is being made just now."))
    plan_calls(str(webhook.pk))
    return call_by_id(webhook, call_id)


@transaction.atomic
def replay_failed(*, webhook: Webhook, by: Actor, since: datetime) -> int:
    """Has every call made again that was given up, of what happened since a moment; returns how many.

    Raises Forbidden, and Conflict while the webhook is switched off.
    """
    require_admin(by)
    _require_active(webhook)
    failed = WebhookCall.objects.filter(webhook=webhook, status=CallStatus.FAILED)
    count = _again(failed.filter(event__happened_at__gte=since).exclude(event__topic=Topic.PING))
    if count:
        plan_calls(str(webhook.pk))
    return count


def _again(rows: "QuerySet[WebhookCall]") -> int:
    return rows.update(status=CallStatus.WAITING, step=1, next_try_at=None, ended_at=None)


def _require_active(webhook: Webhook) -> None:
    if not webhook.is_active:
        raise Conflict(_("This webhook is switched off."))
