"""The page of one's own account, what ends sessions, and what administrators do for others."""

from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.actions.sign_ins import begin_sign_in, refresh
from accounts.models import User
from accounts.signing_in.factors import remove_second_factors
from accounts.signing_in.sessions import end_sessions
from core.actor import Actor
from core.errors import Conflict, Forbidden, Unauthenticated
from tests.accounts.entrance import ME, give_app, give_codes, is_in, knock, show_again, signed_in, words

PASSWORDS = {"oldpassword": "bruno", "password1": "a long new word", "password2": "a long new word"}


def test_another_password_ends_all_other_sessions(bruno: User, clara: User) -> None:
    here, there, foreign = signed_in(bruno), signed_in(bruno), signed_in(clara)
    key = here.session.session_key
    assert here.post("/accounts/me/password/", PASSWORDS)["Location"] == ME
    assert (is_in(here), is_in(there), is_in(foreign)) == (True, False, True)
    assert here.session.session_key != key
    assert knock(Client(), "bruno").status_code == 200
    assert knock(Client(), "bruno", "a long new word").status_code == 302


@pytest.mark.parametrize(
    "change",
    [{"oldpassword": "wrong"}, {"password2": "other"}, {"password1": "123", "password2": "123"}],
)
def test_a_password_is_changed_by_who_knows_it_to_a_good_one(bruno: User, change: dict[str, str]) -> None:
    client = signed_in(bruno)
    assert client.post("/accounts/me/password/", {**PASSWORDS, **change}).status_code == 200
    assert User.objects.get(pk=bruno.pk).check_password("bruno")


def test_guessing_the_password_on_its_own_page_locks_too(bruno: User) -> None:
    client = signed_in(bruno)
    wrong = {**PASSWORDS, "oldpassword": "wrong"}
    answers = [client.post("/accounts/me/password/", wrong).status_code for _number in range(10)]
    assert answers == [200] * 9 + [429]


def test_who_has_no_password_gets_none_here(bruno: User) -> None:
    client = Client()
    bruno.set_unusable_password()
    bruno.save()
    client.force_login(bruno)
    assert client.get("/accounts/me/password/").status_code == 404
    assert "/accounts/me/password/" not in client.get(ME).content.decode()


def test_signing_out_everywhere_ends_one_s_own_sessions_and_no_others(bruno: User, clara: User) -> None:
    here, there, foreign = signed_in(bruno), signed_in(bruno), signed_in(clara)
    assert here.post("/accounts/me/sign-out/")["Location"].startswith("/accounts/again/")
    show_again(here, bruno)
    assert is_in(there)
    tokens = begin_sign_in(user=bruno, ip=None)
    here.post("/accounts/me/sign-out/")
    with pytest.raises(Unauthenticated):
        refresh(token=tokens.refresh)
    assert (is_in(here), is_in(there), is_in(foreign)) == (False, False, True)


def test_one_session_may_be_kept(bruno: User) -> None:
    here, there = signed_in(bruno), signed_in(bruno)
    assert end_sessions(bruno, but=here.session.session_key) == 1
    assert (is_in(here), is_in(there)) == (True, False)


def test_who_is_switched_off_stays_out_when_switched_on_again(ana: User, bruno: User) -> None:
    theirs, admin = signed_in(bruno), Client()
    admin.force_login(ana)
    form = admin.get(f"/admin/accounts/user/{bruno.pk}/change/").context["adminform"].form
    values = {name: value for name, value in form.initial.items() if value and name != "is_active"}
    values |= {"last_login_0": "", "date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
    values["teams"] = [team.pk for team in bruno.teams.all()]
    assert admin.post(f"/admin/accounts/user/{bruno.pk}/change/", values).status_code == 302
    assert not User.objects.get(pk=bruno.pk).is_active
    User.objects.update(is_active=True)
    assert not is_in(theirs)


@pytest.mark.parametrize("path", ["app/", "app/remove/", "recovery-codes/", "recovery-codes/new/",
                                  "passkeys/add/", "sign-on/", "sign-out/"])  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post"])
def test_weighty_pages_ask_for_the_password(bruno: User, path: str, method: str) -> None:
    client = signed_in(bruno)
    if path != "app/":
        give_app(bruno)
        give_codes(bruno)
    answer = getattr(client, method)(f"{ME}{path}")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/again/")


def test_passkeys_of_others_are_not_touched(bruno: User, clara: User) -> None:
    row = Authenticator.objects.create(user=clara, type="webauthn", data={"name": "Hers", "credential": {}})
    client = signed_in(bruno)
    show_again(client, bruno)
    for verb in ("name", "remove"):
        assert client.post(f"{ME}passkeys/{row.pk}/{verb}/", {"name": "Mine"}).status_code == 404
    row.refresh_from_db()
    assert row.data["name"] == "Hers"


def test_an_administrator_removes_what_somebody_lost(ana: User, bruno: User) -> None:
    give_app(bruno)
    give_codes(bruno)
    theirs, admin = Client(), Client()
    theirs.force_login(bruno)
    admin.force_login(ana)
    data = {"action": "remove_factors", "_selected_action": [str(bruno.pk)]}
    page = admin.post("/admin/accounts/user/", data, follow=True)
    assert "1 user signs in with a password now" in words(page)
    assert not is_in(theirs)
    assert is_in(signed_in(bruno))


def test_only_administrators_do_and_only_for_others(ana: User, bruno: User, clara: User) -> None:
    give_app(clara)
    with pytest.raises(Forbidden):
        remove_second_factors(user=clara, by=bruno.as_actor())
    with pytest.raises(Conflict):
        remove_second_factors(user=ana, by=ana.as_actor())
    assert Authenticator.objects.filter(user=clara).exists()
    assert remove_second_factors(user=clara, by=Actor.system()) == 1


def test_the_command_removes_them_too(bruno: User) -> None:
    give_app(bruno)
    out = StringIO()
    call_command("remove_second_factors", "bruno@example.com", stdout=out)
    assert out.getvalue() == "Removed 1 of bruno.\n"
    with pytest.raises(CommandError):
        call_command("remove_second_factors", "nobody")


def test_sessions_of_strangers_are_read_over(bruno: User) -> None:
    Session.objects.create(session_key="x" * 32, session_data="nonsense", expire_date="2099-01-01T00:00Z")
    client = signed_in(bruno)
    assert end_sessions(bruno) == 1
    assert not is_in(client)
