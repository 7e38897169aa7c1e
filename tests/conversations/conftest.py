"""What the tests of the spine share beyond the cast."""

from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import channel_layers, get_channel_layer

from accounts.models import Team
from conversations.actions import Sender, hand_back, receive
from conversations.channels import adapter
from conversations.models import Conversation, Inbox
from core.actor import Actor, ActorKind
from tests.conversations.scripted import ScriptedAdapter

SCRIPTED = {
    kind: f"tests.conversations.scripted.{kind.title()}Adapter"
    for kind in ("scripted", "safe", "callback", "slow")
}


@pytest.fixture
def lia() -> Actor:
    """The AI agent."""
    return Actor(ActorKind.AGENT, "1", "Lia")


@pytest.fixture
def with_agent(conversation: Conversation, system: Actor) -> Conversation:
    """Davi's conversation while the agent has it."""
    return hand_back(conversation=conversation, by=system)


class Listener:
    """Sockets of one channel layer, reduced to what lies before them."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def join(self, *groups: str) -> None:
        """Listens to each group on a channel of the same name."""
        for group in groups:
            async_to_sync(self.layer.group_add)(group, group)

    def heard(self, group: str) -> list[dict[str, Any]]:
        """What the group was told since it was asked last."""
        queue = self.layer.channels.get(group)
        return [] if queue is None else [queue.get_nowait()[1] for _ in range(queue.qsize())]

    def told(self) -> set[str]:
        """The groups that were told anything, of those that listen."""
        return {group for group in list(self.layer.groups) if self.heard(group)}


@pytest.fixture
def listener() -> Iterator[Listener]:
    """The layer of this test alone, with ears."""
    channel_layers.backends.clear()
    yield Listener(get_channel_layer())
    channel_layers.backends.clear()


@pytest.fixture
def scripted(settings: Any) -> Iterator[type[ScriptedAdapter]]:
    """The channels that say and do what a test wants, with nothing said or done yet."""
    settings.CHANNEL_ADAPTERS = {**settings.CHANNEL_ADAPTERS, **SCRIPTED}
    adapter.cache_clear()
    for kept in ("outcomes", "calls", "media", "batches", "cursors"):
        getattr(ScriptedAdapter, kept).clear()
    yield ScriptedAdapter
    adapter.cache_clear()


@pytest.fixture
def line(scripted: type[ScriptedAdapter], team: Team) -> Inbox:
    """An inbox of the scripted channel."""
    return Inbox.objects.create(name="Line", channel="scripted", team=team, config={"secret": "s3cret"})


@pytest.fixture
def chat(line: Inbox) -> Conversation:
    """Davi's conversation on the scripted channel."""
    return receive(
        inbox=line, sender=Sender("davi", name="Davi"), text="Oi", external_id="hello"
    ).conversation
