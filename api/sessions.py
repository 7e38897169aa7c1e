"""A browser's session as a way into the API, for staff whose second factor is set up."""

from typing import Any

from drf_spectacular.authentication import SessionScheme
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

from accounts.models import User
from accounts.signing_in.factors import require_second_factor


class StaffSessionAuthentication(SessionAuthentication):
    """DRF's, with CSRF; raises SecondFactorRequired (403) for who must have a second factor and has none."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Returns the session's user; None for nobody."""
        found = super().authenticate(request)
        if found is not None and isinstance(found[0], User):
            require_second_factor(found[0])
        return found


class StaffSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """Described as any session is."""

    target_class = "api.sessions.StaffSessionAuthentication"
    priority = 0
