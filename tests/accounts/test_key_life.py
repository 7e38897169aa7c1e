"""The life of an API key: what it may, where it is found, when it dies."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from accounts.actions import create_api_key, note_key_use
from accounts.enums import Scope
from accounts.models import ApiKey, Team, User
from accounts.queries import find_api_key, hash_key
from conversations.actions import hand_back, reply, set_priority
from conversations.models import Conversation
from core.actor import Actor, ActorKind
from core.errors import Forbidden, Invalid, NotFound
from tests.conversations.test_receive import in_parallel

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def made(db: None, system: Actor) -> tuple[ApiKey, str]:
    """A key's row, and the key."""
    return create_api_key(name="Shop", by=system, all_teams=True)


def test_key_can_read_and_write_unless_said_otherwise(made: tuple[ApiKey, str]) -> None:
    row, key = made
    row.refresh_from_db()
    assert (row.name, row.scopes, row.is_active) == ("Shop", ["read", "write"], True)
    assert (row.expires_at, row.last_used_at) == (None, None)
    assert str(row) == f"Shop ({key[:11]}…)"


def test_key_is_long_random_and_recognisable(made: tuple[ApiKey, str], system: Actor) -> None:
    _row, key = made
    assert re.fullmatch(r"hd_[A-Za-z0-9_-]{43}", key)
    others = {create_api_key(name="x", by=system, all_teams=True)[1] for _ in range(20)}
    assert len(others | {key}) == 21


def test_key_is_found_by_itself_only(made: tuple[ApiKey, str]) -> None:
    row, key = made
    assert find_api_key(key) == row
    for wrong in (key[:-1], key + "x", key.upper(), f" {key}", row.prefix, row.key_hash, "hd_", "\x00"):
        assert find_api_key(wrong) is None, wrong


def test_empty_key_finds_nothing_and_asks_nothing(
    made: tuple[ApiKey, str], django_assert_num_queries
) -> None:
    with django_assert_num_queries(0):
        assert find_api_key("") is None


