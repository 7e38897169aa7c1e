"""People, teams and keys in the admin."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.actions import create_api_key
from accounts.enums import Role
from accounts.models import ApiKey, Team, User
from accounts.queries import find_api_key
from core.actor import Actor
from tests.conftest import make_user


@pytest.fixture
def desk(client: Client, ana: User) -> Client:
    client.force_login(ana)
    return client


def test_new_key_is_shown_once(desk: Client) -> None:
    page = desk.post(
        "/admin/accounts/apikey/add/",
        {"name": "Shop", "scopes": ["read", "write"], "is_active": "on", "all_teams": "on"},
        follow=True,
    )
    (key,) = re.findall(r"hd_[\w-]{43}", page.content.decode())
    row = find_api_key(key)
    assert row is not None
    assert (row.name, row.scopes) == ("Shop", ["read", "write"])
    for path in ("", f"{row.pk}/change/"):
        later = desk.get(f"/admin/accounts/apikey/{path}").content.decode()
        assert key not in later
        assert row.key_hash not in later


def test_new_key_keeps_to_the_teams_that_were_chosen(desk: Client, team: Team) -> None:
    data = {"name": "Shop", "scopes": "read", "is_active": "on", "teams": [str(team.pk)]}
    desk.post("/admin/accounts/apikey/add/", data)
    assert list(ApiKey.objects.get().teams.all()) == [team]
    assert not ApiKey.objects.get().as_actor().is_admin


def test_new_key_keeps_its_end_and_its_switch(desk: Client) -> None:
    data = {
        "name": "Shop",
        "scopes": "read",
        "all_teams": "on",
        "expires_at_0": "2030-01-01",
        "expires_at_1": "00:00:00",
    }
    desk.post("/admin/accounts/apikey/add/", data)
    row = ApiKey.objects.get()
    assert row.expires_at is not None
    assert (row.expires_at.year, row.is_active) == (2030, False)


def test_key_is_switched_off(desk: Client) -> None:
    row, key = create_api_key(name="Shop", by=Actor.system(), all_teams=True)
    desk.post(
        f"/admin/accounts/apikey/{row.pk}/change/", {"name": "Shop", "scopes": "read", "all_teams": "on"}
    )
    assert find_api_key(key) is None


@pytest.mark.parametrize("scopes", [["root"], ["read", "root"], ["read,write"]])
def test_unknown_scope_is_refused_by_the_form(desk: Client, scopes: list[str]) -> None:
    page = desk.post("/admin/accounts/apikey/add/", {"name": "Shop", "scopes": scopes, "is_active": "on"})
    assert page.status_code == 200
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("path", ["user", "team", "apikey"])
def test_lists_ask_as_much_for_three_as_for_one(
    desk: Client, team: Team, path: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    counts = []
    for number in range(3):
        make_user(f"eva{number}", Role.OPERATOR, team)
        Team.objects.create(slug=f"t{number}", name=f"T{number}")
        create_api_key(name=f"Key {number}", by=Actor.system(), teams=[team])
        desk.get(f"/admin/accounts/{path}/")
        with django_assert_max_num_queries(20) as captured:
            assert desk.get(f"/admin/accounts/{path}/").status_code == 200
        counts.append(len(captured))
    assert len(set(counts)) == 1


def test_team_list_counts_members(desk: Client, team: Team, bruno: User) -> None:
    assert 'class="field-member_count">1<' in desk.get("/admin/accounts/team/").content.decode()


@pytest.mark.parametrize(
    ("path", "words"), [("user", "bruno@example.com"), ("team", "support"), ("apikey", "Shop")]
)
def test_lists_are_searched(desk: Client, bruno: User, path: str, words: str) -> None:
    create_api_key(name="Shop", by=Actor.system(), all_teams=True)
    found = desk.get(f"/admin/accounts/{path}/", {"q": words}).content.decode()
    assert "result_list" in found
    assert "result_list" not in desk.get(f"/admin/accounts/{path}/", {"q": "zzzzz"}).content.decode()


def test_operator_without_rights_sees_none_of_it(client: Client, bruno: User) -> None:
    client.force_login(bruno)
    for path in ("user", "apikey"):
        assert client.get(f"/admin/accounts/{path}/").status_code == 403


def test_scopes_are_ticked_not_typed(desk: Client) -> None:
    row, _ = create_api_key(name="Shop", by=Actor.system(), scopes=["write"], all_teams=True)
    page = desk.get(f"/admin/accounts/apikey/{row.pk}/change/").content.decode()
    boxes = re.findall(r'<input type="checkbox" name="scopes" value="(\w+)"[^>]*?( checked)?>', page)
    assert boxes == [("read", ""), ("write", " checked"), ("admin", "")]
