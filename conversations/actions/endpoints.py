"""Asking a provider about an inbox: whether it works, to be connected, for its templates.

The provider is asked outside any transaction, and what it said is written in one of its own.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from conversations.actions.receipts import show
from conversations.channels import (
    ChannelConfig,
    InboxBroken,
    SendFailed,
    SendLater,
    SendUnclear,
    adapter,
)
from conversations.enums import DeliveryStatus, Light
from conversations.exchange import Check, Template
from conversations.models import UNFINISHED, Delivery, Inbox, InboxState, MessageTemplate
from conversations.queries.inboxes import webhook_url
from conversations.tasks import plan_delivery
from core.actor import Actor
from core.errors import Forbidden
from core.reasons import reason

# As many conversations are woken at once; the others find the way free when their own time comes.
WOKEN = 500
LONGEST_DETAIL = 500


def test_inbox(*, inbox: Inbox, by: Actor) -> InboxState:
    """Asks the provider whether the settings work, and returns the state with what it said.

    A failure is a state and no error. Success ends a pause after failures, and what waits is tried now.
    Blocks 20 s at most. Raises Forbidden for all but staff.
    """
    _require_staff(by)
    return _write_check(inbox, _asked(inbox, adapter(inbox.channel).test))


def connect_inbox(*, inbox: Inbox, by: Actor) -> InboxState:
    """Tells the provider the address of our door, where it can be told, and returns the state after.

    Where it cannot, the state says what is left to do. Otherwise as `test_inbox`.
    """
    _require_staff(by)

    def connect(config: ChannelConfig) -> Check:
        return adapter(inbox.channel).connect(config, url=webhook_url(inbox), secret=inbox.secret)

    return _write_check(inbox, _asked(inbox, connect))


def sync_templates(*, inbox: Inbox, by: Actor) -> int:
    """Fetches the provider's templates and returns how many there are; those it no longer has go.

    Raises SendFailed's kinds when the provider cannot be asked, and changes nothing then; Forbidden for all
    but staff.
    """
    _require_staff(by)
    spoken = adapter(inbox.channel)
    try:
        found = spoken.templates(spoken.config.model_validate(inbox.config))
    except ValidationError as error:
        raise InboxBroken(_incomplete(error)) from error
    _write_templates(inbox, found)
    return len(found)


def _require_staff(by: Actor) -> None:
    if not by.is_staff:
        raise Forbidden


def _asked(inbox: Inbox, ask: Callable[[Any], Check]) -> Check:
    """Returns what the provider said; what keeps it from saying anything is a light too."""
    try:
        return ask(adapter(inbox.channel).config.model_validate(inbox.config))
    except ValidationError as error:
        return Check(Light.RED, _incomplete(error))
    except (SendLater, SendUnclear) as error:
        return Check(Light.YELLOW, error.detail)
    except SendFailed as error:
        return Check(Light.RED, error.detail)


def _incomplete(error: ValidationError) -> str:
    """Names the settings that are missing or wrong, never their values."""
    names = {str(each["loc"][0]) for each in error.errors(include_input=False) if each["loc"]}
    return reason("These settings are missing or wrong: %s.", ", ".join(sorted(names)))


@transaction.atomic(durable=True)
def _write_check(inbox: Inbox, check: Check) -> InboxState:
    now = timezone.now()
    if check.light == Light.GREEN:
        wake_deliveries(inbox)
    state, _made = InboxState.objects.select_for_update().get_or_create(inbox=inbox)
    state.light, state.detail, state.checked_at = check.light, check.detail[:LONGEST_DETAIL], now
    # A code to scan stays until another one comes or nobody needs one.
    if check.details or check.light == Light.GREEN:
        state.details = dict(check.details)
    if check.light == Light.GREEN:
        state.failures, state.not_before = 0, None
    state.save(update_fields=["light", "detail", "checked_at", "details", "failures", "not_before"])
    return state


@transaction.atomic
def switch_inbox(*, inbox: Inbox, is_active: bool, by: Actor) -> Inbox:
    """Switches an inbox on or off: off, it takes nothing in and holds what is to be sent; on, it goes on.

    The day for which a message is tried begins anew. Raises Forbidden for all but staff.
    """
    _require_staff(by)
    Inbox.objects.filter(pk=inbox.pk).update(is_active=is_active)
    inbox.is_active = is_active
    held = Delivery.objects.filter(inbox=inbox, status__in=UNFINISHED)
    if is_active:
        rows = held.exclude(attempts=0).select_for_update().order_by("conversation_id", "seq", "part")
        locked = list(rows.values_list("pk", flat=True))
        Delivery.objects.filter(pk__in=locked).update(created_at=timezone.now())
        wake_deliveries(inbox)
    for delivery in held.order_by("-created_at")[:WOKEN]:
        show(delivery)
    return inbox


def wake_deliveries(inbox: Inbox) -> None:
    """Has what waits after a failure tried now: whoever has mended an inbox does not want to wait an hour.

    Comes before the inbox's state is changed: whoever sends has the delivery first.
    """
    waiting = Delivery.objects.filter(inbox=inbox, status=DeliveryStatus.QUEUED, next_try_at__isnull=False)
    woken = set(waiting.order_by("created_at").values_list("conversation_id", flat=True)[:WOKEN])
    rows = waiting.filter(conversation_id__in=woken).select_for_update()
    locked = list(rows.order_by("conversation_id", "seq", "part").values_list("pk", flat=True))
    list(InboxState.objects.select_for_update().filter(inbox=inbox).values("pk"))
    Delivery.objects.filter(pk__in=locked).update(next_try_at=None)
    for conversation_id in woken:
        plan_delivery(str(conversation_id))


@transaction.atomic(durable=True)
def _write_templates(inbox: Inbox, found: Sequence[Template]) -> None:
    now = timezone.now()
    rows = {(each.name[:512], each.language[:16]): each for each in found}
    MessageTemplate.objects.bulk_create(
        (_template(inbox, each, now) for each in rows.values()),
        update_conflicts=True,
        unique_fields=["inbox", "name", "language"],
        update_fields=["category", "status", "body", "variables", "details", "synced_at"],
    )
    MessageTemplate.objects.filter(inbox=inbox, synced_at__lt=now).delete()


def _template(inbox: Inbox, found: Template, now: datetime) -> MessageTemplate:
    return MessageTemplate(
        inbox=inbox,
        name=found.name[:512],
        language=found.language[:16],
        category=found.category[:32],
        status=found.status[:32],
        body=found.body,
        variables=[each[:80] for each in found.variables],
        details={**found.details, **({"header_format": header} if (header := found.header_format) else {})},
        synced_at=now,
    )
