"""Staff, teams and keys over the API: who sees what of whom, and what nobody may make of anybody."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.actions import create_api_key
from accounts.enums import Role
from accounts.models import ApiKey, Invitation, Team, User
from accounts.queries import find_api_key
from conversations.actions import reply
from conversations.models import Conversation, Inbox
from core.actor import Actor
from tests.accounts.mailbox import delivered, token_in
from tests.api.conftest import KeyClient, KeyMaker, results, signed_in
from tests.api.test_tokens import PASSWORD, is_in, post, refreshed, sign_in
from tests.conftest import make_user
from tests.conversations.test_receive import in_parallel

Json = dict[str, Any]
EVA: Json = {"email": "eva@example.com", "name": "Eva Prado", "role": "lead", "teams": ["support"]}
COLLEAGUE = {"id", "name", "role", "teams"}
WHOLE = COLLEAGUE | {"email", "username", "language", "active", "last_login", "created_at"}


def url_of(user: User) -> str:
    return f"/api/v1/users/{user.pk}"


def patch(client: APIClient, url: str, body: Json) -> Any:
    return client.patch(url, body, format="json")


# --- Users -------------------------------------------------------------------------------------------------


def test_colleagues_see_less_of_each_other_than_administrators(
    as_ana: APIClient, as_bruno: APIClient, ana: User, bruno: User, with_key: KeyMaker
) -> None:
    for client, seen in ((as_ana, WHOLE), (as_bruno, COLLEAGUE), (with_key("read"), COLLEAGUE)):
        rows = results(client.get("/api/v1/users"))
        assert [row["id"] for row in rows] == [ana.pk, bruno.pk]
        assert all(set(row) == seen for row in rows)
        assert set(client.get(url_of(ana)).json()) == seen
    assert set(as_bruno.get("/api/v1/users/me").json()) == WHOLE
    assert as_bruno.get("/api/v1/users?fields=email").status_code == 422


def test_nobody_but_administrators_sees_who_left(as_ana: APIClient, as_bruno: APIClient, clara: User) -> None:
    User.objects.filter(pk=clara.pk).update(is_active=False)
    assert as_bruno.get(url_of(clara)).status_code == 404
    assert as_ana.get(url_of(clara)).json()["active"] is False
    assert [row["name"] for row in results(as_ana.get("/api/v1/users?active=false"))] == ["Clara"]
    assert results(as_bruno.get("/api/v1/users?active=false")) == []


def test_users_are_narrowed_by_role_and_team(as_ana: APIClient, bruno: User, clara: User) -> None:
    def names(query: str) -> list[str]:
        return [row["name"] for row in results(as_ana.get(f"/api/v1/users?{query}"))]

    assert names("team=finance") == ["Clara"]
    assert names("role=operator&ordering=-id") == ["Clara", "Bruno"]
    assert names("role=admin") == ["Ana"]


def test_user_that_is_made_chooses_a_password_by_mail(as_ana: APIClient) -> None:
    made = as_ana.post("/api/v1/users", {**EVA, "language": "pt-br"}, format="json")
    assert made.status_code == 201
    assert (made.json()["role"], made.json()["teams"], made.json()["active"]) == ("lead", ["support"], True)
    user = User.objects.get(pk=made.json()["id"])
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (True, False, False)
    (letter,) = delivered()
    body = {"token": token_in(letter), "password": PASSWORD}
    assert post("password-reset/confirm", body).status_code == 204
    assert post("login", {"email": "eva@example.com", "password": PASSWORD}).status_code == 200


def test_user_that_is_made_with_a_password_gets_no_mail(as_ana: APIClient) -> None:
    assert as_ana.post("/api/v1/users", {**EVA, "password": PASSWORD}, format="json").status_code == 201
    assert delivered() == []
    assert post("login", {"email": "eva@example.com", "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"email": "BRUNO@example.com"}, "email"),
        ({"email": "x"}, "email"),
        ({"role": "owner"}, "role"),
        ({"teams": ["nowhere"]}, "teams"),
        ({"teams": "support"}, "teams"),
        ({"language": "de"}, "language"),
        ({"password": "password"}, "password"),
        ({"name": ""}, "name"),
        ({"is_superuser": True}, "is_superuser"),
        ({"is_staff": False}, "is_staff"),
        ({"username": "eva"}, "username"),
        ({"id": 1}, "id"),
    ],
)
def test_user_that_cannot_be_is_refused_by_field(
    as_ana: APIClient, bruno: User, more: Json, field: str
) -> None:
    before = User.objects.count()
    refused = as_ana.post("/api/v1/users", {**EVA, **more}, format="json")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"].startswith(field)
    assert User.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_of_many_users_with_one_address_one_is_made(ana: User) -> None:
    def make(number: int) -> int:
        email = ("Eva@example.com", "eva@example.com")[number % 2]
        return int(signed_in(ana).post("/api/v1/users", {**EVA, "email": email}, format="json").status_code)

    answers = in_parallel([partial(make, number) for number in range(10)])
    assert sorted(answers) == [201] + [422] * 9


def test_administrator_changes_a_user(as_ana: APIClient, bruno: User, other_team: Team) -> None:
    body = {"name": "Bruno Teixeira", "role": "lead", "teams": ["finance"], "email": "b@example.com"}
    changed = patch(as_ana, url_of(bruno), body)
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in body} == body
    bruno.refresh_from_db()
    assert (bruno.display_name, bruno.role, bruno.teams.get()) == ("Bruno Teixeira", "lead", other_team)


@pytest.mark.parametrize("body", [{"role": "admin"}, {"name": "x"}, {"active": False}, {"teams": []}])
def test_lead_makes_nobody_anything(team: Team, bruno: User, body: Json) -> None:
    elsa = make_user("elsa", Role.LEAD, team)
    client = signed_in(elsa)
    assert patch(client, url_of(bruno), body).status_code == 403
    assert patch(client, url_of(elsa), body).status_code == 403
    assert client.post("/api/v1/users", {**EVA, "role": "admin"}, format="json").status_code == 403
    invitation = {"email": "eva@example.com", "role": "admin"}
    assert client.post("/api/v1/invitations", invitation, format="json").status_code == 403
    assert client.post("/api/v1/keys", {"name": "x", "all_teams": True}, format="json").status_code == 403
    elsa.refresh_from_db()
    assert (elsa.role, elsa.is_active, Invitation.objects.exists()) == ("lead", True, False)


@pytest.mark.parametrize(
    "more",
    [
        {"role": "admin"},
        {"teams": ["finance"]},
        {"email": "x@example.com"},
        {"active": True},
        {"is_staff": True},
        {"is_superuser": True},
        {"username": "ana"},
        {"password": PASSWORD},
        {"last_login": None},
    ],
)
def test_one_changes_nothing_of_oneself_but_name_and_language(as_bruno: APIClient, more: Json) -> None:
    refused = patch(as_bruno, "/api/v1/users/me", {"name": "Bruno T", **more})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown")
    changed = patch(as_bruno, "/api/v1/users/me", {"name": "Bruno T", "language": "pt-br"})
    assert (changed.json()["name"], changed.json()["language"], changed.json()["role"]) == (
        "Bruno T",
        "pt-br",
        "operator",
    )


def test_who_is_switched_off_is_out_at_once_and_keeps_what_they_wrote(
    as_ana: APIClient, bruno: User, conversation: Conversation
) -> None:
    message = reply(conversation=conversation, text="Olá", by=bruno.as_actor())
    tokens = sign_in(bruno)
    assert as_ana.delete(url_of(bruno)).status_code == 204
    assert not is_in(tokens["access"])
    message.refresh_from_db()
    assert message.author_id == str(bruno.pk)
    assert patch(as_ana, url_of(bruno), {"active": True}).json()["active"] is True
    # What ended does not come back with them.
    assert not is_in(tokens["access"])
    assert refreshed(tokens["refresh"]).status_code == 401
    assert post("login", {"username": "bruno", "password": "bruno"}).status_code == 200


@pytest.mark.parametrize("body", [{"active": False}, {"role": "operator"}, None])
def test_last_administrator_stays_one(key_admin: KeyClient, body: Json | None) -> None:
    last = make_user("dora", Role.ADMIN)
    refused = key_admin.delete(url_of(last)) if body is None else patch(key_admin, url_of(last), body)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    last.refresh_from_db()
    assert (last.is_active, last.role) == (True, "admin")
    make_user("elsa", Role.ADMIN)
    done = key_admin.delete(url_of(last)) if body is None else patch(key_admin, url_of(last), body)
    assert done.status_code in {200, 204}


def test_those_who_do_not_administer_are_switched_off_where_nobody_does(
    key_admin: KeyClient, bruno: User
) -> None:
    assert key_admin.delete(url_of(bruno)).status_code == 204


@pytest.mark.django_db(transaction=True)
def test_administrators_who_switch_each_other_off_leave_one(team: Team) -> None:
    users = [make_user(name, Role.ADMIN) for name in ("dora", "elsa")]

    def off(one: User, other: User) -> int:
        return int(signed_in(one).delete(url_of(other)).status_code)

    first, second = users
    in_parallel([lambda: off(first, second), lambda: off(second, first)] * 4)
    assert User.objects.filter(is_active=True, role=Role.ADMIN).count() == 1


@pytest.fixture
def key_admin(with_key: KeyMaker) -> KeyClient:
    return with_key("admin")


# --- Teams -------------------------------------------------------------------------------------------------


def test_team_is_made_renamed_and_deleted(as_ana: APIClient, bruno: User) -> None:
    made = as_ana.post("/api/v1/teams", {"slug": "night", "name": "Night"}, format="json")
    assert (made.status_code, made.json()["slug"]) == (201, "night")
    patch(as_ana, url_of(bruno), {"teams": ["support", "night"]})
    changed = patch(as_ana, "/api/v1/teams/night", {"slug": "late", "name": "Late"})
    assert (changed.json()["slug"], changed.json()["name"]) == ("late", "Late")
    assert as_ana.get("/api/v1/teams/night").status_code == 404
    assert as_ana.get(url_of(bruno)).json()["teams"] == ["late", "support"]
    assert as_ana.delete("/api/v1/teams/late").status_code == 204
    assert as_ana.get(url_of(bruno)).json()["teams"] == ["support"]


def test_team_that_something_belongs_to_is_not_deleted(
    as_ana: APIClient, as_clara: APIClient, inbox: Inbox, conversation: Conversation
) -> None:
    """What belongs to nobody is seen by everybody."""
    refused = as_ana.delete("/api/v1/teams/support")
    assert refused.status_code == 409
    Inbox.objects.update(team=None)
    assert as_ana.delete("/api/v1/teams/support").status_code == 409
    assert as_clara.get(f"/api/v1/conversations/{conversation.pk}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"slug": "support", "name": "Another"},
        {"slug": "a b", "name": "x"},
        {"slug": "é", "name": "x"},
        {"slug": "x"},
        {"slug": "x", "name": ""},
        {"slug": 0, "name": "x"},
        {"slug": "x", "name": "x", "members": []},
    ],
)
def test_team_that_cannot_be_is_refused(as_ana: APIClient, body: Json) -> None:
    assert as_ana.post("/api/v1/teams", body, format="json").status_code == 422
    assert Team.objects.count() == 1


def test_slug_that_another_team_has_is_refused(as_ana: APIClient, other_team: Team) -> None:
    refused = patch(as_ana, "/api/v1/teams/finance", {"slug": "support"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "slug")


# --- Keys --------------------------------------------------------------------------------------------------


def test_key_is_shown_once_and_works(as_ana: APIClient, ana: User) -> None:
    body = {"name": "Shop", "scopes": ["read", "write"], "teams": ["support"], "per_minute": 90}
    made = as_ana.post("/api/v1/keys", body, format="json")
    assert made.status_code == 201
    shown = made.json()
    key = shown.pop("key")
    assert {name: shown[name] for name in body} == body
    assert shown["created_by"] == {"id": ana.pk, "name": "Ana"}
    assert KeyClient(key).get("/api/v1/tickets").status_code == 200
    for later in (as_ana.get("/api/v1/keys"), as_ana.get(f"/api/v1/keys/{shown['id']}")):
        assert key not in later.content.decode()
        assert "hash" not in later.content.decode()


def test_key_reads_only_unless_said_otherwise(as_ana: APIClient) -> None:
    made = as_ana.post("/api/v1/keys", {"name": "Shop", "all_teams": True}, format="json").json()
    assert (made["scopes"], made["all_teams"], made["per_minute"]) == (["read"], True, None)


@pytest.mark.parametrize(
    "more",
    [
        {"teams": []},
        {"teams": ["support"], "all_teams": True},
        {"all_teams": True, "scopes": ["root"]},
        {"all_teams": True, "per_minute": 0},
        {"all_teams": True, "per_minute": -1},
        {"all_teams": True, "per_minute": True},
        {"all_teams": True, "expires_at": "tomorrow"},
        {"all_teams": True, "prefix": "hd_x"},
        {"all_teams": True, "key": "x"},
        {},
    ],
)
def test_key_that_cannot_be_is_refused(as_ana: APIClient, more: Json) -> None:
    assert as_ana.post("/api/v1/keys", {"name": "Shop", **more}, format="json").status_code == 422
    assert not ApiKey.objects.exists()


def test_key_is_changed_from_the_next_request_on(as_ana: APIClient, team: Team) -> None:
    row, key = create_api_key(name="Shop", by=Actor.system(), scopes=["read", "write"], all_teams=True)
    url, client = f"/api/v1/keys/{row.pk}", KeyClient(key)
    end = "2030-01-01T00:00:00Z"
    body = {"scopes": ["read"], "all_teams": False, "teams": ["support"], "expires_at": end, "per_minute": 5}
    changed = patch(as_ana, url, body)
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in body} == body
    assert client.post("/api/v1/tickets", {"subject": "x"}, format="json").status_code == 403
    row.refresh_from_db()
    assert row.expires_at == datetime(2030, 1, 1, tzinfo=UTC)
    assert patch(as_ana, url, {"active": False}).json()["active"] is False
    assert client.get("/api/v1/tickets").status_code == 401
    patch(as_ana, url, {"active": True, "per_minute": None})
    assert client.get("/api/v1/tickets").status_code == 200
    assert as_ana.delete(url).status_code == 204
    assert find_api_key(key) is None


@pytest.mark.parametrize("body", [{"all_teams": True}, {"teams": []}, {"all_teams": False, "teams": []}])
def test_key_is_for_all_teams_or_for_some(as_ana: APIClient, team: Team, body: Json) -> None:
    row, _key = create_api_key(name="Shop", by=Actor.system(), teams=[team])
    refused = patch(as_ana, f"/api/v1/keys/{row.pk}", body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "teams")
    row.refresh_from_db()
    assert (row.all_teams, list(row.teams.all())) == (False, [team])


def test_key_of_a_team_administers_nothing(with_key: KeyMaker, team: Team, bruno: User) -> None:
    client = with_key("admin", teams=[team])
    assert client.get("/api/v1/keys").status_code == 403
    assert client.post("/api/v1/keys", {"name": "x", "all_teams": True}, format="json").status_code == 403
    assert patch(client, url_of(bruno), {"role": "admin"}).status_code == 403
    assert ApiKey.objects.count() == 1
