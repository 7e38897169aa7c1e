"""Real payloads through the spine: nothing lost, nothing doubled, however often and in whatever order."""

import hashlib
import random
from typing import Any

import pytest

from conversations.actions.intake import take_in
from conversations.enums import Direction, Verdict
from conversations.exchange import Echo, Incoming
from conversations.models import ContactIdentity, InboundEvent, Inbox, Message
from tests.integrations.meta.webhooks import body_of, names, parsed
from tests.integrations.test_contract import case_of, settings_of

pytestmark = pytest.mark.django_db
KINDS = ["instagram", "messenger"]


def inbox_of(kind: str) -> Inbox:
    return Inbox.objects.create(name=kind, channel=kind, config=case_of(kind).config("http://127.0.0.1:9"))


def received(inbox: Inbox, body: bytes, number: int = 0) -> InboundEvent:
    event_id = hashlib.sha256(body + bytes([number])).hexdigest()
    return InboundEvent.objects.create(inbox=inbox, provider_event_id=event_id, body=body)


def said(kind: str, wanted: type[Incoming] | type[Echo]) -> dict[str, Any]:
    items = [item for name in names(kind) if not name.startswith("broken") for item in told(kind, name)]
    return {item.external_id: item for item in items if isinstance(item, wanted)}


def told(kind: str, name: str) -> list[Any]:
    return parsed(kind, settings_of(kind), name)


@pytest.mark.parametrize("kind", KINDS)
def test_every_payload_is_taken_in_once(kind: str) -> None:
    inbox = inbox_of(kind)
    bodies = [body_of(kind, name) for name in names(kind) if not name.startswith("broken")] * 3
    random.Random(7).shuffle(bodies)
    verdicts = {take_in(received(inbox, body, number)) for number, body in enumerate(bodies)}
    assert Verdict.QUARANTINED not in verdicts
    stored = Message.objects.filter(conversation__inbox=inbox)
    incoming, echoes = said(kind, Incoming), said(kind, Echo)
    assert set(stored.filter(direction=Direction.IN).values_list("external_id", flat=True)) == set(incoming)
    assert stored.filter(direction=Direction.OUT).count() == len(echoes)
    people = {item.sender.external_id for item in incoming.values()}
    people |= {item.to.external_id for item in echoes.values()}
    known = ContactIdentity.objects.filter(inbox=inbox).values_list("external_id", flat=True)
    assert sorted(known) == sorted(people)


def test_siblings_of_what_cannot_be_read_are_stored_and_the_bytes_are_kept() -> None:
    event = received(inbox_of("instagram"), body_of("instagram", "broken_in_the_middle"))
    assert take_in(event) == Verdict.QUARANTINED
    assert list(Message.objects.order_by("seq").values_list("text", flat=True)) == ["antes", "depois"]
    assert bytes(event.body) == body_of("instagram", "broken_in_the_middle")
