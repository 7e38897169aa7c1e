"""What a change of a user means at once: for what they see, how they sign in, and what is told of them."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.enums import Role
from accounts.models import Team, User
from conversations.models import Conversation
from core.actor import Actor
from tests.accounts.mailbox import delivered, token_in
from tests.api.conftest import results
from tests.api.test_tokens import PASSWORD, bearer, is_in, post, refreshed, sign_in
from tests.conftest import make_user
from tickets.actions import create_ticket
from tickets.models import Ticket

Json = dict[str, Any]
Changer = Callable[..., Any]


@pytest.fixture
def change(as_ana: APIClient) -> Changer:
    """Changes a user as the administrator and returns the answer."""

    def ask(user: User, **body: Any) -> Any:
        return as_ana.patch(f"/api/v1/users/{user.pk}", body, format="json")

    return ask


def may_administer(token: str) -> bool:
    status = bearer(token).get("/api/v1/keys").status_code
    assert status in {200, 403}
    return status == 200


def test_role_counts_from_the_next_request_on(change: Changer, bruno: User) -> None:
    """A token says who somebody is, never what they may: the role is read each time."""
    token = sign_in(bruno)["access"]
    assert not may_administer(token)
    assert change(bruno, role="admin").status_code == 200
    assert may_administer(token)
    assert change(bruno, role="lead").status_code == 200
    assert not may_administer(token)


def test_who_leaves_a_team_keeps_sight_of_what_is_given_to_them_only(
    change: Changer, bruno: User, conversation: Conversation, other_team: Team
) -> None:
    token = sign_in(bruno)["access"]
    theirs, others = (
        create_ticket(by=Actor.system(), subject=subject, conversation=conversation)
        for subject in ("Estorno", "Troca de tamanho")
    )
    Ticket.objects.filter(pk=theirs.pk).update(assignee=bruno)
    assert change(bruno, teams=["finance"]).json()["teams"] == ["finance"]
    client = bearer(token)
    assert [row["id"] for row in results(client.get("/api/v1/tickets"))] == [str(theirs.pk)]
    assert client.get(f"/api/v1/tickets/{others.pk}").status_code == 404
    assert client.get(f"/api/v1/conversations/{conversation.pk}").status_code == 404
    # The ticket is theirs to work on; the conversation that it came of is not theirs to read.
    assert client.get(f"/api/v1/tickets/{theirs.pk}").json()["conversations"] == []


def test_address_is_another_one_for_signing_in_and_for_mails(change: Changer, bruno: User) -> None:
    assert change(bruno, email="Bruno.T@example.com").json()["email"] == "Bruno.T@example.com"
    for email, status in (("bruno@example.com", 401), ("bruno.t@EXAMPLE.com", 200)):
        assert post("login", {"email": email, "password": "bruno"}).status_code == status
        assert post("password-reset", {"email": email}).status_code == 202
    assert [letter.to for letter in delivered()] == [["Bruno.T@example.com"]]


def test_address_may_be_written_in_another_case_by_its_owner_only(
    change: Changer, bruno: User, clara: User
) -> None:
    assert change(bruno, email="BRUNO@example.com").status_code == 200
    refused = change(clara, email="bruno@EXAMPLE.com")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "email")


def test_address_of_who_left_stays_theirs(change: Changer, as_ana: APIClient, bruno: User) -> None:
    """They may come back; and what was mailed to them shall not open somebody else's account."""
    change(bruno, active=False)
    body = {"email": "bruno@example.com", "name": "Bruno II"}
    assert as_ana.post("/api/v1/users", body, format="json").status_code == 422
    assert as_ana.post("/api/v1/invitations", {"email": body["email"]}, format="json").status_code == 409
    assert delivered() == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("  Zoë  O’Brien ", "Zoë  O’Brien"),
        ("李小龍", "李小龍"),
        ("محمد", "محمد"),
        ("👩🏽‍💻", "👩🏽‍💻"),
        ("x" * 150, "x" * 150),
        ("x" * 151, None),
        (" " * 151, None),
        (" \u00a0\t", None),
        ("", None),
        ("a\x00b", None),
        (None, None),
        (7, None),
    ],
)
def test_name_is_any_text_of_150_letters(
    change: Changer, bruno: User, as_bruno: APIClient, name: Any, kept: str | None
) -> None:
    for answer in (
        change(bruno, name=name),
        as_bruno.patch("/api/v1/users/me", {"name": name}, format="json"),
    ):
        if kept is None:
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "name")
        else:
            assert (answer.status_code, answer.json()["name"]) == (200, kept)


