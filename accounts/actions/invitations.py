"""Inviting somebody to join the staff."""

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import links, tasks
from accounts.actions.passwords import refuse_token
from accounts.actions.people import checked_language, checked_role, make_user
from accounts.enums import Registering, Role
from accounts.errors import RegistrationOff
from accounts.mails import Letter, letter
from accounts.models import Invitation, Team, User
from accounts.queries import require_admin, user_by_email, user_or_none
from core.actor import Actor
from core.errors import Conflict, NotFound
from core.versions import require_version


@transaction.atomic
def invite(
    *, email: str, by: Actor, role: str = Role.OPERATOR, teams: Iterable[Team] = (), language: str = ""
) -> Invitation:
    """Invites somebody by mail: one link, for 72 hours, for one user with this role in these teams.

    Raises Forbidden for non-admins, RegistrationOff where nobody may register, and Conflict when somebody has
    the address already. A second invitation of an address does not end the first.
    """
    require_admin(by)
    if settings.REGISTRATION == Registering.OFF:
        raise RegistrationOff(_("Nobody can be invited while REGISTRATION is off."))
    if user_by_email(email):
        raise Conflict(_("Somebody has this e-mail address already."))
    row = Invitation.objects.create(
        email=email,
        role=checked_role(role),
        language=checked_language(language),
        created_by=user_or_none(by),
        expires_at=links.end_of_new(),
    )
    row.teams.set(teams)
    tasks.plan_mail(tasks.MailKind.INVITATION, str(row.pk))
    return row


@transaction.atomic
def withdraw_invitation(*, invitation: Invitation, by: Actor, expected: str | None = None) -> None:
    """Deletes an invitation; its link is dead. A user that came of it stays.

    Raises Forbidden for non-admins, and NotFound.
    """
    require_admin(by)
    row = Invitation.objects.select_for_update().filter(pk=invitation.pk).first()
    if row is None:
        raise NotFound
    require_version(row, expected)
    row.delete()


def invitation_letter(invitation_id: str) -> Letter | None:
    """Returns the mail with the link, whose token is made here; an earlier one of the same row is void."""
    token, kept = links.new_token()
    rows = Invitation.objects.filter(pk=invitation_id, accepted_at=None, expires_at__gt=timezone.now())
    if not rows.update(token_hash=kept):
        return None
    row = rows.get()
    return letter("invitation", to=row.email, language=row.language, token=token)


def invitation_of(token: str) -> Invitation | None:
    """Returns the invitation that a link is good for, or None."""
    kept = links.hash_of(token)
    if kept is None:
        return None
    rows = Invitation.objects.filter(token_hash=kept, accepted_at=None, expires_at__gt=timezone.now())
    return rows.first()


@transaction.atomic
def accept_invitation(*, token: str, name: str, password: str, language: str = "") -> User:
    """Makes the user whom an invitation is for; role, teams and address are the invitation's.

    Of any number of tries at once one makes a user. Raises RegistrationOff, and Invalid for a link that is
    not valid, was used or is too old, for a weak password, and when somebody has the address by now.
    """
    if settings.REGISTRATION == Registering.OFF:
        raise RegistrationOff
    row = invitation_of(token)
    if row is None:
        refuse_token()
    if not Invitation.objects.filter(pk=row.pk, accepted_at=None).update(accepted_at=timezone.now()):
        refuse_token()
    return make_user(
        email=row.email,
        name=name,
        password=password,
        role=row.role,
        teams=row.teams.all(),
        language=language or row.language,
    )
