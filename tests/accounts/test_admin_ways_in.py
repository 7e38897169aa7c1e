"""Sign-ins, invitations and the last administrator in the admin."""

from typing import Any

import pytest
from django.test import Client

from accounts.actions import begin_sign_in
from accounts.enums import Role
from accounts.models import ApiKey, Invitation, SignIn, Team, User
from tests.accounts.mailbox import delivered
from tests.conftest import make_user


@pytest.fixture
def desk(client: Client, ana: User) -> Client:
    client.force_login(ana)
    return client


def form_of(user: User, **more: Any) -> dict[str, Any]:
    values = {
        "username": user.username,
        "email": user.email,
        "role": user.role,
        "is_active": "on",
        "is_staff": "on",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    }
    return {name: value for name, value in {**values, **more}.items() if value is not None}


def test_sign_ins_of_a_user_are_found_and_ended(desk: Client, bruno: User, clara: User) -> None:
    for user in (bruno, clara):
        begin_sign_in(user=user, ip="10.1.2.3", user_agent="curl/8")
    page = desk.get("/admin/accounts/signin/?q=bruno").content.decode()
    assert "10.1.2.3" in page
    row = SignIn.objects.get(user=bruno)
    desk.post("/admin/accounts/signin/", {"action": "revoke", "_selected_action": [str(row.pk)]})
    assert SignIn.objects.get(user=bruno).revoked_at is not None
    assert SignIn.objects.get(user=clara).revoked_at is None


def test_sign_in_is_looked_at_only(desk: Client, bruno: User) -> None:
    begin_sign_in(user=bruno, ip=None)
    row = SignIn.objects.get()
    page = desk.get(f"/admin/accounts/signin/{row.pk}/change/")
    assert page.status_code == 200
    assert str(row.current) not in page.content.decode()
    assert row.password_mark not in page.content.decode()
    assert desk.get("/admin/accounts/signin/add/").status_code == 403
    assert desk.post(f"/admin/accounts/signin/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_lists_ask_as_much_for_three_as_for_one(desk: Client, django_assert_max_num_queries: Any) -> None:
    counts = []
    for number in range(3):
        begin_sign_in(user=make_user(f"u{number}", Role.OPERATOR), ip=None)
        data = {"email": f"i{number}@example.com", "role": "operator"}
        assert desk.post("/admin/accounts/invitation/add/", data).status_code == 302
        found = []
        for path in ("signin", "invitation"):
            desk.get(f"/admin/accounts/{path}/")
            with django_assert_max_num_queries(20) as captured:
                desk.get(f"/admin/accounts/{path}/")
            found.append(len(captured))
        counts.append(found)
    assert counts[0] == counts[1] == counts[2]


def test_somebody_is_invited(desk: Client, ana: User, team: Team) -> None:
    data = {"email": "eva@example.com", "role": "lead", "teams": [str(team.pk)], "language": "es"}
    assert desk.post("/admin/accounts/invitation/add/", data).status_code == 302
    row = Invitation.objects.get()
    assert (row.email, row.role, row.teams.get(), row.created_by) == ("eva@example.com", "lead", team, ana)
    assert [letter.to for letter in delivered()] == [["eva@example.com"]]
    page = desk.get(f"/admin/accounts/invitation/{row.pk}/change/").content.decode()
    row.refresh_from_db()
    assert str(row.token_hash) not in page
    assert desk.post(f"/admin/accounts/invitation/{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Invitation.objects.exists()


def test_known_address_is_not_invited_and_nobody_where_it_is_off(
    desk: Client, bruno: User, settings: Any
) -> None:
    page = desk.post("/admin/accounts/invitation/add/", {"email": bruno.email, "role": "operator"})
    assert "Somebody has this e-mail address already." in page.content.decode()
    settings.REGISTRATION = "off"
    assert desk.get("/admin/accounts/invitation/add/").status_code == 403
    assert "REGISTRATION=invite" in desk.get("/admin/accounts/invitation/").content.decode()
    assert not Invitation.objects.exists()


def test_lead_sees_neither(client: Client, team: Team) -> None:
    client.force_login(make_user("elsa", Role.LEAD, team))
    for path in ("signin", "invitation", "apikey"):
        assert client.get(f"/admin/accounts/{path}/").status_code == 403


def test_user_who_is_switched_off_in_the_admin_is_signed_out(desk: Client, bruno: User) -> None:
    begin_sign_in(user=bruno, ip=None)
    url = f"/admin/accounts/user/{bruno.pk}/change/"
    assert desk.post(url, form_of(bruno)).status_code == 302
    assert SignIn.objects.get().revoked_at is None
    assert desk.post(url, form_of(bruno, is_active=None)).status_code == 302
    assert SignIn.objects.get().revoked_at is not None


@pytest.mark.parametrize(
    "more", [{"is_active": None}, {"is_superuser": None, "role": "lead"}, {"is_staff": None}]
)
def test_last_administrator_stays_one(desk: Client, ana: User, more: dict[str, Any]) -> None:
    url = f"/admin/accounts/user/{ana.pk}/change/"
    page = desk.post(url, form_of(ana, **{"is_superuser": "on", **more}))
    assert "Nobody would be left who administers" in page.content.decode()
    make_user("dora", Role.ADMIN)
    assert desk.post(url, form_of(ana, **{"is_superuser": "on", **more})).status_code == 302


def test_address_belongs_to_one_user(desk: Client, bruno: User, clara: User) -> None:
    url = f"/admin/accounts/user/{clara.pk}/change/"
    page = desk.post(url, form_of(clara, email="BRUNO@example.com"))
    assert "Somebody has this e-mail address already." in page.content.decode()
    assert desk.post(url, form_of(clara, email="")).status_code == 302
    assert desk.post(f"/admin/accounts/user/{bruno.pk}/change/", form_of(bruno, email="")).status_code == 302


@pytest.mark.parametrize(("given", "kept"), [("", None), ("5", 5), ("0", "refused"), ("-1", "refused")])
def test_key_has_a_pace_above_zero(desk: Client, ana: User, given: str, kept: Any) -> None:
    data = {"name": "Shop", "scopes": "read", "all_teams": "on", "is_active": "on", "per_minute": given}
    answer = desk.post("/admin/accounts/apikey/add/", data)
    if kept == "refused":
        assert (answer.status_code, ApiKey.objects.exists()) == (200, False)
    else:
        row = ApiKey.objects.get()
        assert (row.per_minute, row.created_by) == (kept, ana)
