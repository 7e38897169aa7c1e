"""What somebody else deleted between reading and acting is not found, and no error of ours."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.actions import (
    change_api_key,
    change_team,
    create_api_key,
    create_team,
    delete_api_key,
    delete_team,
    invite,
    withdraw_invitation,
)
from core.actor import Actor
from core.errors import NotFound

Rows = dict[str, Any]


@pytest.fixture
def gone(db: None, system: Actor) -> Rows:
    """One row of each kind, as it was read before somebody deleted it."""
    rows: Rows = {
        "key": create_api_key(name="Shop", by=system, all_teams=True)[0],
        "team": create_team(slug="night", name="Night", by=system),
        "invitation": invite(email="ines@example.com", by=system),
    }
    for row in rows.values():
        type(row).objects.filter(pk=row.pk).delete()
    return rows


@pytest.mark.parametrize(
    ("act", "kind", "wanted"),
    [
        (change_api_key, "key", {"name": "Store"}),
        (delete_api_key, "key", {}),
        (change_team, "team", {"name": "Late"}),
        (delete_team, "team", {}),
        (withdraw_invitation, "invitation", {}),
    ],
)
def test_what_is_gone_by_now_is_not_found(
    gone: Rows, system: Actor, act: Callable[..., Any], kind: str, wanted: dict[str, Any]
) -> None:
    for expected in (None, "1"):
        with pytest.raises(NotFound):
            act(by=system, expected=expected, **{kind: gone[kind]}, **wanted)
