"""Who does something: the `by=` of every action."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class ActorKind(StrEnum):
    """The kinds of doer. An agent is an AI agent; a human who answers is an operator."""

    CONTACT = "contact"
    AGENT = "agent"
    OPERATOR = "operator"
    API_KEY = "api_key"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """A doer with the rights it acts with; plain data, so that it can cross threads and jobs.

    `id` is the primary key of the row behind it as text. `team_ids` and `is_admin` decide what an operator
    or a key may see; `scopes` what a key may do. `leads`: decides for a team, not only for single customers.
    """

    kind: ActorKind
    id: str
    name: str
    is_admin: bool = False
    leads: bool = False
    team_ids: frozenset[int] = frozenset()
    scopes: frozenset[str] = frozenset()

    @property
    def is_staff(self) -> bool:
        """True for those who act for the company on anything their teams may see."""
        return self.kind in {ActorKind.OPERATOR, ActorKind.API_KEY, ActorKind.SYSTEM}

    @classmethod
    def system(cls, name: str = "Helpdesk") -> Self:
        """The machine itself, with full rights: scheduled work and commands."""
        return cls(ActorKind.SYSTEM, "", name, is_admin=True, leads=True)
