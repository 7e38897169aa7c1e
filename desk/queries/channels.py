"""What the desk shows of inboxes: which there are, and what may be sent by template."""

from typing import Any

from conversations.actions.outbound import APPROVED
from conversations.models import Conversation, Inbox, MessageTemplate
from conversations.queries.windows import channel_frame


def inboxes() -> list[dict[str, Any]]:
    """Returns the inboxes in use, for the list's filter; nothing of their settings."""
    rows = Inbox.objects.filter(is_active=True).only("name", "channel")
    return [{"id": row.pk, "name": row.name, "channel": channel_frame(row)} for row in rows]


def templates(row: Conversation) -> list[dict[str, Any]]:
    """Returns the templates that may be sent in a conversation, with the places to fill."""
    found = MessageTemplate.objects.filter(inbox_id=row.inbox_id, status__iexact=APPROVED)
    return [
        {
            "id": template.pk,
            "name": template.name,
            "language": template.language,
            "category": template.category,
            "body": template.body,
            "variables": template.variables,
        }
        for template in found
    ]
