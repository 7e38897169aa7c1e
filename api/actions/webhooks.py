"""Setting up webhooks: who is told, of what, and the secrets that sign it. Administrators only."""

import base64
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Team
from accounts.queries import require_admin
from api.actions.answering import release, reset
from api.enums import EVERYTHING, EventName
from api.models import Webhook, WebhookState
from api.tasks import plan_calls, plan_telling
from api.webhook_queries import webhook_by_id
from conversations.enums import Light
from core.actor import Actor
from core.errors import Invalid
from core.http import check_address
from core.outbound import OutboundError
from core.signing import PREFIX
from core.versions import require_version

SECRET_BYTES = 32
# More would make each call carry more signatures than anybody checks.
MOST_SECRETS = 5
TOPICS = sorted({name.partition(".")[0] for name in EventName.values if "." in name})
CHOOSABLE = frozenset(
    {EVERYTHING, *(f"{topic}.*" for topic in TOPICS), *EventName.values} - {EventName.PING.value}
)


def new_secret() -> str:
    """Returns a secret of Standard Webhooks: 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


@transaction.atomic
def create_webhook(
    *,
    by: Actor,
    url: str,
    description: str = "",
    events: Sequence[str] = (EVERYTHING,),
    teams: Iterable[Team] = (),
    is_active: bool = True,
) -> tuple[Webhook, str]:
    """Makes a webhook and returns its row and its secret, which is shown nowhere again.

    Made without teams, it hears of every team. It is told what happens from now on, nothing of before. Raises
    Forbidden for all but administrators, Invalid for an address that is none or an event that does not exist.
    """
    require_admin(by)
    secret = new_secret()
    limited_to = list(teams)
    row = Webhook.objects.create(
        url=_address(url),
        description=description,
        events=_events(events),
        all_teams=not limited_to,
        is_active=is_active,
        secrets=[{"secret": secret, "until": None}],
    )
    row.teams.set(limited_to)
    WebhookState.objects.create(webhook=row)
    plan_telling()
    return row, secret


@transaction.atomic
def change_webhook(
    *,
    webhook: Webhook,
    by: Actor,
    url: str | None = None,
    description: str | None = None,
    events: Sequence[str] | None = None,
    teams: Iterable[Team] | None = None,
    is_active: bool | None = None,
    expected: str | None = None,
) -> Webhook:
    """Changes what is given and returns the row; no teams means all of them.

    Switched on again, it forgets its failures, and what waited goes at once; what happened in between is told
    to nobody. What goes out already goes where it was meant to go. Raises as `create_webhook` does, and
    Changed when the row is not the `expected` one.
    """
    require_admin(by)
    row = lock_webhook(webhook, by=by, expected=expected)
    row.url = row.url if url is None else _address(url)
    row.description = row.description if description is None else description
    row.events = row.events if events is None else _events(events)
    if teams is not None:
        limited_to = list(teams)
        row.all_teams = not limited_to
        row.teams.set(limited_to)
    was_active, row.is_active = row.is_active, row.is_active if is_active is None else is_active
    row.save(update_fields=["url", "description", "events", "all_teams", "is_active", "updated_at"])
    if row.is_active and not was_active:
        _switched_on(row)
    return webhook_by_id(row.pk, actor=by)


def _switched_on(row: Webhook) -> None:
    reset(WebhookState.objects.select_for_update().get(webhook=row), light=Light.UNKNOWN)
    release(row)
    plan_calls(str(row.pk))
    plan_telling()


@transaction.atomic
def delete_webhook(*, webhook: Webhook, by: Actor, expected: str | None = None) -> None:
    """Removes a webhook with its calls, those that wait included; raises Forbidden, Changed."""
    require_admin(by)
    lock_webhook(webhook, by=by, expected=expected).delete()


@transaction.atomic
def rotate_secret(
    *, webhook: Webhook, by: Actor, hours: int | None = None, expected: str | None = None
) -> tuple[Webhook, str]:
    """Gives a webhook a new secret and returns row and secret, which is shown nowhere again.

    Those of before sign beside it for `hours` more, so that receivers have time to learn the new one; with 0
    they end at once. Raises Forbidden, Changed.
    """
    require_admin(by)
    row = lock_webhook(webhook, by=by, expected=expected)
    now = timezone.now()
    until = now + timedelta(hours=settings.WEBHOOK_SECRET_OVERLAP_HOURS if hours is None else hours)
    secret = new_secret()
    former = [_ending(each, until) for each in row.secrets]
    living = [each for each in former if each["until"] > now.isoformat()]
    row.secrets = [{"secret": secret, "until": None}, *living][:MOST_SECRETS]
    row.save(update_fields=["secrets", "updated_at"])
    return row, secret


def lock_webhook(webhook: Webhook, *, by: Actor, expected: str | None = None) -> Webhook:
    """Returns the row locked until the transaction ends; raises NotFound, Changed."""
    Webhook.objects.select_for_update().filter(pk=webhook.pk).first()
    row = webhook_by_id(webhook.pk, actor=by)
    require_version(row, expected)
    return row


def _ending(former: dict[str, Any], until: datetime) -> dict[str, Any]:
    """Returns a secret with its end; one that ends sooner already keeps to that."""
    moment = until.isoformat()
    return {**former, "until": min(former["until"] or moment, moment)}


def _address(url: str) -> str:
    try:
        check_address(url)
    except OutboundError as error:
        raise Invalid(error.detail, field="url") from error
    return url


def _events(names: Sequence[str]) -> list[str]:
    chosen = list(dict.fromkeys(names))
    if not chosen:
        raise Invalid(_("Choose at least one event."), field="events")
    if unknown := [name for name in chosen if name not in CHOOSABLE]:
        raise Invalid(_("There is no event called %s.") % unknown[0][:60], field="events")
    return chosen
