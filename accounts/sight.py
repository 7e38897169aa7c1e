"""Who may see a conversation or a ticket: one rule, in the three forms in which it is asked.

Administrators see all; operators and keys what is their teams' or no team's, and operators what is assigned
to them; a customer their own; anybody else nothing.
"""

from typing import Any, ClassVar, Self, TypeVar

from django.db import models
from django.db.models import Q

from accounts.queries import seen_by_team
from core import rows
from core.actor import Actor, ActorKind

M = TypeVar("M", bound=models.Model)


class SightedQuerySet(models.QuerySet[M]):
    """The one door to such rows for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to what the actor may see."""
        model: Any = self.model
        if actor.is_admin:
            return self
        if actor.kind == ActorKind.CONTACT:
            return self.filter(**{model.customer_key: actor.id})
        if not actor.is_staff:
            return self.none()
        seen = seen_by_team(actor)
        return self.filter(seen | Q(assignee_id=actor.id) if actor.kind == ActorKind.OPERATOR else seen)


class Sighted:
    """A model with a `team`, an `assignee`, and a customer whose id `customer_key` names."""

    customer_key: ClassVar[str]
    team_id: int | None
    assignee_id: int | None

    @classmethod
    def sight(cls, actor: Actor) -> rows.Where:
        """Returns the same for `rows.find`."""
        if actor.is_admin:
            return rows.Where()
        if actor.kind == ActorKind.CONTACT:
            return rows.Where(f"this.{cls.customer_key} = %s", (actor.id,))
        if not actor.is_staff:
            return rows.Where("FALSE")
        team, values = "this.team_id IS NULL OR this.team_id = ANY(%s)", (sorted(actor.team_ids),)
        if actor.kind != ActorKind.OPERATOR:
            return rows.Where(team, values)
        return rows.Where(f"{team} OR this.assignee_id = %s", (*values, int(actor.id)))

    def is_visible_to(self, actor: Actor) -> bool:
        """Says the same of one row that was read already."""
        if actor.kind == ActorKind.CONTACT and not actor.is_admin:
            return str(getattr(self, self.customer_key)) == actor.id
        return sees_as_staff(actor, team_id=self.team_id, assignee_id=self.assignee_id)


def sees_as_staff(actor: Actor, *, team_id: int | None, assignee_id: int | None) -> bool:
    """Says it of what is known of a row, to whoever is no customer."""
    if actor.is_admin:
        return True
    is_own = actor.kind == ActorKind.OPERATOR and str(assignee_id) == actor.id
    return actor.is_staff and (team_id is None or team_id in actor.team_ids or is_own)
