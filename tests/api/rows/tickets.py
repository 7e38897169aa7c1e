"""Tickets."""

from conversations.models import Conversation
from core.actor import Actor
from tests.api.rows import Nested, Row, Side
from tickets.actions import create_ticket, update_ticket

ONE = "api/v1/tickets/<uuid:ticket_id>"
IDS = {"ticket_id": lambda side: side.ticket.pk}
ROWS = {
    ("api/v1/tickets", "get"): Row(foreign=200, lists=1),
    ("api/v1/tickets", "post"): Row(201, 201, body={"subject": "Pedido"}),
    ("api/v1/tickets/bulk", "post"): Row(
        foreign=200, body=lambda side: {"ids": [str(side.ticket.pk)], "priority": "high"}
    ),
    (ONE, "get"): Row(),
    (ONE, "patch"): Row(body={"status": "open"}),
}
NESTED = [
    Nested(
        "api/v1/tickets",
        "post",
        "conversation",
        lambda side: {"subject": "Outro", "conversation": str(side.conversation.pk)},
    ),
    Nested(
        "api/v1/tickets",
        "post",
        "contact",
        lambda side: {"subject": "Outro", "contact": str(side.contact.pk)},
    ),
]


def grow(side: Side, number: int) -> None:
    newest = Conversation.objects.latest("created_at")
    ticket = create_ticket(by=Actor.system(), subject=f"Assunto {number}", conversation=newest)
    update_ticket(ticket=ticket, by=Actor.system(), assignee=side.team.members.first())
    update_ticket(ticket=side.ticket, by=Actor.system(), subject=f"Nome {number}")
