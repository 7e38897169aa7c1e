"""Whom a single sign-on means: by the issuer's subject, and the first time by a verified e-mail address."""

from typing import Any

from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.actions.people import MAX_NAME
from accounts.enums import Role
from accounts.models import User
from accounts.queries import users_with_email
from core.errors import Forbidden

# From the least to the most.
ROLES = (Role.OPERATOR, Role.LEAD, Role.ADMIN)
Claims = dict[str, Any]


def settle(request: HttpRequest, sociallogin: SocialLogin) -> None:
    """Makes sure that the sign-on has a user, and that the user has the role that the provider names.

    Raises Forbidden for strangers, which are all who are not tied to a user yet and have no verified address
    that an active member of staff has; with OIDC_CREATE_USERS they become operators of no team.
    """
    claims: Claims = sociallogin.claims
    try:
        with transaction.atomic():
            if not sociallogin.is_existing:
                sociallogin.connect(request, _known(claims) or _made(claims))
            _take_role(sociallogin.user, claims)
    except IntegrityError as error:
        # Two at once for the first time: the other one has tied it.
        raise Forbidden(_("Try to sign in once more.")) from error


def verified_email(claims: Claims) -> str:
    """Returns the address that the provider has verified, or nothing.

    `xms_edov` is Entra's word for it, which knows no `email_verified`.
    """
    proofs = (claims.get("email_verified"), claims.get("xms_edov"))
    is_verified = any(proof is True or proof in {"true", "1", 1} for proof in proofs)
    return str(claims.get("email") or "") if is_verified else ""


def _known(claims: Claims) -> User | None:
    email = verified_email(claims)
    if not email:
        return None
    rows = users_with_email(email).select_for_update().filter(is_active=True, is_staff=True)
    user = rows.first()
    if user and SocialAccount.objects.filter(user=user, extra_data__iss=claims["iss"]).exists():
        # An address that was given to somebody else since.
        raise Forbidden(_("Somebody else has signed in with this e-mail address before."))
    return user


def _made(claims: Claims) -> User:
    email = verified_email(claims).lower()
    if not settings.OIDC_CREATE_USERS:
        raise Forbidden(_("Nobody here has this account. Ask an administrator to add your e-mail address."))
    if not email:
        raise Forbidden(_("The sign-on does not say that your e-mail address is verified."))
    if len(email) > MAX_NAME:
        raise Forbidden(_("This e-mail address is too long."))
    if users_with_email(email).exists() or User.objects.filter(username=email).exists():
        raise Forbidden(_("This account is switched off."))
    name = str(claims.get("name") or "")[:MAX_NAME]
    user = User(username=email, email=email, first_name=name, is_staff=True, role=Role.OPERATOR)
    user.set_unusable_password()
    user.save()
    return user


def _take_role(user: User, claims: Claims) -> None:
    role = role_of(claims, settings.OIDC_ROLE_CLAIM)
    if role and role != user.role:
        user.role = role
        user.save(update_fields=["role"])


def role_of(claims: Claims, path: str) -> Role | None:
    """Returns the highest role that the claim at the path (`realm_access.roles`) names, or None."""
    value: Any = claims if path else None
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    named = value if isinstance(value, list) else [value]
    return next((role for role in reversed(ROLES) if role in named), None)
