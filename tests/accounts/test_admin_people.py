"""The admin of people: who may do what there, what a form refuses, and in whose language it speaks."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.actions import begin_sign_in, create_api_key, create_user
from accounts.enums import Role
from accounts.models import ApiKey, Invitation, SignIn, Team, User
from accounts.queries import find_api_key
from core.actor import Actor
from tests.accounts.entrance import knock
from tests.accounts.mailbox import delivered
from tests.accounts.test_admin_ways_in import form_of
from tests.conftest import make_user
from tickets.actions import create_ticket

KEY = {"name": "Shop", "scopes": "read", "is_active": "on"}


@pytest.fixture
def desk(client: Client, ana: User) -> Client:
    client.force_login(ana)
    return client


def signs_in(name: str, password: str) -> bool:
    return bool(knock(Client(), name, password).status_code == 302)


def told(page: Any) -> str:
    text: str = page.content.decode()
    return text


def test_role_of_an_administrator_is_enough_without_being_a_superuser(client: Client, bruno: User) -> None:
    client.force_login(make_user("dora", Role.ADMIN))
    assert client.get(f"/admin/accounts/user/{bruno.pk}/change/").status_code == 200
    made = client.post("/admin/accounts/apikey/add/", {**KEY, "all_teams": "on"})
    assert (made.status_code, ApiKey.objects.get().created_by) == (302, User.objects.get(username="dora"))


@pytest.mark.parametrize("model", ["apikey", "invitation", "signin"])
def test_permission_alone_makes_no_key_and_invites_nobody(client: Client, bruno: User, model: str) -> None:
    """Keys may see more than their maker, and an invitation may be one to administer."""
    bruno.user_permissions.set(Permission.objects.filter(content_type__model=model))
    client.force_login(bruno)
    for data in ({**KEY, "all_teams": "on"}, {"email": "eva@example.com", "role": "admin"}):
        assert client.post(f"/admin/accounts/{model}/add/", data).status_code == 403
    assert not ApiKey.objects.exists()
    assert not Invitation.objects.exists()
    assert delivered() == []


def test_permission_alone_widens_no_key(client: Client, bruno: User, team: Team, system: Actor) -> None:
    row, _key = create_api_key(name="Shop", by=system, scopes=["read"], teams=[team])
    bruno.user_permissions.set(Permission.objects.filter(content_type__model="apikey"))
    client.force_login(bruno)
    url = f"/admin/accounts/apikey/{row.pk}/change/"
    assert client.post(url, {**KEY, "scopes": ["read", "admin"], "all_teams": "on"}).status_code == 403
    row.refresh_from_db()
    assert (row.scopes, row.all_teams) == (["read"], False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 81},
        {"scopes": []},
        {"scopes": "root"},
        {"teams": ["0"]},
        {"expires_at_0": "tomorrow", "expires_at_1": "12:00"},
        {"per_minute": "1.5"},
    ],
)
def test_key_that_cannot_be_is_not_made_and_not_shown(desk: Client, wrong: dict[str, Any]) -> None:
    page = desk.post("/admin/accounts/apikey/add/", {**KEY, "all_teams": "on", **wrong})
    assert (page.status_code, ApiKey.objects.exists()) == (200, False)
    assert "hd_" not in told(page)


def test_key_is_deleted_for_good_in_the_admin(desk: Client, system: Actor) -> None:
    row, key = create_api_key(name="Shop", by=system, all_teams=True)
    assert desk.post(f"/admin/accounts/apikey/{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert find_api_key(key) is None


@pytest.mark.parametrize(
    "wrong",
    [{"email": "nobody"}, {"email": ""}, {"role": "owner"}, {"language": "tlh"}, {"teams": ["0"]}],
)
def test_invitation_that_cannot_be_mails_nobody(desk: Client, wrong: dict[str, Any]) -> None:
    data = {"email": "eva@example.com", "role": "operator", **wrong}
    assert desk.post("/admin/accounts/invitation/add/", data).status_code == 200
    assert (Invitation.objects.exists(), delivered()) == (False, [])


def test_invitation_is_not_changed_once_it_is_mailed(desk: Client) -> None:
    data = {"email": "eva@example.com", "role": "operator"}
    assert desk.post("/admin/accounts/invitation/add/", data).status_code == 302
    url = f"/admin/accounts/invitation/{Invitation.objects.get().pk}/change/"
    assert desk.post(url, {**data, "role": "admin"}).status_code == 403
    assert Invitation.objects.get().role == "operator"


def test_ending_sign_ins_ends_the_chosen_ones_once(desk: Client, bruno: User, clara: User) -> None:
    for user in (bruno, bruno, clara):
        begin_sign_in(user=user, ip="10.1.2.3")
    earlier = timezone.now() - timedelta(days=1)
    ended, chosen = SignIn.objects.filter(user=bruno)
    SignIn.objects.filter(pk=ended.pk).update(revoked_at=earlier)
    data = {"action": "revoke", "_selected_action": [str(ended.pk), str(chosen.pk)]}
    page = desk.post("/admin/accounts/signin/", data, follow=True)
    assert "1 sign-in ended." in told(page)
    ended.refresh_from_db()
    assert ended.revoked_at == earlier, "when it ended stays known"
    assert SignIn.objects.get(user=clara).revoked_at is None


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("pt-br", "Alguém já tem este endereço de e-mail."),
        ("es", "Alguien ya tiene esta dirección de correo."),
        ("en", "Somebody has this e-mail address already."),
    ],
)
def test_form_refuses_in_the_language_of_who_reads_it(
    desk: Client, bruno: User, language: str, words: str
) -> None:
    data = {"email": bruno.email, "role": "operator"}
    page = desk.post("/admin/accounts/invitation/add/", data, HTTP_ACCEPT_LANGUAGE=language)
    assert words in told(page)


@pytest.mark.parametrize("field", ["role", "language", "teams"])
def test_user_is_not_changed_to_what_there_is_not(desk: Client, bruno: User, field: str) -> None:
    url = f"/admin/accounts/user/{bruno.pk}/change/"
    assert desk.post(url, form_of(bruno, **{field: "nowhere"})).status_code == 200
    bruno.refresh_from_db()
    assert (bruno.role, bruno.language, bruno.teams.count()) == ("operator", "", 1)


def test_name_to_sign_in_with_follows_the_address(desk: Client, bruno: User) -> None:
    User.objects.filter(pk=bruno.pk).update(username=bruno.email)
    bruno.refresh_from_db()
    url = f"/admin/accounts/user/{bruno.pk}/change/"
    assert desk.post(url, form_of(bruno, email="Bruno@new.example")).status_code == 302
    bruno.refresh_from_db()
    assert (bruno.username, bruno.email) == ("bruno@new.example", "Bruno@new.example")
    desk.post(url, form_of(bruno, username="bruno"))
    desk.post(url, form_of(bruno, username="bruno", email="b@new.example"))
    bruno.refresh_from_db()
    assert (bruno.username, bruno.email) == ("bruno", "b@new.example"), "a name of their own stays"


def test_word_for_no_team_names_none(desk: Client, team: Team) -> None:
    for url in ("/admin/accounts/team/add/", f"/admin/accounts/team/{team.pk}/change/"):
        assert "This short name stands for no team." in told(desk.post(url, {"name": "X", "slug": "none"}))
    assert not Team.objects.filter(slug="none").exists()


def test_password_that_an_administrator_sets_ends_what_hung_on_the_old_one(desk: Client, bruno: User) -> None:
    browser = Client()
    browser.force_login(bruno)
    begin_sign_in(user=bruno, ip=None)
    new = "correct horse 7 battery"
    data = {"password1": new, "password2": new, "usable_password": "true"}
    assert desk.post(f"/admin/accounts/user/{bruno.pk}/password/", data).status_code == 302
    bruno.refresh_from_db()
    assert bruno.check_password(new)
    assert not SignIn.objects.select_related("user").get().is_good
    assert browser.get("/admin/inbox/").status_code == 302


def test_user_who_was_made_by_mail_has_no_password_that_anybody_could_type(db: None, system: Actor) -> None:
    made = create_user(email="Eva@Example.com", name="Eva", by=system)
    assert (made.has_usable_password(), made.username) == (False, "eva@example.com")
    for typed in ("!", made.password, "None", made.username):
        assert not signs_in(made.username, typed)
    assert [letter.to for letter in delivered()] == [["Eva@Example.com"]]


@pytest.mark.parametrize("path", ["user", "team", "apikey", "invitation", "signin"])
def test_search_takes_any_words_as_words(desk: Client, ana: User, system: Actor, path: str) -> None:
    create_api_key(name="Shop", by=system, all_teams=True)
    begin_sign_in(user=ana, ip="10.1.2.3")
    for words in ("%", "' OR 1=1 --", "\\", "é", "0" * 300):
        page = desk.get(f"/admin/accounts/{path}/", {"q": words})
        assert (page.status_code, page.context["cl"].result_count) == (200, 0), words


def test_users_are_never_deleted(desk: Client, ana: User, bruno: User) -> None:
    for user in (ana, bruno):
        assert desk.post(f"/admin/accounts/user/{user.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [ana.pk, bruno.pk], "post": "yes"}
    desk.post("/admin/accounts/user/", chosen)
    assert set(User.objects.all()) == {ana, bruno}


def test_permission_alone_makes_nobody_an_administrator(client: Client, bruno: User) -> None:
    bruno.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    client.force_login(bruno)
    form = form_of(bruno, role="admin", is_superuser="on")
    assert client.post(f"/admin/accounts/user/{bruno.pk}/change/", form).status_code == 403
    assert client.post("/admin/accounts/user/add/", form).status_code == 403
    bruno.refresh_from_db()
    assert (bruno.role, bruno.is_superuser) == ("operator", False)


def test_team_that_something_belongs_to_is_not_deleted(desk: Client, team: Team, other_team: Team) -> None:
    """Without its team, a ticket would be everybody's."""
    ticket = create_ticket(by=Actor.system(), subject="x", team=team)
    one = f"/admin/accounts/team/{team.pk}/delete/"
    assert "Support: tickets" in told(desk.post(one, {"post": "yes"}))
    both = {"action": "delete_selected", "_selected_action": [team.pk, other_team.pk], "post": "yes"}
    desk.post("/admin/accounts/team/", both)
    ticket.refresh_from_db()
    assert (ticket.team, Team.objects.count()) == (team, 2)
    desk.post("/admin/accounts/team/", {**both, "_selected_action": [other_team.pk]})
    ticket.delete()
    desk.post(one, {"post": "yes"})
    assert not Team.objects.exists()