def test_history_keeps_the_name_that_somebody_had(change: Changer, bruno: User, as_bruno: APIClient) -> None:
    made = as_bruno.post("/api/v1/tickets", {"subject": "Estorno"}, format="json").json()
    url = f"/api/v1/tickets/{made['id']}"
    as_bruno.patch(url, {"assignee": bruno.pk}, format="json")
    change(bruno, name="Bruna Teixeira")
    shown = as_bruno.patch(url, {"priority": "high"}, format="json").json()
    assert [line["by"]["name"] for line in shown["history"]] == ["Bruno", "Bruno", "Bruna Teixeira"]
    assert shown["history"][1]["changes"]["assignee"] == {"from": None, "to": "Bruno"}
    assert shown["assignee"]["name"] == "Bruna Teixeira"


def test_who_is_switched_off_keeps_their_work_and_gets_no_more(
    change: Changer, as_ana: APIClient, bruno: User
) -> None:
    made = as_ana.post("/api/v1/tickets", {"subject": "Estorno"}, format="json").json()
    url = f"/api/v1/tickets/{made['id']}"
    as_ana.patch(url, {"assignee": bruno.pk}, format="json")
    change(bruno, active=False)
    assert as_ana.patch(url, {"priority": "high"}, format="json").json()["assignee"]["id"] == bruno.pk
    other = as_ana.post("/api/v1/tickets", {"subject": "Outro"}, format="json").json()
    refused = as_ana.patch(f"/api/v1/tickets/{other['id']}", {"assignee": bruno.pk}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "assignee")


def test_administrator_may_switch_themselves_off_while_another_stays(change: Changer, ana: User) -> None:
    dora = make_user("dora", Role.ADMIN)
    tokens = sign_in(dora)
    off = bearer(tokens["access"]).delete(f"/api/v1/users/{dora.pk}")
    assert off.status_code == 204
    assert not is_in(tokens["access"])
    assert refreshed(tokens["refresh"]).status_code == 401
    assert post("login", {"username": "dora", "password": "dora"}).status_code == 401


def test_superuser_without_the_role_counts_as_somebody_who_administers(change: Changer, ana: User) -> None:
    """Ana's role says operator at the end, and she administers all the same."""
    dora = make_user("dora", Role.ADMIN)
    assert change(ana, role="operator").json()["role"] == "operator"
    assert change(dora, active=False).status_code == 200
    assert change(ana, name="Ana A").status_code == 200


def test_refused_change_changes_nothing_of_what_else_it_names(
    change: Changer, bruno: User, clara: User, team: Team
) -> None:
    for wrong in ({"email": clara.email}, {"role": "owner"}, {"teams": ["nowhere"]}, {"language": "de"}):
        body: Json = {"name": "Other", "active": False, **wrong}
        assert change(bruno, **body).status_code == 422
    bruno.refresh_from_db()
    assert (bruno.display_name, bruno.is_active, bruno.teams.get()) == ("Bruno", True, team)


def test_last_administrator_who_is_refused_keeps_the_rest_too(as_ana: APIClient, ana: User) -> None:
    dora = make_user("dora", Role.ADMIN)
    User.objects.filter(pk=ana.pk).update(is_superuser=False, role=Role.OPERATOR)
    url = f"/api/v1/users/{dora.pk}"
    token = sign_in(dora)["access"]
    body = {"role": "lead", "name": "Other", "teams": ["support"]}
    assert bearer(token).patch(url, body, format="json").status_code == 409
    dora.refresh_from_db()
    assert (dora.role, dora.display_name, dora.teams.count(), is_in(token)) == ("admin", "Dora", 0, True)


def test_teams_are_replaced_and_each_is_named_once(
    change: Changer, bruno: User, team: Team, other_team: Team
) -> None:
    assert change(bruno, teams=["finance", "finance"]).json()["teams"] == ["finance"]
    assert change(bruno, name="B").json()["teams"] == ["finance"]
    assert change(bruno, teams=["support", "finance"]).json()["teams"] == ["finance", "support"]
    assert change(bruno, teams=[]).json()["teams"] == []
    assert change(bruno, teams=["support"] * 101).status_code == 422


