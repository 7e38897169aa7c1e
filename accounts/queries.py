"""Reads about people and keys."""

import hashlib

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.enums import Scope
from accounts.models import ApiKey, Invitation, SignIn, Team, User
from accounts.tokens import Claims
from core import rows
from core.actor import Actor, ActorKind
from core.errors import Forbidden, Unauthenticated

# Every request with a key begins with this.
KEY = f"""
SELECT {rows.columns(ApiKey, "key")},
    ARRAY(SELECT team_id FROM accounts_apikey_teams WHERE apikey_id = key.id)
FROM accounts_apikey key
WHERE key.key_hash = %s AND key.is_active AND (key.expires_at IS NULL OR key.expires_at > %s)
"""  # noqa: S608 (names of ours)


def hash_key(key: str) -> str:
    """Returns the SHA-256 hex digest under which a key is stored; the key itself has 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def find_api_key(key: str) -> ApiKey | None:
    """Returns the active, unexpired row of a key with its teams' ids, or None.

    The lookup by digest leaks no timing. It is asked each time: what was switched off is off at once.
    """
    if not key:
        return None
    with rows.prepared_cursor() as cursor:
        cursor.execute(KEY, [hash_key(key), timezone.now()])
        found = cursor.fetchone()
    if found is None:
        return None
    row, (team_ids,) = rows.from_columns(ApiKey, found)
    row.known_team_ids = frozenset(team_ids)
    return row


def is_administrator(actor: Actor) -> bool:
    """True for administrators, keys for all teams with the scope `admin`, and the system."""
    return actor.is_admin and (actor.kind == ActorKind.SYSTEM or Scope.ADMIN in actor.scopes)


def require_admin(by: Actor) -> None:
    """Raises Forbidden for anybody who may not set up what all teams use."""
    if not is_administrator(by):
        raise Forbidden


def may_set_up(actor: Actor) -> bool:
    """True for whoever sets up what their teams use: leads, administrators, keys with the scope `admin`.

    Which inboxes and agents that concerns, `visible_to` says.
    """
    return actor.is_staff and actor.leads and (actor.kind != ActorKind.API_KEY or Scope.ADMIN in actor.scopes)


def require_set_up(by: Actor) -> None:
    """Raises Forbidden for anybody who may not set up what their teams use."""
    if not may_set_up(by):
        raise Forbidden


def seen_by_team(actor: Actor) -> Q:
    """Returns the condition for rows that have a `team`: those of the actor's teams, those without one."""
    return Q(team=None) | Q(team__in=actor.team_ids)


def team_by_slug(slug: str) -> Team | None:
    """Returns the team with that short name, or None."""
    return Team.objects.filter(slug=slug).first()


def users_with_email(email: str) -> "QuerySet[User]":
    """Returns the user with that e-mail address, in whichever case it is written, as a query.

    Compared in small letters, as the constraint does: in capitals the i without a dot is an I.
    """
    return User.objects.alias(compared=Lower("email")).filter(compared=Lower(Value(email)))


def user_by_email(email: str) -> User | None:
    """Returns that user, or None."""
    return users_with_email(email).first() if email else None


def user_or_none(actor: Actor) -> User | None:
    """Returns the user behind an actor; None for keys and the machine."""
    return User.objects.filter(pk=actor.id).first() if actor.kind == ActorKind.OPERATOR else None


def user_of(actor: Actor) -> User:
    """Returns the user behind an actor; raises Forbidden for keys, Unauthenticated for somebody who left."""
    if actor.kind != ActorKind.OPERATOR:
        raise Forbidden
    user = users_for(actor).filter(pk=actor.id, is_active=True).first()
    if user is None:
        raise Unauthenticated
    return user


def users_for(actor: Actor) -> "QuerySet[User]":
    """Returns the members of staff the actor may see: admins all, staff those who have not left."""
    rows = User.objects.filter(is_staff=True).prefetch_related("teams")
    if is_administrator(actor):
        return rows
    return rows.filter(is_active=True) if actor.is_staff else rows.none()


def teams_for(actor: Actor) -> "QuerySet[Team]":
    """Returns the teams the actor may see: staff all of them."""
    return Team.objects.all() if actor.is_staff else Team.objects.none()


def keys_for(actor: Actor) -> "QuerySet[ApiKey]":
    """Returns the keys the actor may see: admins all, others none."""
    rows = ApiKey.objects.prefetch_related("teams").select_related("created_by")
    return rows if is_administrator(actor) else rows.none()


def invitations_for(actor: Actor) -> "QuerySet[Invitation]":
    """Returns the invitations the actor may see: admins all, others none."""
    rows = Invitation.objects.prefetch_related("teams").select_related("created_by")
    return rows if is_administrator(actor) else rows.none()


def sign_ins_of(actor: Actor) -> "QuerySet[SignIn]":
    """Returns the actor's own sign-ins that last; raises Forbidden for keys."""
    if actor.kind != ActorKind.OPERATOR:
        raise Forbidden
    return SignIn.objects.filter(user_id=int(actor.id), revoked_at=None, expires_at__gt=timezone.now())


def find_sign_in(claims: Claims) -> SignIn | None:
    """Returns the sign-in of a checked token with its user, in one query; None once either has ended."""
    rows = SignIn.objects.select_related("user").filter(pk=claims.sign_in, user_id=claims.user_id)
    row = rows.filter(revoked_at=None).first()
    return row if row and row.is_good else None
