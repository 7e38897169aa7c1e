"""What the desk shows of inboxes: which there are, and what may be sent by template."""

from typing import Any

from conversations.models import Conversation, Inbox, MessageTemplate
from conversations.queries.windows import APPROVED, channel_frame

# The channels that are drawn (templates/desk/channels.html).
GLYPHS = {"web", "whatsapp_cloud", "evolution", "telegram", "instagram", "messenger", "email", "api"}


def inboxes() -> list[dict[str, Any]]:
    """Returns the inboxes in use, for the list's filter; nothing of their settings."""
    rows = Inbox.objects.filter(is_active=True).only("name", "channel")
    return [
        {"id": row.pk, "name": row.name, "channel": channel_frame(row), "glyph": glyph(row)} for row in rows
    ]


def glyph(inbox: Inbox) -> str:
    """Returns the name of the channel's glyph; that of programs for a channel that has none of its own."""
    return inbox.channel if inbox.channel in GLYPHS else "api"


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
            "header_format": template.header_format,
        }
        for template in found
    ]
