"""Conversations and their messages."""

from typing import Any

from conversations.actions import Sender, assign, note, receive
from core.actor import Actor
from tests.api.rows import Nested, Row, Side
from tests.api.rows.contacts import inbox_of

ONE = "api/v1/conversations/<uuid:conversation_id>"
IDS = {
    "conversation_id": lambda side: side.conversation.pk,
    "message_id": lambda side: side.message.pk,
}


def first(side: Side) -> dict[str, Any]:
    """Somebody whom an inbox of the team knows, to be written to."""
    row = receive(inbox=inbox_of(side), sender=Sender("known", name="Known"), text="Oi").conversation
    return {"inbox": row.inbox_id, "contact": str(row.contact_id), "text": "Olá"}


ROWS = {
    ("api/v1/conversations", "get"): Row(foreign=200, lists=1),
    ("api/v1/conversations", "post"): Row(201, 422, body=first),
    # One by one: what is foreign is told as 404 inside the answer.
    ("api/v1/conversations/bulk", "post"): Row(
        foreign=200, body=lambda side: {"ids": [str(side.conversation.pk)], "status": "resolved"}
    ),
    (ONE, "get"): Row(),
    (ONE, "patch"): Row(body={"add_tags": ["vip"], "priority": "high"}),
    (f"{ONE}/read", "post"): Row(body={}),
    (f"{ONE}/messages", "get"): Row(lists=0),
    (f"{ONE}/messages", "post"): Row(201, body={"text": "Olá"}),
    (f"{ONE}/assign", "patch"): Row(body={"assignee": None}),
    (f"{ONE}/status", "patch"): Row(body={"status": "resolved"}),
    ("api/v1/messages", "get"): Row(foreign=200, lists=1),
    ("api/v1/messages/<uuid:message_id>", "get"): Row(),
}
NESTED = [
    Nested("api/v1/conversations", "post", "inbox", first),
]


def grow(side: Side, number: int) -> None:
    inbox = side.conversation.inbox
    row = receive(inbox=inbox, sender=Sender(f"c{number}", name=f"C{number}"), text="Olá").conversation
    assign(conversation=row, by=Actor.system(), to=side.team.members.first())
    note(conversation=row, by=Actor.system(), text="Nota")
    note(conversation=side.conversation, by=Actor.system(), text=f"Nota {number}")
