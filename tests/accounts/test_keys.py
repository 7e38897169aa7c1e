"""Keys and people as actors: who makes keys, what a key is worth, when its use is written down."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actions import create_api_key, note_key_use
from accounts.enums import Role, Scope
from accounts.models import ApiKey, Team, User
from accounts.queries import find_api_key, hash_key, team_by_slug
from core.actor import Actor, ActorKind
from core.errors import Forbidden, Invalid
from tests.conftest import make_user


def test_only_admins_make_keys(ana: User, bruno: User) -> None:
    create_api_key(name="Shop", by=ana.as_actor(), all_teams=True)
    for actor in (
        bruno.as_actor(),
        Actor(ActorKind.CONTACT, "x", "Davi"),
        Actor(ActorKind.AGENT, "1", "Lia"),
    ):
        with pytest.raises(Forbidden):
            create_api_key(name="Shop", by=actor, all_teams=True)
    assert ApiKey.objects.count() == 1


def test_unknown_scope_makes_no_key(ana: User) -> None:
    with pytest.raises(Invalid, match="root"):
        create_api_key(name="Shop", by=ana.as_actor(), scopes=["read", "root"], all_teams=True)
    assert not ApiKey.objects.exists()


def test_key_without_a_word_on_teams_is_not_made(team: Team, system: Actor) -> None:
    refused: list[dict[str, Any]] = [{}, {"teams": []}, {"teams": [team], "all_teams": True}]
    for wanted in refused:
        with pytest.raises(Invalid) as caught:
            create_api_key(name="Shop", by=system, **wanted)
        assert caught.value.extra == {"field": "teams"}
    assert not ApiKey.objects.exists()


def test_every_key_is_another(system: Actor, db: None) -> None:
    keys = {create_api_key(name="Shop", by=system, all_teams=True)[1] for _ in range(20)}
    assert len({key[:11] for key in keys}) == 20
    # 32 random bytes as text: nothing that could be guessed.
    assert {len(key.removeprefix("hd_")) for key in keys} == {43}


def test_key_is_found_while_it_is_good(system: Actor, db: None) -> None:
    row, key = create_api_key(name="Shop", by=system, all_teams=True)
    assert find_api_key(key) == row
    row.expires_at = timezone.now() + timedelta(hours=1)
    row.save(update_fields=["expires_at"])
    assert find_api_key(key) == row
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert find_api_key(key) is None
    row.expires_at, row.is_active = None, False
    row.save(update_fields=["expires_at", "is_active"])
    assert find_api_key(key) is None


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_nothing_else_opens(system: Actor, db: None, sent: str) -> None:
    row, key = create_api_key(name="Shop", by=system, all_teams=True)
    for wrong in (sent, key + sent if sent else "", key[:-1], row.prefix, row.key_hash, "", " "):
        assert wrong == key or find_api_key(wrong) is None


def test_key_without_a_hash_cannot_be_stored(db: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.create(name="Shop", prefix="hd_", key_hash="")
    assert find_api_key("") is None


def test_use_is_written_down_once_a_minute(system: Actor, db: None) -> None:
    row, _key = create_api_key(name="Shop", by=system, all_teams=True)
    start = timezone.now()
    for seconds, expected in ((0, 0), (30, 0), (59, 0), (61, 61), (90, 61), (125, 125)):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            note_key_use(key=row)
        row.refresh_from_db()
        assert row.last_used_at == start + timedelta(seconds=expected), seconds


def test_key_acts_within_its_teams(system: Actor, team: Team, other_team: Team) -> None:
    everywhere, _ = create_api_key(name="All", by=system, all_teams=True)
    here, _ = create_api_key(name="One", by=system, teams=[team], scopes=[Scope.READ])
    assert (everywhere.as_actor().is_admin, here.as_actor().is_admin) == (True, False)
    actor = here.as_actor()
    assert (actor.kind, actor.id, actor.name) == (ActorKind.API_KEY, str(here.pk), "One")
    assert (actor.team_ids, actor.scopes, actor.is_staff) == (frozenset({team.pk}), frozenset({"read"}), True)


@pytest.mark.parametrize(
    ("role", "is_admin"), [(Role.OPERATOR, False), (Role.LEAD, False), (Role.ADMIN, True)]
)
def test_person_acts_by_role_and_teams(team: Team, *, role: Role, is_admin: bool) -> None:
    user = make_user("eva", role, team)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        actor = user.as_actor()
    assert len(captured) == 1
    assert (actor.kind, actor.id, actor.name) == (ActorKind.OPERATOR, str(user.pk), "Eva")
    assert (actor.is_admin, actor.team_ids) == (is_admin, frozenset({team.pk}))


def test_team_is_found_by_its_short_name(team: Team) -> None:
    assert team_by_slug("support") == team
    assert team_by_slug("Support") is None
    assert team_by_slug("") is None


def test_hash_is_sha256_in_hex() -> None:
    assert hash_key("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
