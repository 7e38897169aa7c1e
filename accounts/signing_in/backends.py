"""Who may come in with a password."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import User
from accounts.queries import user_by_email


class SignOnOnlyBackend:
    """Stands before the one that looks at passwords and lets nobody in; with OIDC_ONLY it stops people.

    Like the one of django-axes it has no `get_user`: sessions are read by Django's own backend.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **rest: Any,
    ) -> None:
        """Stops all but superusers, who need a way in while the provider is away."""
        del request, rest
        if not settings.OIDC_ONLY or User.objects.filter(username=username, is_superuser=True).exists():
            return
        # As much work as a password costs, or one could hear who is a superuser.
        User().set_password(password)
        raise PermissionDenied


def login_name(typed: str) -> str:
    """Returns the user name of what somebody typed: a name, or the e-mail address of a user.

    Tries are counted under what this returns, so that a name and an address are not tried ten times each.
    """
    if "@" not in typed or User.objects.filter(username=typed).exists():
        return typed
    user = user_by_email(typed)
    return user.username if user else typed
