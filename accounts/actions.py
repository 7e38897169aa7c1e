"""Writes about people and keys."""

import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.enums import Scope
from accounts.models import ApiKey, Team
from accounts.queries import hash_key
from core.actor import Actor
from core.errors import Forbidden, Invalid

USE_NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_api_key(
    *, name: str, by: Actor, scopes: Iterable[str] = (Scope.READ, Scope.WRITE), teams: Iterable[Team] = ()
) -> tuple[ApiKey, str]:
    """Makes a key and returns its row and the key, which is kept nowhere and cannot be shown again.

    Made without teams, it sees every team. Raises Forbidden for non-admins and Invalid for an unknown scope.
    """
    if not by.is_admin:
        raise Forbidden
    chosen = sorted(set(scopes))
    if unknown := set(chosen) - set(Scope.values):
        message = f"Unknown scope: {', '.join(sorted(unknown))}."
        raise Invalid(message, field="scopes")
    key = f"hd_{secrets.token_urlsafe(32)}"
    limited_to = list(teams)
    row = ApiKey.objects.create(
        name=name, prefix=key[:11], key_hash=hash_key(key), scopes=chosen, all_teams=not limited_to
    )
    row.teams.set(limited_to)
    return row, key


def note_key_use(*, key: ApiKey) -> None:
    """Remembers when a key was last used, to the minute, so that reads do not become writes."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
