"""Making users, changing them, switching them off."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import tasks
from accounts.actions.passwords import require_good_password
from accounts.actions.sign_ins import end_sign_ins
from accounts.enums import Role
from accounts.models import Team, User
from accounts.queries import require_admin, user_by_email, user_of
from core.actor import Actor
from core.errors import Conflict, Invalid
from core.versions import require_version

MAX_NAME = 150


@transaction.atomic
def create_user(
    *,
    email: str,
    name: str,
    by: Actor,
    role: str = Role.OPERATOR,
    teams: Iterable[Team] = (),
    language: str = "",
    password: str | None = None,
) -> User:
    """Makes a member of staff who signs in with the address.

    Without a password they get a mail with a link under which they choose one. Raises Forbidden for
    non-admins, and Invalid for an address that somebody has and for a weak password.
    """
    require_admin(by)
    user = make_user(email=email, name=name, role=role, teams=teams, language=language, password=password)
    if password is None:
        tasks.plan_mail(tasks.MailKind.RESET, user.email)
    return user


@transaction.atomic
def change_user(*, user: User, by: Actor, expected: str | None = None, **wanted: Any) -> User:
    """Changes what is named of name, email, role, teams, language and active; all else of a user is theirs.

    Whoever is switched off is out at once, everywhere. Raises Forbidden for non-admins, Invalid for values
    that cannot be, and Conflict where it would leave nobody who administers.
    """
    require_admin(by)
    row = _locked(user, admins_too=True)
    require_version(row, expected)
    _set_plain(row, wanted)
    if "role" in wanted:
        row.role = checked_role(wanted["role"])
    if "active" in wanted:
        row.is_active = wanted["active"]
    if not _administers(row):
        _require_another_admin(row)
    _save(row)
    if "teams" in wanted:
        row.teams.set(wanted["teams"])
    if not row.is_active:
        end_sign_ins(row)
    return row


def deactivate_user(*, user: User, by: Actor, expected: str | None = None) -> User:
    """Switches a user off. Nothing of theirs is deleted: their messages keep their author."""
    return change_user(user=user, by=by, expected=expected, active=False)


@transaction.atomic
def change_me(*, by: Actor, expected: str | None = None, **wanted: Any) -> User:
    """Changes one's own name and language, and nothing else of oneself. Raises Forbidden for keys."""
    row = _locked(user_of(by))
    require_version(row, expected)
    _set_plain(row, {name: wanted[name] for name in ("name", "language") if name in wanted})
    _save(row)
    return row


def make_user(
    *,
    email: str,
    name: str,
    role: str = Role.OPERATOR,
    teams: Iterable[Team] = (),
    language: str = "",
    password: str | None = None,
    hashed: str = "",
) -> User:
    """Makes a user; who may have that done, the caller has found out. `hashed`: a password's hash already."""
    user = User(username=email.lower(), role=checked_role(role), is_staff=True)
    _set_plain(user, {"name": name, "email": email, "language": language})
    if password is not None:
        require_good_password(password, user)
    user.password = hashed or make_password(password)
    _save(user)
    user.teams.set(teams)
    return user


def checked_role(role: str) -> str:
    """Returns a role that exists; raises Invalid."""
    if role not in Role.values:
        raise Invalid(_("There is no such role."), field="role")
    return role


def checked_language(language: str) -> str:
    """Returns one of our languages, or none; raises Invalid."""
    if language and language not in dict(settings.LANGUAGES):
        raise Invalid(_("There is no such language."), field="language")
    return language


def require_admin_besides(user: User) -> None:
    """Raises Conflict unless somebody else administers; locks the rows of those who do."""
    _locked(user, admins_too=True)
    _require_another_admin(user)


def _set_plain(row: User, wanted: dict[str, Any]) -> None:
    if "name" in wanted:
        # One field, as people write it: who knows which part of a name is which?
        row.first_name, row.last_name = wanted["name"].strip()[:MAX_NAME], ""
    if "email" in wanted:
        # Some capitals are two small letters, and it is the name to sign in with.
        if len(wanted["email"].lower()) > MAX_NAME:
            raise Invalid(_("This e-mail address is too long."), field="email")
        _require_free(wanted["email"], row)
        if row.username == row.email.lower():
            # They sign in with the new one, and the old one can be somebody else's.
            row.username = wanted["email"].lower()
        row.email = wanted["email"]
    if "language" in wanted:
        row.language = checked_language(wanted["language"])


def _require_free(email: str, row: User) -> None:
    other = user_by_email(email)
    if other is not None and other.pk != row.pk:
        raise Invalid(_("Somebody has this e-mail address already."), field="email")


def _save(row: User) -> None:
    """Saves; of two who want one address at once the constraint refuses the second."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Invalid(_("Somebody has this e-mail address already."), field="email") from error


def _administers(row: User) -> bool:
    return row.is_active and row.is_staff and row.is_admin


def _locked(user: User, *, admins_too: bool = False) -> User:
    """Returns the row, locked; with those who administer, so that no two of them switch each other off."""
    chosen = Q(pk=user.pk)
    if admins_too:
        chosen |= _ADMINS
    rows = User.objects.select_for_update().filter(chosen).order_by("pk")
    return next(row for row in rows if row.pk == user.pk)


def _require_another_admin(row: User) -> None:
    before = User.objects.filter(pk=row.pk).filter(_ADMINS)
    if before.exists() and not User.objects.filter(_ADMINS).exclude(pk=row.pk).exists():
        raise Conflict(_("Nobody would be left who administers; make somebody else an administrator first."))


_ADMINS = Q(is_active=True, is_staff=True) & (Q(is_superuser=True) | Q(role=Role.ADMIN))
