"""Reads about people and keys."""

import hashlib

from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiKey, Team
from core.actor import Actor, ActorKind


def hash_key(key: str) -> str:
    """Returns the SHA-256 hex digest under which a key is stored; the key itself has 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def find_api_key(key: str) -> ApiKey | None:
    """Returns the active, unexpired row of a key, or None. The lookup by digest leaks no timing."""
    if not key:
        return None
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiKey.objects.filter(alive, key_hash=hash_key(key), is_active=True).first()


def seen_by_staff(actor: Actor) -> Q:
    """Returns the condition under which an operator or a key sees rows that have a `team` and an `assignee`.

    Those of the actor's teams, those without a team, and those assigned to the operator.
    """
    seen = seen_by_team(actor)
    return seen | Q(assignee_id=actor.id) if actor.kind == ActorKind.OPERATOR else seen


def seen_by_team(actor: Actor) -> Q:
    """Returns the condition for rows that have a `team`: those of the actor's teams, those without one."""
    return Q(team=None) | Q(team__in=actor.team_ids)


def team_by_slug(slug: str) -> Team | None:
    """Returns the team with that short name, or None."""
    return Team.objects.filter(slug=slug).first()