def test_key_is_found_with_one_query(made: tuple[ApiKey, str], django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        find_api_key(made[1])


def test_key_that_is_switched_off_is_dead(made: tuple[ApiKey, str]) -> None:
    ApiKey.objects.update(is_active=False)
    assert find_api_key(made[1]) is None


def test_key_lives_until_its_end_and_not_a_second_longer(made: tuple[ApiKey, str]) -> None:
    row, key = made
    with time_machine.travel(NOON, tick=False) as clock:
        ApiKey.objects.update(expires_at=NOON + timedelta(hours=1))
        clock.shift(3599)
        assert find_api_key(key) == row
        clock.shift(1)
        assert find_api_key(key) is None


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_hash_is_64_hex_digits_for_any_text(text: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", hash_key(text))
    assert hash_key(text) != hash_key(text + "x")


@pytest.mark.parametrize(
    "scopes", [[Scope.READ], [Scope.WRITE, Scope.READ], [], list(Scope), ["read", "read"]]
)
def test_key_gets_the_scopes_asked_for_once_and_sorted(db: None, system: Actor, scopes: list[str]) -> None:
    row, _key = create_api_key(name="x", by=system, scopes=scopes, all_teams=True)
    row.refresh_from_db()
    assert row.scopes == sorted(set(scopes))
    assert row.as_actor().scopes == frozenset(scopes)


@pytest.mark.parametrize("scopes", [["root"], ["read", "root", "all"], [""], ["READ"]])
def test_scope_that_does_not_exist_makes_no_key(db: None, system: Actor, scopes: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        create_api_key(name="x", by=system, scopes=scopes, all_teams=True)
    assert caught.value.extra == {"field": "scopes"}
    assert all(scope in caught.value.detail for scope in set(scopes) - {"read"})
    assert not ApiKey.objects.exists()


def test_only_admins_make_keys(ana: User, bruno: User, team: Team, system: Actor) -> None:
    limited, _key = create_api_key(name="x", by=system, teams=[team])
    for actor in (bruno.as_actor(), limited.as_actor(), Actor(ActorKind.AGENT, "1", "Lia")):
        with pytest.raises(Forbidden):
            create_api_key(name="y", by=actor, all_teams=True)
    assert create_api_key(name="y", by=ana.as_actor(), all_teams=True)[0].name == "y"


def test_key_without_team_sees_all_and_with_one_only_that(
    conversation: Conversation, team: Team, other_team: Team, system: Actor
) -> None:
    def sees(*teams: Team) -> bool:
        row, _key = create_api_key(name="x", by=system, teams=teams, all_teams=not teams)
        return Conversation.objects.visible_to(row.as_actor()).exists()

    assert sees()
    assert sees(team)
    assert not sees(other_team)
    assert sees(team, other_team)


def test_key_acts_under_its_name(made: tuple[ApiKey, str], conversation: Conversation) -> None:
    actor = made[0].as_actor()
    assert (actor.kind, actor.id, actor.name) == (ActorKind.API_KEY, str(made[0].pk), "Shop")
    message = reply(conversation=conversation, text="x", by=actor)
    assert (message.author_kind, message.author_id) == ("operator", f"key:{actor.id}")


def test_key_that_replies_takes_from_the_agent_and_is_nobody_s_assignee(
    made: tuple[ApiKey, str], conversation: Conversation, system: Actor
) -> None:
    hand_back(conversation=conversation, by=system)
    reply(conversation=conversation, text="x", by=made[0].as_actor())
    conversation.refresh_from_db()
    assert (conversation.status, conversation.assignee) == ("open", None)


def test_key_of_another_team_meets_nothing(
    conversation: Conversation, other_team: Team, system: Actor
) -> None:
    row, _key = create_api_key(name="x", by=system, teams=[other_team])
    with pytest.raises(NotFound):
        set_priority(conversation=conversation, by=row.as_actor(), priority=40)


def test_key_s_number_opens_no_operator_s_conversation(
    conversation: Conversation, other_team: Team, clara: User
) -> None:
    """A key and a user may have the same number: only the user's assignment counts."""
    Conversation.objects.update(assignee=clara)
    twin = ApiKey.objects.create(pk=clara.pk, name="x", prefix="p", key_hash="h", scopes=[])
    twin.teams.add(other_team)
    assert not Conversation.objects.visible_to(twin.as_actor()).exists()
    assert Conversation.objects.visible_to(clara.as_actor()).exists()


def test_use_of_one_key_is_not_noted_for_another(made: tuple[ApiKey, str], system: Actor) -> None:
    other, _key = create_api_key(name="other", by=system, all_teams=True)
    note_key_use(key=made[0])
    other.refresh_from_db()
    assert other.last_used_at is None


def test_use_costs_one_write(made: tuple[ApiKey, str], django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        note_key_use(key=made[0])


def test_keys_are_listed_newest_first(db: None, system: Actor) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for name in "abc":
            create_api_key(name=name, by=system, all_teams=True)
            clock.shift(1)
    assert list(ApiKey.objects.values_list("name", flat=True)) == ["c", "b", "a"]


@pytest.mark.django_db(transaction=True)
def test_keys_made_at_once_are_all_kept(system: Actor) -> None:
    got = in_parallel([lambda: create_api_key(name="x", by=system, all_teams=True)[1]] * 8)
    assert len(set(got)) == ApiKey.objects.count() == 8
    assert all(find_api_key(key) for key in got)


def test_key_whose_last_team_is_deleted_does_not_come_to_see_all(
    conversation: Conversation, system: Actor, team: Team
) -> None:
    row, key = create_api_key(name="Shop", by=system, teams=[Team.objects.create(slug="gone", name="Gone")])
    Team.objects.get(slug="gone").delete()
    found = find_api_key(key)
    assert found == row
    actor = found.as_actor()
    assert (actor.is_admin, actor.team_ids) == (False, frozenset())
    assert not Conversation.objects.visible_to(actor).exists()
