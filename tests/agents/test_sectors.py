"""Opening a sector: who may, and what is made once."""

from dataclasses import replace

import pytest

from accounts.models import Team, User
from agents.actions import open_sector
from agents.models import Agent
from conversations.models import Inbox
from core.actor import Actor
from core.errors import Forbidden


def test_a_sector_is_opened_once(db: None, system: Actor) -> None:
    agent = Agent.objects.create(name="Lia")
    inbox = open_sector(slug="vendas", name="Vendas", by=system)
    assert open_sector(slug="vendas", name="Another", by=system) == inbox
    assert (inbox.name, inbox.channel, inbox.team) == ("API: Vendas", "api", Team.objects.get())
    assert list(agent.inboxes.all()) == [inbox]


def test_only_who_sees_the_team_opens_its_sector(team: Team, other_team: Team, bruno: User) -> None:
    actor = bruno.as_actor()
    outsider = replace(actor, team_ids=frozenset({other_team.pk}))
    for slug, by in (("vendas", actor), (team.slug, outsider)):
        with pytest.raises(Forbidden):
            open_sector(slug=slug, name="X", by=by)
    assert not Inbox.objects.exists()
    assert not Team.objects.filter(slug="vendas").exists()
    assert open_sector(slug=team.slug, name="X", by=actor).team == team
