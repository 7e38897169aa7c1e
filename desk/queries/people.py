"""Whom work can be given to."""

from typing import Any

from accounts.models import Team, User


def operators() -> list[dict[str, Any]]:
    """Returns the active members of staff, for menus."""
    rows = User.objects.filter(is_active=True, is_staff=True).order_by("first_name", "last_name", "username")
    return [{"id": row.pk, "name": row.display_name} for row in rows]


def teams() -> list[dict[str, Any]]:
    """Returns the teams, for menus."""
    return [{"id": row.pk, "name": row.name} for row in Team.objects.all()]
