"""Making teams, changing them, deleting those that nothing belongs to."""

from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.enums import NOBODYS
from accounts.models import Team
from accounts.queries import require_admin
from core.actor import Actor
from core.errors import Conflict, Invalid, NotFound
from core.versions import require_version


@transaction.atomic
def create_team(*, slug: str, name: str, by: Actor) -> Team:
    """Makes a team without members.

    Raises Forbidden for non-admins, Invalid for a slug that is taken or stands for no team.
    """
    require_admin(by)
    return _saved(Team(slug=slug, name=name))


@transaction.atomic
def change_team(*, team: Team, by: Actor, expected: str | None = None, **wanted: Any) -> Team:
    """Changes what is named of slug and name. Who sends the old slug afterwards finds no team.

    Raises Forbidden for non-admins, NotFound, and Invalid for a slug that is taken.
    """
    row = _locked(team, by=by, expected=expected)
    for field in {"slug", "name"} & set(wanted):
        setattr(row, field, wanted[field])
    return _saved(row)


@transaction.atomic
def delete_team(*, team: Team, by: Actor, expected: str | None = None) -> None:
    """Deletes a team; its members stay.

    Raises Forbidden for non-admins, NotFound, and Conflict while inboxes, conversations or tickets are the
    team's: without one, everybody sees them.
    """
    row = _locked(team, by=by, expected=expected)
    if kept := next(what_is_left(row), None):
        raise Conflict(_("The team still has %s.") % kept)
    row.delete()


def checked_slug(slug: str) -> str:
    """Returns a short name that a team may have; raises Invalid."""
    if slug == NOBODYS:
        raise Invalid(_("This short name stands for no team."), field="slug")
    return slug


def what_is_left(team: Team) -> Iterator[str]:
    """Yields the names of what still is the team's, and would be everybody's without it."""
    for relation in Team._meta.related_objects:
        rows = relation.related_model._default_manager  # noqa: SLF001 (any model's)
        if relation.one_to_many and rows.filter(**{relation.field.name: team}).exists():
            yield str(relation.related_model._meta.verbose_name_plural)


def _locked(team: Team, *, by: Actor, expected: str | None) -> Team:
    require_admin(by)
    row = Team.objects.select_for_update().filter(pk=team.pk).first()
    if row is None:
        raise NotFound
    require_version(row, expected)
    return row


def _saved(row: Team) -> Team:
    checked_slug(row.slug)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Invalid(_("Another team has this short name."), field="slug") from error
    return row
