"""Invitations: of one address, for one user, with nothing in it that the invited could choose."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.actions import invite, withdraw_invitation
from accounts.actions.mailing import write
from accounts.models import Invitation, Team, User
from accounts.tasks import MailKind
from core.actor import Actor
from tests.accounts.mailbox import delivered, token_in
from tests.api.conftest import results
from tests.api.test_tokens import NOON, PASSWORD, post
from tests.conversations.lines import planned
from tests.conversations.test_receive import in_parallel

Json = dict[str, Any]
LIST = "/api/v1/invitations"
EVA = "eva@example.com"
Inviter = Callable[..., str]


@pytest.fixture
def invited(as_ana: APIClient) -> Inviter:
    """Invites somebody and returns the token of the link that they were mailed."""

    def ask(email: str = EVA, **more: Any) -> str:
        made = as_ana.post(LIST, {"email": email, **more}, format="json")
        assert made.status_code == 201, made.content
        return token_in(delivered()[-1])

    return ask


def join(token: str, **more: Any) -> Any:
    return post("register", {"invitation": token, "name": "Eva Prado", "password": PASSWORD, **more})


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"password": "12345678"}, "password"),
        ({"password": "eva@example.com"}, "password"),
        ({"password": ""}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"name": " \t "}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x" * 151}, "name"),
        ({"language": "de"}, "language"),
        ({"email": EVA}, "email"),
        ({"role": "admin"}, "role"),
        ({"teams": ["finance"]}, "teams"),
        ({"is_superuser": True}, "is_superuser"),
    ],
)
def test_link_is_still_good_after_a_slip(invited: Inviter, more: Json, field: str) -> None:
    """Who mistypes is not locked out, and who asks for more than the invitation gets nothing of it."""
    token = invited()
    refused = join(token, **more)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert not User.objects.filter(email=EVA).exists()
    assert Invitation.objects.get().accepted_at is None
    assert (join(token).status_code, join(token).status_code) == (201, 422)


def test_second_invitation_ends_neither_but_one_user_comes_of_both(invited: Inviter) -> None:
    first, second = invited(role="lead"), invited(role="operator")
    assert join(first).json()["role"] == "lead"
    late = join(second)
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "email")
    assert list(Invitation.objects.filter(role="operator").values_list("accepted_at")) == [(None,)]
    assert User.objects.get(email=EVA).role == "lead"


@pytest.mark.django_db(transaction=True)
def test_of_two_invitations_of_an_address_at_once_one_is_taken(invited: Inviter) -> None:
    tokens = [invited(EVA), invited("Eva@Example.com")]
    answers = in_parallel([partial(join, token) for token in tokens * 3])
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 5
    assert User.objects.filter(email__iexact=EVA).count() == 1
    assert Invitation.objects.exclude(accepted_at=None).count() == 1


def test_invitation_makes_nobody_of_an_address_that_was_given_away(
    as_ana: APIClient, invited: Inviter
) -> None:
    token = invited(role="admin")
    body = {"email": EVA.upper(), "name": "Another Eva"}
    assert as_ana.post("/api/v1/users", body, format="json").status_code == 201
    assert join(token).json()["errors"][0]["field"] == "email"
    assert User.objects.get(email__iexact=EVA).role == "operator", "and theirs is not another role by it"


def test_team_that_was_deleted_meanwhile_is_left_out(
    as_ana: APIClient, invited: Inviter, team: Team, other_team: Team
) -> None:
    token = invited(teams=["finance", "support", "finance"])
    assert as_ana.delete("/api/v1/teams/finance").status_code == 204
    assert results(as_ana.get(LIST))[0]["teams"] == ["support"]
    assert join(token).json()["teams"] == ["support"]


@pytest.mark.parametrize(
    ("of_mail", "chosen", "kept"),
    [("es", None, "es"), ("es", "pt-br", "pt-br"), ("es", "", "es"), ("", None, ""), ("", "en", "en")],
)
def test_who_joins_may_choose_another_language(
    invited: Inviter, of_mail: str, chosen: str | None, kept: str
) -> None:
    token = invited(language=of_mail)
    answer = join(token, **({} if chosen is None else {"language": chosen}))
    assert (answer.status_code, answer.json()["language"]) == (201, kept)


def test_mail_that_is_written_again_makes_the_link_before_it_void(invited: Inviter) -> None:
    """A mail server that fails after it took a mail gets it once more: one link is good, the last."""
    first = invited()
    again = write(MailKind.INVITATION, str(Invitation.objects.get().pk))
    assert again is not None
    second = next(word for word in again.text.split() if "/accounts/invitation/" in word).split("/")[-2]
    assert join(first).status_code == 422
    assert join(second).status_code == 201


@pytest.mark.parametrize("what", ["withdrawn", "accepted", "too old"])
def test_mail_about_nothing_is_not_sent(ana: User, what: str) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        row = invite(email=EVA, by=ana.as_actor())
        if what == "withdrawn":
            withdraw_invitation(invitation=row, by=ana.as_actor())
        elif what == "accepted":
            Invitation.objects.update(accepted_at=NOON)
        else:
            clock.shift(timedelta(hours=72))
        assert delivered() == []
        assert not Invitation.objects.exclude(token_hash=None).exists(), "nor is a link made that nobody has"


def test_refused_invitation_mails_nobody(as_ana: APIClient, bruno: User) -> None:
    wrong: list[Json] = [
        {"email": bruno.email},
        {"email": "nobody"},
        {"email": f"{'x' * 140}@example.com"},
        {"email": EVA, "role": "owner"},
        {"email": EVA, "teams": ["nowhere"]},
        {"email": EVA, "teams": ["support"] * 101},
        {"email": EVA, "language": "tlh"},
        {"email": EVA, "expires_at": "2030-01-01T00:00:00Z"},
    ]
    assert {as_ana.post(LIST, body, format="json").status_code for body in wrong} == {409, 422}
    assert (planned("accounts.send_mail"), Invitation.objects.count()) == ([], 0)


def test_withdrawing_what_was_accepted_takes_nobody_away(as_ana: APIClient, invited: Inviter) -> None:
    assert join(invited()).status_code == 201
    (row,) = results(as_ana.get(LIST))
    assert row["accepted_at"] is not None
    one = f"{LIST}/{row['id']}"
    assert [as_ana.delete(one).status_code for _ in range(2)] == [204, 404]
    assert post("login", {"email": EVA, "password": PASSWORD}).status_code == 200


def test_list_names_who_invited_until_they_are_gone(as_ana: APIClient, ana: User, invited: Inviter) -> None:
    invited()
    invite(email="rui@example.com", by=Actor.system())
    names = {row["email"]: row["created_by"] for row in results(as_ana.get(f"{LIST}?ordering=created_at"))}
    assert names == {EVA: {"id": ana.pk, "name": "Ana"}, "rui@example.com": None}


def test_links_are_not_tried_by_the_hundred(invited: Inviter, still_minute: None) -> None:
    """One count for all doors that take a link, or each would give a guesser a hundred more."""
    token = invited()
    doors = [
        lambda: join("x"),
        lambda: post("confirm", {"token": "x"}),
        lambda: post("password-reset/confirm", {"token": "x", "password": PASSWORD}),
    ]
    assert {doors[number % 3]().status_code for number in range(100)} == {422}
    assert {door().status_code for door in doors} == {429}
    assert join(token).status_code == 429
    elsewhere = {"invitation": token, "name": "Eva", "password": PASSWORD}
    assert post("register", elsewhere, REMOTE_ADDR="10.0.0.9").status_code == 201