def test_language_is_one_that_is_spoken_or_that_of_the_installation(change: Changer, bruno: User) -> None:
    for language in ("pt-br", "es", "en", ""):
        assert change(bruno, language=language).json()["language"] == language
    wrong: list[Any] = ["pt-BR", "pt", "tlh", None, 0]
    assert {change(bruno, language=language).status_code for language in wrong} == {422}


@pytest.mark.parametrize("number", [0, 2**31, 2**63 - 1, 2**63, 10**30])
def test_number_that_no_user_has_is_not_found(as_ana: APIClient, number: int) -> None:
    url = f"/api/v1/users/{number}"
    assert as_ana.get(url).status_code == as_ana.delete(url).status_code == 404
    assert as_ana.patch(url, {"name": "x"}, format="json").status_code == 404


def test_user_who_is_no_staff_is_nobody_here(as_ana: APIClient) -> None:
    """Rows that other apps of the installation made are neither shown nor changed."""
    row = User.objects.create_user("shopper", "shopper@example.com", "x", is_staff=False)
    assert as_ana.get(f"/api/v1/users/{row.pk}").status_code == 404
    assert as_ana.patch(f"/api/v1/users/{row.pk}", {"role": "admin"}, format="json").status_code == 404
    assert "shopper" not in [user["username"] for user in results(as_ana.get("/api/v1/users"))]


# --- Passwords ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password", [" two words 7 ", "zażółć gęślą jaźń", "x7!" * 42 + "ab", "👩🏽‍💻 sits here"]
)
def test_password_is_taken_as_it_was_typed(as_ana: APIClient, password: str) -> None:
    body = {"email": "eva@example.com", "name": "Eva", "password": password}
    assert as_ana.post("/api/v1/users", body, format="json").status_code == 201
    for typed, status in ((password, 200), (f"{password} ", 401), (password[1:], 401)):
        sent = {"email": "eva@example.com", "password": typed[:128]}
        if typed[:128] != password or status == 200:
            assert post("login", sent).status_code == status


@pytest.mark.parametrize("password", ["", "1234567", "password1", "bruno@example.com", "x" * 129])
def test_weak_password_is_refused_at_each_door_and_the_link_stays_good(bruno: User, password: str) -> None:
    token = bearer(sign_in(bruno)["access"])
    post("password-reset", {"email": bruno.email})
    link = token_in(delivered()[0])
    change = {"old_password": "bruno", "new_password": password}
    for refused, field in (
        (post("password-reset/confirm", {"token": link, "password": password}), "password"),
        (token.post("/api/v1/auth/password", change, format="json"), "new_password"),
    ):
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert token.get("/api/v1/auth/me").status_code == 200
    assert post("password-reset/confirm", {"token": link, "password": PASSWORD}).status_code == 204


def test_thief_of_a_token_does_not_find_the_password_with_it(bruno: User, still_minute: None) -> None:
    client = bearer(sign_in(bruno)["access"])
    body = {"old_password": "wrong", "new_password": PASSWORD}
    answers = [client.post("/api/v1/auth/password", body, format="json").status_code for _ in range(21)]
    assert answers == [422] * 20 + [429]
    right = client.post("/api/v1/auth/password", {**body, "old_password": "bruno"}, format="json")
    assert right.status_code == 429
    assert bruno.check_password("bruno")


def test_address_that_was_given_up_can_be_somebody_elses(as_ana: APIClient) -> None:
    first = {"email": "eva@example.com", "name": "Eva", "password": PASSWORD}
    eva = as_ana.post("/api/v1/users", first, format="json").json()["id"]
    as_ana.patch(f"/api/v1/users/{eva}", {"email": "e2@example.com"}, format="json")
    assert as_ana.post("/api/v1/users", {**first, "name": "Other Eva"}, format="json").status_code == 201
    assert User.objects.get(pk=eva).username == "e2@example.com"


def test_address_of_which_too_much_would_be_the_name_is_refused(as_ana: APIClient) -> None:
    """Some capitals are two small letters."""
    long = "e@" + ".".join(["\u0130" * 12] * 9) + ".com"
    refused = as_ana.post("/api/v1/users", {"email": long, "name": "E", "password": PASSWORD}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "email")
