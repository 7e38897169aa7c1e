"""The addresses of systems without a version in theirs: the same views, rights and shapes as below /api/v1/.

What is changed by PATCH can be changed by PUT, too, as those clients do.
"""

from functools import cache
from typing import Any

from django.urls import URLPattern, path

from api.routes import both
from api.v1 import urls as canonical
from api.v1.me import Me

SAME = frozenset(
    {
        *(f"auth/{verb}" for verb in ("register", "login", "refresh", "logout", "me")),
        *("agents", "agents/<int:agent_id>"),
        *("conversations", "conversations/<uuid:conversation_id>"),
        *(f"conversations/<uuid:conversation_id>/{part}" for part in ("messages", "assign", "status")),
        *("campaigns", "campaigns/<uuid:campaign_id>", "campaigns/<uuid:campaign_id>/stats"),
        *("integrations", "integrations/<int:integration_id>", "integrations/<int:integration_id>/test"),
        "users",
    }
)


def alias(address: URLPattern) -> URLPattern:
    """Returns the same address, with PUT where there is PATCH."""
    again: URLPattern = path(str(address.pattern), with_put(address.callback))
    return again


@cache
def with_put(view: Any) -> Any:
    """Returns a view that does at PUT what it does at PATCH; one that changes nothing stays as it is."""
    actions = getattr(view, "actions", {})
    return view.cls.as_view({"put": actions["patch"], **actions}) if "patch" in actions else view


addresses = [
    *(alias(each) for each in canonical.urlpatterns if str(each.pattern).rstrip("/") in SAME),
    *both("users/profile", Me.as_view({"put": "change"}), "seed-profile"),
    *both("users/password", Me.as_view({"put": "password"}), "seed-password"),
]
