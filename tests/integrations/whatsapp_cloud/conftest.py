"""What the tests of this channel share."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from conversations.exchange import OutFile, Outgoing
from integrations.whatsapp_cloud.adapter import WhatsAppCloudAdapter
from integrations.whatsapp_cloud.config import WhatsAppConfig
from tests.fakes.provider import Simulator, running
from tests.fakes.whatsapp_cloud import WhatsAppCloud
from tests.integrations.whatsapp_cloud.case import CUSTOMER, settings_at

Write = Callable[..., Outgoing]


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """One simulator for the tests of a module."""
    with running(WhatsAppCloud) as simulator:
        yield simulator


@pytest.fixture
def meta(shared: Simulator) -> Iterator[Simulator]:
    """The simulator, well-behaved again after each test."""
    yield shared
    shared.set_faults()


@pytest.fixture
def config(meta: Simulator) -> WhatsAppConfig:
    return WhatsAppConfig.model_validate(settings_at(meta.url))


@pytest.fixture
def whatsapp() -> WhatsAppCloudAdapter:
    return WhatsAppCloudAdapter()


@pytest.fixture
def write() -> Write:
    """Makes an outgoing message; what is not given is empty."""

    def make(text: str = "", **more: Any) -> Outgoing:
        defaults: dict[str, Any] = {
            "key": f"{uuid4().hex}:0",
            "part": 0,
            "attempt": 1,
            "to": CUSTOMER,
            "html": "",
            "files": (),
            "choices": (),
            "details": {},
            "reply_to": "",
            "thread": (),
            "subject": "",
            "author": "Bruno",
            "author_kind": "operator",
            "conversation_id": uuid4(),
            "message_id": uuid4(),
            "created_at": datetime.now(UTC),
        }
        return Outgoing(text=text, **{**defaults, **more})

    return make


def a_file(content: bytes, name: str, content_type: str, size: int = 0) -> OutFile:
    """A file to send; `size` may claim more than there is."""
    return OutFile(name, content_type, size or len(content), "https://desk.example/f", lambda: content)
