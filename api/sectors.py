"""The sectors of systems that keep customers' messages by sector: each is a team with an inbox of its own."""

import base64
import secrets

from django.db import transaction

from accounts.models import Team
from agents.models import Agent
from api.fields import SLUG
from conversations.models import Inbox
from core.actor import Actor
from core.signing import LONGEST_KEY, PREFIX

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


def inbox_of(sector: str) -> Inbox:
    """Returns the inbox that keeps the messages of a sector; makes it, and its team, for the first one.

    It is the oldest one of the channel `api` that the team has. A new one calls nobody: answers are asked
    for. The AI agent that comes first by name answers in it. The caller has asked `may_use`.
    """
    team = team_of(sector)
    return (_known(team) if team else None) or _made(sector)


def _known(team: Team) -> Inbox | None:
    return Inbox.objects.filter(channel="api", team=team, is_active=True).order_by("created_at", "pk").first()


@transaction.atomic
def _made(sector: str) -> Inbox:
    """Makes what is missing under the lock of the team, so that many first messages make one inbox."""
    _english, name = STANDARD.get(sector, ("", sector))
    team = team_of(sector) or Team.objects.get_or_create(slug=sector, defaults={"name": name})[0]
    list(Team.objects.select_for_update().filter(pk=team.pk))
    if known := _known(team):
        return known
    secret = PREFIX + base64.b64encode(secrets.token_bytes(LONGEST_KEY)).decode()
    inbox = Inbox.objects.create(
        name=f"API: {team.name}", channel="api", team=team, config={"signing_secret": secret}
    )
    if agent := Agent.objects.filter(is_active=True).order_by("name").first():
        agent.inboxes.add(inbox)
    return inbox


def name_of(team: Team | None) -> str:
    """Returns what a team is called as a sector; of the standard ones the name by which clients know it."""
    if team is None:
        return ""
    return next((name for name, (english, _shown) in STANDARD.items() if english == team.slug), team.slug)
