"""Customers."""

from typing import Any
from uuid import UUID

from conversations.actions import Sender, receive
from conversations.models import Contact, Inbox
from tests.api.rows import Nested, Row, Side, Who

ALL, ONE = "api/v1/contacts", "api/v1/contacts/<uuid:contact_id>"
SAID = UUID("5e1f0000-0000-4000-8000-000000000001")


def inbox_of(side: Side) -> Inbox:
    """An inbox of the side's own team."""
    return Inbox.objects.get_or_create(name=f"App of {side.team}", channel="api", team=side.team)[0]


def customer(side: Side) -> Contact:
    """Somebody whom only the side's team knows."""
    sender = Sender("customer", name="Segredo" if side.team.slug == "finance" else "Davi")
    return receive(inbox=inbox_of(side), sender=sender, text="Oi", client_id=SAID).conversation.contact


def identity(side: Side) -> dict[str, Any]:
    return {"inbox": inbox_of(side).pk, "external_id": "u-7"}


def other(side: Side) -> dict[str, Any]:
    """Somebody else whom the side's team knows."""
    sender = Sender("another", name="Another")
    return {"other": str(receive(inbox=inbox_of(side), sender=sender, text="Oi").conversation.contact_id)}


def consent(side: Side) -> dict[str, Any]:
    return {"consents": [{"channel": inbox_of(side).channel, "state": "withdrawn"}]}


IDS = {"contact_id": lambda side: customer(side).pk}

ROWS = {
    # Those of a campaign are customers as well.
    (ALL, "get"): Row(foreign=200, lists=0),
    (ALL, "post"): Row(201, 422, body=lambda side: {"name": "Eva", "identities": [identity(side)]}),
    (f"{ALL}/bulk", "post"): Row(foreign=200, body={"contacts": [{"email": "nobody@example.com"}]}),
    (ONE, "get"): Row(),
    (ONE, "patch"): Row(body={"name": "Davi"}),
    (ONE, "delete"): Row(204, who=Who.ADMINS),
    (f"{ONE}/identities", "post"): Row(201, body=identity),
    (f"{ONE}/merge", "post"): Row(body=other),
    (f"{ONE}/consents", "get"): Row(),
    (f"{ONE}/consents", "put"): Row(body=consent, who=Who.LEADS),
}
NESTED = [
    Nested(ALL, "post", "identities.0.inbox", lambda side: {"identities": [identity(side)]}),
    Nested(f"{ONE}/identities", "post", "inbox", identity),
    Nested(f"{ONE}/merge", "post", "other", lambda side: {"other": str(customer(side).pk)}, own=200),
]


def grow(side: Side, number: int) -> None:
    receive(inbox=inbox_of(side), sender=Sender(f"g{number}", name=f"G{number}"), text="Oi")
