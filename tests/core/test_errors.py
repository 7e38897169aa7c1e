"""Typed errors and who does something: plain data that everything else relies on."""

import copy
import dataclasses
import pickle

import pytest

from core import errors
from core.actor import Actor, ActorKind
from core.errors import HelpdeskError

# The contract with clients: a code never changes its meaning, and a status never its code.
CODES = {
    errors.Unauthenticated: ("unauthenticated", 401),
    errors.Forbidden: ("forbidden", 403),
    errors.NotFound: ("not_found", 404),
    errors.Conflict: ("conflict", 409),
    errors.Changed: ("changed", 412),
    errors.TooLarge: ("too_large", 413),
    errors.Invalid: ("invalid", 422),
    errors.TooMany: ("too_many", 429),
    errors.Unavailable: ("unavailable", 503),
    HelpdeskError: ("error", 400),
}


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
def test_error_has_its_code_and_status(kind: type[HelpdeskError]) -> None:
    assert (kind.code, kind.status) == CODES[kind]


def test_every_error_of_core_is_in_the_contract() -> None:
    defined = {
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HelpdeskError)
    }
    assert defined == set(CODES)
    assert len({kind.code for kind in defined}) == len(defined)


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
def test_docstring_is_the_message(kind: type[HelpdeskError]) -> None:
    error = kind()
    assert error.detail == str(error) == kind.__doc__
    assert error.detail.endswith(".")
    assert error.extra == {}


def test_detail_replaces_the_message_and_facts_go_along() -> None:
    error = errors.Invalid("The colour is no colour.", field="color", limit=7)
    assert (error.detail, str(error)) == ("The colour is no colour.",) * 2
    assert error.extra == {"field": "color", "limit": 7}


def test_facts_alone_keep_the_message() -> None:
    assert errors.Unavailable(retry_after=3).detail == "The system cannot do this just now; try again."


def test_whoever_asks_too_often_is_told_for_how_long() -> None:
    assert errors.TooMany(retry_after=3).detail == "Too many requests; ask again in 3 seconds."
    assert errors.TooMany(retry_after=1).detail == "Too many requests; ask again in 1 second."
    assert errors.TooMany().detail == "Too many requests; wait a little."


def test_error_without_docstring_says_nothing_wrong() -> None:
    class Silent(HelpdeskError):
        code = "silent"

    Silent.__doc__ = None
    assert Silent().detail == ""
    assert Silent.status == 400


def test_every_error_is_caught_as_one() -> None:
    for kind in CODES:
        with pytest.raises(HelpdeskError) as caught:
            raise kind
        assert caught.value.status == kind.status


def test_actor_of_the_system_may_everything_and_has_no_row() -> None:
    actor = Actor.system()
    assert (actor.kind, actor.id, actor.name) == (ActorKind.SYSTEM, "", "Helpdesk")
    assert actor.is_admin
    assert Actor.system("import").name == "import"


@pytest.mark.parametrize(
    ("kind", "is_staff"),
    [
        (ActorKind.CONTACT, False),
        (ActorKind.AGENT, False),
        (ActorKind.OPERATOR, True),
        (ActorKind.API_KEY, True),
        (ActorKind.SYSTEM, True),
    ],
)
def test_actor_is_staff_when_it_acts_for_the_company(kind: ActorKind, *, is_staff: bool) -> None:
    assert Actor(kind, "1", "x").is_staff is is_staff


def test_actor_starts_without_rights() -> None:
    actor = Actor(ActorKind.OPERATOR, "1", "Bruno")
    assert (actor.is_admin, actor.team_ids, actor.scopes) == (False, frozenset(), frozenset())


def test_actor_cannot_be_widened() -> None:
    actor = Actor(ActorKind.OPERATOR, "1", "Bruno")
    with pytest.raises(dataclasses.FrozenInstanceError):
        actor.is_admin = True  # type: ignore[misc]
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError, AttributeError)):
        actor.extra = 1  # type: ignore[attr-defined]


def test_actor_crosses_threads_and_jobs_unchanged() -> None:
    actor = Actor(ActorKind.API_KEY, "7", "Shop", team_ids=frozenset({1, 2}), scopes=frozenset({"read"}))
    assert pickle.loads(pickle.dumps(actor)) == copy.deepcopy(actor) == actor  # noqa: S301 (our own bytes)
    assert hash(actor) == hash(copy.copy(actor))
    assert actor != dataclasses.replace(actor, scopes=frozenset())
