"""People and keys in the admin, looked at more closely: what is found, kept and refused."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.actions import create_api_key
from accounts.enums import Role
from accounts.models import ApiKey, Team, User
from accounts.queries import find_api_key
from core.actor import Actor
from tests.conftest import make_user

PAGES = ["user", "team", "apikey"]


@pytest.fixture
def as_ana(client: Client, ana: User) -> Client:
    client.force_login(ana)
    return client


@pytest.fixture
def as_bruno(client: Client, bruno: User) -> Client:
    client.force_login(bruno)
    return client


def key_form(**values: Any) -> dict[str, Any]:
    return {"name": "Shop", "scopes": ["read", "write"], "is_active": "on", "all_teams": "on", **values}


def test_user_who_is_no_staff_is_asked_to_log_in(client: Client, bruno: User) -> None:
    User.objects.update(is_staff=False)
    client.force_login(bruno)
    assert client.get("/admin/accounts/team/").status_code == 302


def fill(number: int, system: Actor) -> None:
    team = Team.objects.create(slug=f"t{number}", name=f"T{number}")
    make_user(f"u{number}", Role.OPERATOR, team)
    create_api_key(name=f"k{number}", by=system, teams=[team])


@pytest.mark.parametrize(
    ("model", "words", "found"), [("user", "u2", 1), ("team", "t1", 1), ("apikey", "k", 2)]
)
def test_search_finds(as_ana: Client, system: Actor, model: str, words: str, found: int) -> None:
    for number in (1, 2):
        fill(number, system)
    page = as_ana.get(f"/admin/accounts/{model}/", {"q": words})
    assert page.context["cl"].result_count == found


def test_users_are_filtered_by_team_and_role(as_ana: Client, bruno: User, clara: User, team: Team) -> None:
    by_team = as_ana.get("/admin/accounts/user/", {"teams__id__exact": team.pk})
    assert list(by_team.context["cl"].result_list) == [bruno]
    by_role = as_ana.get("/admin/accounts/user/", {"role__exact": "admin"})
    assert [user.username for user in by_role.context["cl"].result_list] == ["ana"]


def test_teams_show_how_many_work_there(as_ana: Client, bruno: User, clara: User, team: Team) -> None:
    clara.teams.add(team)
    page = as_ana.get("/admin/accounts/team/").content.decode()
    assert re.findall(r'field-member_count">(\d+)<', page) == ["1", "2"]


def test_user_is_made_with_role_and_team(as_ana: Client, team: Team) -> None:
    answer = as_ana.post(
        "/admin/accounts/user/add/",
        {
            "username": "eva", "usable_password": "true", "password1": "a-Long-pass-77",
            "password2": "a-Long-pass-77", "role": "lead", "teams": [team.pk], "is_staff": "on",
        },
    )  # fmt: skip
    assert answer.status_code == 302
    eva = User.objects.get(username="eva")
    assert (eva.role, eva.is_staff, list(eva.teams.all())) == ("lead", True, [team])
    assert eva.check_password("a-Long-pass-77")


# --- keys --------------------------------------------------------------------------------------------------


def shown_key(page: Any) -> str | None:
    found = re.search(r"hd_[\w-]{43}", page.content.decode())
    return found[0] if found else None


def test_new_key_has_the_end_that_was_asked_for(as_ana: Client) -> None:
    key = shown_key(
        as_ana.post(
            "/admin/accounts/apikey/add/",
            key_form(expires_at_0="2020-01-01", expires_at_1="00:00:00"),
            follow=True,
        )
    )
    assert key is not None
    assert ApiKey.objects.get().expires_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert find_api_key(key) is None


def test_change_keeps_the_key(as_ana: Client, system: Actor) -> None:
    row, key = create_api_key(name="Old", by=system, all_teams=True)
    page = as_ana.post(
        f"/admin/accounts/apikey/{row.pk}/change/", key_form(name="New", scopes="read"), follow=True
    )
    assert shown_key(page) is None
    found = find_api_key(key)
    assert found is not None
    assert (found.name, found.scopes, found.key_hash) == ("New", ["read"], row.key_hash)


def test_form_offers_neither_hash_nor_prefix(as_ana: Client, system: Actor) -> None:
    row, _key = create_api_key(name="x", by=system, all_teams=True)
    page = as_ana.post(
        f"/admin/accounts/apikey/{row.pk}/change/", key_form(key_hash="0" * 64, prefix="hd_mallory")
    )
    assert page.status_code == 302
    stored = ApiKey.objects.get()
    assert (stored.key_hash, stored.prefix) == (row.key_hash, row.prefix)
    assert row.key_hash not in as_ana.get(f"/admin/accounts/apikey/{row.pk}/change/").content.decode()


def test_permission_alone_lets_nobody_make_a_key(as_bruno: Client, bruno: User) -> None:
    """A key may see more than its maker: who is no administrator is turned away, not shown an error page."""
    bruno.user_permissions.set(Permission.objects.filter(content_type__model="apikey"))
    assert as_bruno.get("/admin/accounts/apikey/").status_code == 200
    assert as_bruno.get("/admin/accounts/apikey/add/").status_code == 403
    assert as_bruno.post("/admin/accounts/apikey/add/", key_form()).status_code == 403
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("all_teams", [True, False])
def test_key_is_neither_for_all_and_some_teams_nor_for_none(
    as_ana: Client, team: Team, *, all_teams: bool
) -> None:
    data = key_form(teams=[team.pk]) if all_teams else {"name": "Shop", "scopes": "read"}
    page = as_ana.post("/admin/accounts/apikey/add/", data).content.decode()
    assert "Choose teams, or tick" in page
    assert not ApiKey.objects.exists()


def test_key_that_lost_its_teams_can_only_be_saved_with_a_choice(
    as_ana: Client, system: Actor, team: Team
) -> None:
    row, _ = create_api_key(name="Shop", by=system, teams=[team])
    team.delete()
    address = f"/admin/accounts/apikey/{row.pk}/change/"
    assert "Choose teams, or tick" in as_ana.post(address, {"name": "B", "scopes": "read"}).content.decode()
    assert as_ana.post(address, {"name": "B", "scopes": "read", "all_teams": "on"}).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.as_actor().is_admin) == ("B", True)
