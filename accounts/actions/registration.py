"""Registering by oneself, where everybody may."""

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from accounts import links, tasks
from accounts.actions.passwords import refuse_token, require_good_password
from accounts.actions.people import checked_language, make_user
from accounts.enums import Registering
from accounts.errors import RegistrationOff
from accounts.mails import Letter, letter
from accounts.models import Registration, User
from accounts.queries import user_by_email


@transaction.atomic
def register(*, email: str, name: str, password: str, language: str = "") -> None:
    """Notes who wants to be a user and has them asked by mail whether they do.

    No user is made before that, and the same is done whether or not somebody has the address: a known one
    gets a mail that says so. Raises RegistrationOff unless REGISTRATION is open, Invalid for a weak password.
    """
    if settings.REGISTRATION != Registering.OPEN:
        raise RegistrationOff
    require_good_password(password, User(username=email, email=email, first_name=name))
    row = Registration.objects.create(
        email=email,
        name=name,
        password=make_password(password),
        language=checked_language(language),
        expires_at=links.end_of_new(),
    )
    tasks.plan_mail(tasks.MailKind.CONFIRMATION, str(row.pk))


@transaction.atomic
def confirmation_letter(registration_id: str) -> Letter | None:
    """Returns the mail that asks for a confirmation, or tells a user that they are one already."""
    row = Registration.objects.select_for_update().filter(pk=registration_id).first()
    if row is None:
        return None
    if user_by_email(row.email):
        # Kept until the mail is gone, should it have to be written again.
        return letter("known", to=row.email, language=row.language)
    token, row.token_hash = links.new_token()
    row.save(update_fields=["token_hash"])
    return letter("confirmation", to=row.email, language=row.language, token=token)


@transaction.atomic
def confirm(*, token: str) -> User:
    """Makes the user of a registration: an operator of no team.

    Raises RegistrationOff, and Invalid for a link that is not valid, was used or is too old.
    """
    if settings.REGISTRATION != Registering.OPEN:
        raise RegistrationOff
    kept = links.hash_of(token)
    rows = Registration.objects.select_for_update().filter(expires_at__gt=timezone.now())
    row = rows.filter(token_hash=kept).first() if kept else None
    if row is None:
        refuse_token()
    row.delete()
    return make_user(email=row.email, name=row.name, hashed=row.password, language=row.language)
