"""The rights of every route: one module for each resource, read by the matrix and by what else is generated.

A module holds ROWS (route and method: a `Row`), and where its routes have ids, IDS (name of the id in the
address: how it is found on a side). It may hold NESTED (ids in a body that are checked like those in an
address) and `grow(side, number)`, which makes one more of everything its lists show.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as made_of
from enum import Enum
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from accounts.models import Team
from campaigns.models import Campaign
from conversations.models import Contact, Conversation, Message
from tickets.models import Ticket


class Who(Enum):
    """Who may use a route at all; whose rows they then see is another question."""

    # Everybody, strangers too.
    ANYBODY = "anybody"
    # Members of staff by session or token, and nobody by key.
    PEOPLE = "people"
    STAFF = "staff"
    # Leads, administrators, and programs with a key.
    LEADS = "leads"
    # Programs with a key that may write, and with a plain key of the environment; nobody by session.
    CHATS = "chats"
    # Leads for their teams, administrators, and keys with the scope `admin`.
    SET_UP = "set up"
    # Administrators, and keys for all teams with the scope `admin`.
    ADMINS = "admins"


@dataclass(frozen=True)
class Side:
    """What one of the two teams has."""

    team: Team
    conversation: Conversation

    @property
    def contact(self) -> Contact:
        return self.conversation.contact

    @cached_property
    def ticket(self) -> Ticket:
        return Ticket.objects.filter(conversations=self.conversation).get()

    @cached_property
    def message(self) -> Message:
        return Message.objects.filter(conversation=self.conversation).earliest("seq")

    @cached_property
    def campaign(self) -> Campaign:
        return Campaign.objects.get(inbox__team=self.team)


@dataclass(frozen=True)
class Row:
    """What a route answers: `own` to those who see the row, `foreign` to those who do not.

    What all teams share is `foreign == own`. `body` is JSON, or made of a side; `query` stands behind the
    address. `before` brings things to where the deed is possible. `reads`: a POST that needs `read` only.
    `ids`: what stands in the address instead of the usual. `only`: the one caller whose row it is; to all
    others it is foreign. `lists`: it is a list; how many
    rows of one side stand in it, 0 where that is not the same for all who may read it.
    """

    own: int = 200
    foreign: int = 404
    body: Any = None
    who: Who = Who.STAFF
    query: str = ""
    before: Callable[[Side], object] | None = None
    ids: Mapping[str, Callable[[Side], Any]] = made_of(default_factory=dict)
    lists: int | None = None
    reads: bool = False
    only: str = ""

    def body_for(self, side: Side) -> Any:
        """The body, made of what the side has."""
        return self.body(side) if callable(self.body) else self.body


@dataclass(frozen=True)
class Nested:
    """An id in a body: whoever may not see what it names gets a 422 that names the field."""

    route: str
    verb: str
    field: str
    body: Callable[[Side], dict[str, Any]]
    own: int = 201
    who: Who = Who.STAFF


MODULES = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
ROWS: dict[tuple[str, str], Row] = {
    key: row for module in MODULES for key, row in getattr(module, "ROWS", {}).items()
}
IDS: dict[str, Callable[[Side], Any]] = {
    name: found for module in MODULES for name, found in getattr(module, "IDS", {}).items()
}
# The same routes under another address: as the canonical ones in everything.
ALIASES: dict[tuple[str, str], tuple[str, str]] = {
    key: canonical for module in MODULES for key, canonical in getattr(module, "ALIASES", {}).items()
}
NESTED: list[Nested] = [each for module in MODULES for each in getattr(module, "NESTED", ())]
GROW: list[Callable[[Side, int], object]] = [module.grow for module in MODULES if hasattr(module, "grow")]
