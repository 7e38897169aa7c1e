"""Second factors: who has one, who must have one, and how they are taken away."""

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actions.sign_ins import end_sign_ins
from accounts.enums import Role
from accounts.models import User
from accounts.queries import require_admin
from core.actor import Actor
from core.errors import Conflict, Forbidden

# Recovery codes are for whoever lost one of these.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class SecondFactorRequired(Forbidden):
    """Your role asks for a second factor; set one up on the page of your account."""

    code = "second_factor_required"


def has_second_factor(user: User) -> bool:
    """True for who has an authenticator app or a passkey."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def lacks_second_factor(user: User) -> bool:
    """True for who must have a second factor (MFA_REQUIRED_ROLES) and has none."""
    roles = {user.role, Role.ADMIN} if user.is_admin else {user.role}
    return bool(roles & set(settings.MFA_REQUIRED_ROLES)) and not has_second_factor(user)


def require_second_factor(user: User) -> None:
    """Raises SecondFactorRequired for who must have a second factor and has none."""
    if lacks_second_factor(user):
        raise SecondFactorRequired


@transaction.atomic
def remove_second_factors(*, user: User, by: Actor) -> int:
    """Takes app, passkeys and recovery codes from who lost them and signs them out; returns how many.

    Raises Forbidden for non-admins. One's own are removed on the page of one's account, which asks for the
    password again: Conflict.
    """
    require_admin(by)
    if by.id == str(user.pk):
        raise Conflict(_("Your own second factors are removed on the page of your account."))
    removed, _by_model = Authenticator.objects.filter(user=user).delete()
    end_sign_ins(user)
    return int(removed)
