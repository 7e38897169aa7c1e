"""The sectors of systems that keep customers' messages by sector: each is a team with an inbox of its own."""

from accounts.models import Team
from agents.actions import open_sector
from api.fields import SLUG
from conversations.models import Inbox
from conversations.queries.inboxes import api_inbox_of
from core.actor import Actor

# The names that older clients use: what a team of that kind is called here, and the name of a new one.
STANDARD = {
    "financeiro": ("finance", "Financeiro"),
    "suporte": ("support", "Suporte"),
    "vendas": ("sales", "Vendas"),
    "admin": ("admin", "Admin"),
    "geral": ("general", "Geral"),
}


def team_of(sector: str) -> Team | None:
    """Returns the team of a sector: of that short name, else of its English one; None where there is none."""
    if not SLUG.fullmatch(sector):
        return None
    named = Team.objects.filter(slug__in=[sector, *STANDARD.get(sector, ())[:1]])
    return min(named, key=lambda team: team.slug != sector, default=None)


def may_use(sector: str, actor: Actor) -> bool:
    """True for teams of the actor's; who sees all teams may also use a standard sector that has none yet."""
    team = team_of(sector)
    if team is None:
        return actor.is_admin and sector in STANDARD
    return actor.is_admin or team.pk in actor.team_ids


def inbox_of(sector: str, *, by: Actor) -> Inbox:
    """Returns the inbox that keeps the messages of a sector; makes it, and its team, for the first one.

    The caller has asked `may_use`.
    """
    team = team_of(sector)
    known = api_inbox_of(team) if team else None
    return known or _opened(sector, team, by)


def _opened(sector: str, team: Team | None, by: Actor) -> Inbox:
    if team is not None:
        return open_sector(slug=team.slug, name=team.name, by=by)
    return open_sector(slug=sector, name=STANDARD[sector][1], by=by)


def name_of(team: Team | None) -> str:
    """Returns what a team is called as a sector; of the standard ones the name by which clients know it."""
    if team is None:
        return ""
    return next((name for name, (english, _shown) in STANDARD.items() if english == team.slug), team.slug)
