"""May they ask at all? Which rows they may see is `visible_to`'s business, what they may do the action's."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.enums import Scope
from accounts.queries import is_administrator
from api.authentication import actor_of
from core.actor import Actor


class DenyByDefault(BasePermission):
    """Refuses everybody: a view that names no permission of its own is closed, not open."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Returns False."""
        del request, view
        return False


class Anybody(BasePermission):
    """Lets everybody in, as somebody or as nobody: for signing in, and what comes before it."""


class StaffOnly(BasePermission):
    """Lets active staff and keys in, within their scopes: reading needs `read`, everything else `write`.

    What a view names among its `admin_actions` is for those only who may set up what all teams use.
    """

    message = _("You may not do this; a key needs the scope for it.")

    def has_permission(self, request: Request, view: Any) -> bool:
        """Returns whether there is an actor with the scope that the method needs."""
        actor = actor_of(request)
        if actor is None:
            return False
        if view.action in view.admin_actions:
            return is_administrator(actor)
        reads = request.method in SAFE_METHODS or view.action in view.reading
        return may(actor, Scope.READ if reads else Scope.WRITE)


class AdminOnly(BasePermission):
    """Lets administrators in, and keys for all teams with the scope `admin`."""

    message = StaffOnly.message

    def has_permission(self, request: Request, view: Any) -> bool:
        """Returns whether the caller may set up what all teams use."""
        del view
        actor = actor_of(request)
        return actor is not None and is_administrator(actor)


def may(actor: Actor, scope: Scope) -> bool:
    """True when the actor has the scope. `admin` includes the others; no scope at all means read only."""
    if not actor.scopes:
        return scope == Scope.READ
    return Scope.ADMIN in actor.scopes or scope in actor.scopes
