"""Keys of integrators: made, changed, deleted, used."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.enums import Scope
from accounts.models import ApiKey, Team
from accounts.queries import hash_key, require_admin, user_or_none
from core.actor import Actor
from core.errors import Invalid, NotFound
from core.versions import require_version

USE_NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_api_key(
    *,
    name: str,
    by: Actor,
    scopes: Iterable[str] = (Scope.READ, Scope.WRITE),
    teams: Iterable[Team] = (),
    all_teams: bool = False,
    expires_at: datetime | None = None,
    per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """Makes a key and returns its row and the key, which is kept nowhere and cannot be shown again.

    It is for `teams`, or for `all_teams`: what is left out never widens what it may see. Raises Forbidden for
    non-admins, and Invalid for an unknown scope and for a key that would be for all teams and for some, or
    for none.
    """
    require_admin(by)
    limited_to = list(teams)
    _require_teams_or_all(all_teams=all_teams, teams=limited_to)
    key = f"hd_{secrets.token_urlsafe(32)}"
    row = ApiKey.objects.create(
        name=name,
        prefix=key[:11],
        key_hash=hash_key(key),
        scopes=_checked_scopes(scopes),
        all_teams=all_teams,
        expires_at=expires_at,
        per_minute=_checked_limit(per_minute),
        created_by=user_or_none(by),
    )
    row.teams.set(limited_to)
    return row, key


@transaction.atomic
def change_api_key(*, key: ApiKey, by: Actor, expected: str | None = None, **wanted: Any) -> ApiKey:
    """Changes what is named of name, scopes, teams, all_teams, expires_at, is_active and per_minute.

    Raises Forbidden for non-admins, NotFound, and Invalid for a key that would be for all teams and for some,
    or for none: neither is assumed.
    """
    row = _locked(key, by=by, expected=expected)
    if "scopes" in wanted:
        row.scopes = _checked_scopes(wanted["scopes"])
    if "per_minute" in wanted:
        row.per_minute = _checked_limit(wanted["per_minute"])
    for field in {"name", "all_teams", "expires_at", "is_active"} & set(wanted):
        setattr(row, field, wanted[field])
    row.save()
    if "teams" in wanted:
        row.teams.set(wanted["teams"])
    if {"teams", "all_teams"} & set(wanted):
        _require_teams_or_all(all_teams=row.all_teams, teams=row.teams.all())
    return row


@transaction.atomic
def delete_api_key(*, key: ApiKey, by: Actor, expected: str | None = None) -> None:
    """Deletes a key for good; to be able to switch it on again, change `is_active`.

    Raises Forbidden for non-admins, and NotFound.
    """
    _locked(key, by=by, expected=expected).delete()


def _locked(key: ApiKey, *, by: Actor, expected: str | None) -> ApiKey:
    require_admin(by)
    row = ApiKey.objects.select_for_update().filter(pk=key.pk).first()
    if row is None:
        raise NotFound
    require_version(row, expected)
    return row


def _require_teams_or_all(*, all_teams: bool, teams: Iterable[Team]) -> None:
    """Raises Invalid when a key would be for all teams and for some, or for none."""
    if all_teams == bool(list(teams)):
        raise Invalid(_("Name teams, or say `all_teams`, and not both."), field="teams")


def note_key_use(*, key: ApiKey) -> None:
    """Remembers when a key was last used, to the minute, so that reads do not become writes."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _checked_scopes(scopes: Iterable[str]) -> list[str]:
    chosen = sorted(set(scopes))
    if unknown := set(chosen) - set(Scope.values):
        message = f"Unknown scope: {', '.join(sorted(unknown))}."
        raise Invalid(message, field="scopes")
    return chosen


def _checked_limit(per_minute: int | None) -> int | None:
    if per_minute is not None and per_minute < 1:
        raise Invalid(_("At least one request a minute, or no limit of its own."), field="per_minute")
    return per_minute
