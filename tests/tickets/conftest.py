"""More of the cast: the AI agent as an actor."""

import pytest

from core.actor import Actor, ActorKind


@pytest.fixture
def agent() -> Actor:
    return Actor(ActorKind.AGENT, "1", "Lia")
