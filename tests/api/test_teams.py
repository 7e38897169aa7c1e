"""Teams: what keeps one from being deleted, what a new name of one means, and what two do at once."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Team, User
from conversations.models import CannedReply, Conversation, Inbox
from core.actor import Actor
from knowledge.models import Article
from tests.api.conftest import KeyMaker, results, signed_in
from tests.conversations.test_receive import in_parallel
from tickets.actions import create_ticket

LIST = "/api/v1/teams"
NIGHT = f"{LIST}/night"


@pytest.fixture
def night(db: None) -> Team:
    """A team that nothing belongs to yet."""
    return Team.objects.create(slug="night", name="Night")


BELONGINGS: dict[str, Callable[[Team], Any]] = {
    "inbox": lambda team: Inbox.objects.create(name="Shop", team=team),
    "ticket": lambda team: create_ticket(by=Actor.system(), subject="Pedido", team=team),
    "canned reply": lambda team: CannedReply.objects.create(shortcut="oi", text="Oi", team=team),
    "article": lambda team: Article.objects.create(title="Troca", slug="troca", language="pt", team=team),
}


@pytest.mark.parametrize("what", BELONGINGS)
def test_team_stays_while_anything_is_its_and_goes_afterwards(
    as_ana: APIClient, night: Team, what: str
) -> None:
    """Without a team a row would be everybody's."""
    row = BELONGINGS[what](night)
    refused = as_ana.delete(NIGHT)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    row.refresh_from_db()
    assert row.team == night
    type(row).objects.filter(pk=row.pk).delete()
    assert as_ana.delete(NIGHT).status_code == 204


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "The team still has tickets."),
        ("pt-br", "A equipe ainda tem chamados."),
        ("es", "El equipo todavía tiene tickets."),
    ],
)
def test_refusal_names_what_is_in_the_way_in_the_reader_s_language(
    as_ana: APIClient, night: Team, language: str, said: str
) -> None:
    BELONGINGS["ticket"](night)
    refused = as_ana.delete(NIGHT, HTTP_ACCEPT_LANGUAGE=language)
    assert refused.json()["detail"] == said


def test_members_keys_and_invitations_hold_no_team(
    as_ana: APIClient, night: Team, bruno: User, with_key: KeyMaker
) -> None:
    """They lose it; and a key that had no other sees what belongs to no team, never more."""
    bruno.teams.add(night)
    key = with_key("read", teams=[night])
    own = create_ticket(by=Actor.system(), subject="Sem equipe")
    hidden = create_ticket(by=Actor.system(), subject="Do suporte", team=bruno.teams.get(slug="support"))
    assert as_ana.delete(NIGHT).status_code == 204
    assert [team.slug for team in bruno.teams.all()] == ["support"]
    assert [row["id"] for row in results(key.get("/api/v1/tickets"))] == [str(own.pk)]
    assert key.get(f"/api/v1/tickets/{hidden.pk}").status_code == 404
    assert key.get(LIST).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_many_teams_with_one_short_name_one_is_made(ana: User) -> None:
    def make(number: int) -> int:
        body = {"slug": "night", "name": f"Night {number}"}
        return int(signed_in(ana).post(LIST, body, format="json").status_code)

    assert sorted(in_parallel([partial(make, number) for number in range(6)])) == [201] + [422] * 5
    assert Team.objects.filter(slug="night").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_teams_that_want_one_short_name_at_once_end_with_two(ana: User, night: Team) -> None:
    Team.objects.create(slug="late", name="Late")

    def rename(slug: str) -> int:
        return int(signed_in(ana).patch(f"{LIST}/{slug}", {"slug": "dusk"}, format="json").status_code)

    assert sorted(in_parallel([partial(rename, slug) for slug in ("night", "late")])) == [200, 422]
    assert Team.objects.filter(slug="dusk").count() == 1
    assert Team.objects.filter(name__in=["Night", "Late"]).count() == 2


def test_new_short_name_is_everywhere_at_once_and_the_old_one_nowhere(
    as_ana: APIClient, as_bruno: APIClient, conversation: Conversation, with_key: KeyMaker, team: Team
) -> None:
    key = with_key("read", teams=[team])
    made = as_bruno.post("/api/v1/tickets", {"subject": "Pedido", "team": "support"}, format="json").json()
    assert as_ana.patch(f"{LIST}/support", {"slug": "care"}, format="json").status_code == 200
    for client in (as_bruno, key):
        assert [row["team"] for row in results(client.get("/api/v1/tickets?team=care"))] == ["care"]
        assert results(client.get("/api/v1/tickets?team=support")) == []
        assert client.get(f"/api/v1/conversations/{conversation.pk}").json()["team"] == "care"
    gone = as_bruno.patch(f"/api/v1/tickets/{made['id']}", {"team": "support"}, format="json")
    assert (gone.status_code, gone.json()["errors"][0]["field"]) == (422, "team")
    assert as_bruno.get("/api/v1/users/me").json()["teams"] == ["care"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"slug": "x" * 50, "name": "y" * 80}, 201),
        ({"slug": "x" * 51, "name": "y"}, 422),
        ({"slug": "x", "name": "y" * 81}, 422),
        ({"slug": "x", "name": " \u00a0 "}, 422),
        ({"slug": "x", "name": "夜間チーム"}, 201),
        ({"slug": "-_-", "name": "y"}, 201),
        ({"slug": "", "name": "y"}, 422),
        ({"slug": None, "name": "y"}, 422),
        ({"slug": "x\u0661", "name": "y"}, 422),
    ],
)
def test_short_name_is_fifty_plain_letters_and_the_name_any_text(
    as_ana: APIClient, body: dict[str, Any], status: int
) -> None:
    answer = as_ana.post(LIST, body, format="json")
    assert answer.status_code == status
    if status == 201:
        found = as_ana.get(f"{LIST}/{body['slug']}")
        assert (found.json()["slug"], found.json()["name"]) == (body["slug"], body["name"])


def test_team_may_be_given_the_name_that_it_has(as_ana: APIClient, night: Team) -> None:
    same = as_ana.patch(NIGHT, {"slug": "night", "name": "Night"}, format="json")
    assert (same.status_code, same.json()["id"]) == (200, night.pk)
    assert as_ana.patch(NIGHT, {}, format="json").json() == same.json()
    assert [as_ana.delete(NIGHT).status_code for _ in range(2)] == [204, 404]


def test_no_team_is_called_as_those_of_no_team(as_ana: APIClient, team: Team) -> None:
    for refused in (
        as_ana.post("/api/v1/teams", {"slug": "none", "name": "None"}, format="json"),
        as_ana.patch(f"/api/v1/teams/{team.slug}", {"slug": "none"}, format="json"),
    ):
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "slug")
