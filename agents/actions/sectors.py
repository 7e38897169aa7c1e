"""Opening a sector: an inbox of the API for a team, and who answers in it."""

import base64
import secrets

from django.db import transaction

from accounts.models import Team
from agents.models import Agent
from conversations.models import Inbox
from conversations.queries.inboxes import api_inbox_of
from core.actor import Actor
from core.errors import Forbidden
from core.signing import LONGEST_KEY, PREFIX


@transaction.atomic
def open_sector(*, slug: str, name: str, by: Actor) -> Inbox:
    """Returns the inbox that keeps the messages of a team; makes it, and the team, where there is none.

    A new one calls nobody: answers are asked for. The AI agent that comes first by name answers in it. Many
    at once make one, under the lock of the team. Raises Forbidden for another's team, and for a new one where
    the actor does not see all.
    """
    team = _locked(slug, name, by)
    if known := api_inbox_of(team):
        return known
    secret = PREFIX + base64.b64encode(secrets.token_bytes(LONGEST_KEY)).decode()
    # A team's name may be as long as an inbox's.
    name = f"API: {team.name}"[: Inbox._meta.get_field("name").max_length]
    inbox = Inbox.objects.create(name=name, channel="api", team=team, config={"signing_secret": secret})
    if agent := Agent.objects.filter(is_active=True).order_by("name").first():
        agent.inboxes.add(inbox)
    return inbox


def _locked(slug: str, name: str, by: Actor) -> Team:
    """Returns the team under its lock; of two that miss it at once, one makes it."""
    if by.is_admin:
        Team.objects.get_or_create(slug=slug, defaults={"name": name})
    team = Team.objects.select_for_update().filter(slug=slug).first()
    if team is None or not (by.is_admin or team.pk in by.team_ids):
        raise Forbidden
    return team
