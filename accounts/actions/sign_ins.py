"""Signing in over the API: a row for each sign-in, tokens that are renewed, and their end."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from django.contrib.auth.models import update_last_login
from django.db import transaction
from django.utils import timezone

from accounts.errors import TokenReused
from accounts.models import SignIn, User
from accounts.queries import sign_ins_of, user_of
from accounts.signing_in.sessions import end_sessions
from accounts.tokens import Claims, Kind, issue, lifetime, read
from core.actor import Actor
from core.errors import NotFound, Unauthenticated
from core.versions import require_version


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client holds of a sign-in. `expires_in`: seconds for which `access` is good."""

    user: User
    access: str
    refresh: str
    expires_in: int


def begin_sign_in(*, user: User, ip: str | None, user_agent: str = "") -> Tokens:
    """Begins a sign-in of a user whose password and second factor were checked."""
    now = timezone.now()
    row = SignIn.objects.create(
        user=user,
        password_mark=user.password_mark,
        ip=ip or None,
        user_agent=user_agent[:300],
        used_at=now,
        expires_at=now + lifetime(Kind.REFRESH),
    )
    update_last_login(User, user)
    return _tokens(row)


def refresh(*, token: str) -> Tokens:
    """Takes a refresh token for two new ones; it is good for once.

    A token that comes a second time was stolen, or the new ones were: everything that came of the sign-in
    ends, and TokenReused says so. That it is the client itself, which lost its answer, nobody can know but by
    an Idempotency-Key, and those never get here.
    Raises Unauthenticated for tokens that are not valid, have ended or whose user may not come in any more.
    """
    claims = read(token, Kind.REFRESH)
    row = SignIn.objects.select_related("user").filter(pk=claims.sign_in, revoked_at=None).first()
    if row is None or row.user_id != claims.user_id or not row.is_good:
        raise Unauthenticated
    if not _rotate(row, claims.number):
        _revoke(row.pk)
        raise TokenReused
    return _tokens(row)


@transaction.atomic
def end_sign_in(*, sign_in_id: UUID, by: Actor, expected: str | None = None) -> None:
    """Ends one of one's own sign-ins, its access tokens included; NotFound for others' and ended ones."""
    row = sign_ins_of(by).select_for_update().filter(pk=sign_in_id).first()
    if row is None:
        raise NotFound
    require_version(row, expected)
    _revoke(row.pk)


@transaction.atomic
def end_other_sign_ins(*, by: Actor, but: SignIn | None, expected: str | None = None) -> None:
    """Ends all of one's own sign-ins but the one with which it is asked. `expected` is about the user."""
    require_version(user_of(by), expected)
    others = sign_ins_of(by).exclude(pk=but.pk) if but else sign_ins_of(by)
    others.update(revoked_at=timezone.now())


def end_by_refresh_token(*, token: str) -> None:
    """Ends the sign-in of a refresh token, be it the last one or one that was used."""
    _revoke(read(token, Kind.REFRESH).sign_in)


def end_sign_ins(user: User) -> None:
    """Ends all sign-ins and sessions of a user who has another password, or may not come in any more."""
    SignIn.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
    end_sessions(user)


def _rotate(row: SignIn, number: UUID) -> bool:
    """Puts the next number in the place of this one; of any number of tries at once exactly one does.

    Asks for columns of the row alone: with a condition on the user's, PostgreSQL would look them up before
    it waits for the others, and several would win.
    """
    now, following = timezone.now(), uuid4()
    rows = SignIn.objects.filter(pk=row.pk, current=number, revoked_at=None)
    won = rows.update(current=following, used_at=now, expires_at=now + lifetime(Kind.REFRESH))
    if won:
        row.current, row.used_at = following, now
    return bool(won)


def _revoke(sign_in_id: UUID) -> None:
    SignIn.objects.filter(pk=sign_in_id, revoked_at=None).update(revoked_at=timezone.now())


def _tokens(row: SignIn) -> Tokens:
    claims = Claims(row.pk, row.user_id, row.current)
    access, renewal = (issue(kind, claims, at=row.used_at) for kind in (Kind.ACCESS, Kind.REFRESH))
    return Tokens(row.user, access, renewal, int(lifetime(Kind.ACCESS).total_seconds()))
