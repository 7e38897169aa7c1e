"""Webhooks: administrators'."""

from django.utils import timezone

from api.actions.webhooks import create_webhook
from api.enums import CallStatus, Topic
from api.models import Webhook, WebhookAttempt, WebhookCall, WebhookEvent
from core.actor import Actor
from tests.api.rows import Row, Side, Who

ONE = "api/v1/webhooks/<uuid:webhook_id>"
CALL = f"{ONE}/calls/<int:call_id>"
# An address inside, where nobody is ever asked.
NOWHERE = "http://nowhere.invalid/hooks"


def webhook_of(side: Side) -> Webhook:
    """The team's webhook, made when it is first asked for."""
    known = Webhook.objects.filter(teams=side.team).first()
    if known is not None:
        return known
    row, _secret = create_webhook(by=Actor.system(), url=NOWHERE, teams=[side.team])
    call_for(row, side)
    return row


def call_for(webhook: Webhook, side: Side) -> WebhookCall:
    """A call that was given up after one try."""
    event = WebhookEvent.objects.create(
        topic=Topic.CONVERSATION, subject=side.conversation.pk, seq=1, kind="message.created",
        name="message.created", body='{"type": "message.created"}',
    )  # fmt: skip
    call = WebhookCall.objects.create(
        webhook=webhook, event=event, subject=event.subject, status=CallStatus.FAILED,
        ended_at=timezone.now(), attempts=1,
    )  # fmt: skip
    WebhookAttempt.objects.create(call=call, at=timezone.now(), status=500, duration_ms=3)
    return call


IDS = {
    "webhook_id": lambda side: webhook_of(side).pk,
    "call_id": lambda side: webhook_of(side).calls.earliest("pk").pk,
}
ROWS = {
    ("api/v1/webhooks", "get"): Row(who=Who.ADMINS, lists=0),
    ("api/v1/webhooks", "post"): Row(201, body={"url": "https://shop.example/hooks"}, who=Who.ADMINS),
    ("api/v1/webhooks/events", "get"): Row(who=Who.ADMINS),
    (ONE, "get"): Row(who=Who.ADMINS),
    (ONE, "patch"): Row(body={"description": "Loja"}, who=Who.ADMINS),
    (ONE, "delete"): Row(204, who=Who.ADMINS),
    (f"{ONE}/rotate", "post"): Row(body={}, who=Who.ADMINS),
    (f"{ONE}/test", "post"): Row(201, who=Who.ADMINS),
    (f"{ONE}/replay", "post"): Row(body={"since": "2026-01-01T00:00:00Z"}, who=Who.ADMINS),
    (f"{ONE}/calls", "get"): Row(who=Who.ADMINS, lists=0),
    (CALL, "get"): Row(who=Who.ADMINS),
    (f"{CALL}/replay", "post"): Row(who=Who.ADMINS),
}


def grow(side: Side, number: int) -> None:
    """One more webhook, and one more call of the first that was tried twice."""
    row = webhook_of(side)
    create_webhook(by=Actor.system(), url=f"{NOWHERE}/{number}", teams=[side.team])
    call = call_for(row, side)
    WebhookAttempt.objects.create(call=call, at=timezone.now(), status=502, duration_ms=9)
