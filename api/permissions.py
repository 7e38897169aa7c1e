"""May they ask at all? Which rows they may see is `visible_to`'s business, what they may do the action's."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.enums import Scope
from api.authentication import actor_of
from core.actor import Actor


class DenyByDefault(BasePermission):
    """Refuses everybody: a view that names no permission of its own is closed, not open."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Returns False."""
        del request, view
        return False


class StaffOnly(BasePermission):
    """Lets active staff and keys in, within their scopes: reading needs `read`, everything else `write`."""

    message = _("You may not do this; a key needs the scope for it.")

    def has_permission(self, request: Request, view: Any) -> bool:
        """Returns whether there is an actor with the scope that the method needs."""
        del view
        actor = actor_of(request)
        return actor is not None and may(actor, Scope.READ if request.method in SAFE_METHODS else Scope.WRITE)


def may(actor: Actor, scope: Scope) -> bool:
    """True when the actor has the scope. `admin` includes the others; no scope at all means read only."""
    if not actor.scopes:
        return scope == Scope.READ
    return Scope.ADMIN in actor.scopes or scope in actor.scopes
