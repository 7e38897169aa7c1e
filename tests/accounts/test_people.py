"""Users and teams: what they are called and what they may."""

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.test import RequestFactory

from accounts.enums import Role, Scope
from accounts.models import Team, User
from accounts.queries import team_by_slug
from conversations.models import Conversation
from core.actor import ActorKind
from tests.conftest import make_user


def test_user_acts_as_operator_with_teams_and_all_scopes(bruno: User, team: Team) -> None:
    actor = bruno.as_actor()
    assert (actor.kind, actor.id, actor.name) == (ActorKind.OPERATOR, str(bruno.pk), "Bruno")
    assert (actor.is_admin, actor.team_ids) == (False, frozenset({team.pk}))
    assert actor.scopes == frozenset(Scope.values)
    assert actor.is_staff


def test_user_of_several_teams_acts_for_all(bruno: User, team: Team, other_team: Team) -> None:
    bruno.teams.add(other_team)
    assert bruno.as_actor().team_ids == {team.pk, other_team.pk}
    bruno.teams.clear()
    assert bruno.as_actor().team_ids == frozenset()


@pytest.mark.parametrize(
    ("role", "is_superuser", "is_admin"),
    [
        (Role.OPERATOR, False, False),
        (Role.LEAD, False, False),
        (Role.ADMIN, False, True),
        (Role.OPERATOR, True, True),
        (Role.ADMIN, True, True),
    ],
)
def test_admin_is_who_has_the_role_or_is_superuser(
    role: Role,
    *,
    is_superuser: bool,
    is_admin: bool,
) -> None:
    assert User(role=role, is_superuser=is_superuser).is_admin is is_admin


@pytest.mark.parametrize(
    ("first", "last", "shown"), [("Ana", "Alves", "Ana Alves"), ("Ana", "", "Ana"), ("", "", "ana7")]
)
def test_user_is_called_by_name_or_login(first: str, last: str, shown: str) -> None:
    assert User(username="ana7", first_name=first, last_name=last).display_name == shown


def test_new_user_is_an_operator_of_no_team(db: None) -> None:
    user = User.objects.create_user("eva")
    assert (user.role, user.is_staff, user.is_admin, user.teams.count()) == ("operator", False, False, 0)


def test_actor_of_a_user_costs_one_query(bruno: User, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        bruno.as_actor()


def test_password_is_kept_as_a_hash_only(bruno: User) -> None:
    assert bruno.password != "bruno"
    assert bruno.check_password("bruno")
    request = RequestFactory().post("/admin/login/")
    assert authenticate(request, username="bruno", password="bruno") == bruno
    assert authenticate(request, username="bruno", password="wrong") is None


def test_user_who_left_cannot_come_in(bruno: User) -> None:
    User.objects.update(is_active=False)
    request = RequestFactory().post("/admin/login/")
    assert authenticate(request, username="bruno", password="bruno") is None


def test_team_is_found_by_its_short_name(team: Team, other_team: Team, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        assert team_by_slug("support") == team
    assert team_by_slug("Support") is team_by_slug("") is team_by_slug("nowhere") is None


def test_team_s_short_name_is_its_own(team: Team) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Team.objects.create(slug="support", name="Other")


def test_teams_are_listed_by_name(db: None) -> None:
    for name in "CAB":
        Team.objects.create(slug=name.lower(), name=name)
    assert [str(team) for team in Team.objects.all()] == ["A", "B", "C"]


def test_team_that_is_deleted_leaves_its_members(bruno: User, team: Team) -> None:
    team.delete()
    assert list(User.objects.get(pk=bruno.pk).teams.all()) == []


def test_operator_without_team_sees_what_belongs_to_none(conversation: Conversation) -> None:
    nobody = make_user("nina", Role.OPERATOR).as_actor()
    assert not Conversation.objects.visible_to(nobody).exists()
    Conversation.objects.update(team=None)
    assert Conversation.objects.visible_to(nobody).exists()


def test_lead_sees_no_more_than_their_teams(conversation: Conversation, other_team: Team) -> None:
    lead = make_user("leo", Role.LEAD, other_team).as_actor()
    assert not Conversation.objects.visible_to(lead).exists()
