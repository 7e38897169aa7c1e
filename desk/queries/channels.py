"""What the desk shows of inboxes: which there are, and what may be sent by template."""

from typing import Any

from conversations.models import Inbox, MessageTemplate
from conversations.queries.inboxes import current_conversations, inboxes_of
from conversations.queries.recipients import address_of
from conversations.queries.windows import APPROVED, capabilities, channel_frame, is_window_open
from core.actor import Actor
from desk.queries.rows import light_frame

# The channels that are drawn (templates/desk/channels.html).
GLYPHS = {"web", "whatsapp_cloud", "evolution", "telegram", "instagram", "messenger", "email", "api"}


def inboxes() -> list[dict[str, Any]]:
    """Returns the inboxes in use, for the list's filter; nothing of their settings."""
    rows = Inbox.objects.filter(is_active=True).only("name", "channel")
    return [
        {"id": row.pk, "name": row.name, "channel": channel_frame(row), "glyph": glyph(row)} for row in rows
    ]


def lights(actor: Actor) -> dict[str, dict[str, str] | None]:
    """Returns what is wrong with each inbox that the actor sees, by its number; None for one that is well."""
    rows = inboxes_of(actor).select_related("state").only("state__light", "state__detail")
    return {str(row.pk): light_frame(row) for row in rows}


def glyph(inbox: Inbox) -> str:
    """Returns the name of the channel's glyph; that of programs for a channel that has none of its own."""
    return inbox.channel if inbox.channel in GLYPHS else "api"


def writing(actor: Actor) -> list[dict[str, Any]]:
    """Returns the inboxes through which the actor may write to somebody first, and what each asks for."""
    rows = inboxes_of(actor).only("name", "channel")
    return [
        {
            "id": row.pk,
            "name": row.name,
            "channel": channel_frame(row),
            "opens": can.opens,
            "subjects": can.subjects,
            "has_window": can.window is not None,
        }
        for row in rows
        if (can := capabilities(row)).sends
    ]


def people(inbox: Inbox, actor: Actor, *, search: str) -> list[dict[str, Any]]:
    """Returns whom the actor may choose to write to, and whether free text reaches them now."""
    return [
        {
            "id": row.identity_id,
            "name": row.contact.display_name,
            "address": address_of(row.identity),
            "is_open": is_window_open(row),
        }
        for row in current_conversations(inbox, actor, search=search)
    ]


def templates(inbox_id: int) -> list[dict[str, Any]]:
    """Returns the templates that may be sent through an inbox, with the places to fill."""
    found = MessageTemplate.objects.filter(inbox_id=inbox_id, status__iexact=APPROVED)
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
