"""Which inboxes a member of staff works with, and who is known there."""

from collections.abc import Iterator

from django.conf import settings
from django.db.models import Q

from accounts.models import Team
from conversations.channels import adapter
from conversations.models import Conversation, Inbox
from conversations.models.inboxes import InboxQuerySet
from core.actor import Actor

WIDGET = "web"
PEOPLE = 8
# Somebody may have many conversations in one inbox.
LOOKED_AT = 60


def inboxes_of(actor: Actor) -> InboxQuerySet:
    """Returns the inboxes in use that the actor sees."""
    return InboxQuerySet(Inbox).visible_to(actor).filter(is_active=True)


def inboxes_for(actor: Actor) -> InboxQuerySet:
    """Returns all inboxes that the actor sees, each with its team and how it stands: one query."""
    return InboxQuerySet(Inbox).visible_to(actor).select_related("team", "state")


def api_inbox_of(team: Team) -> Inbox | None:
    """Returns the inbox in use of the channel `api` that a team has, the oldest of several."""
    rows = Inbox.objects.filter(channel="api", team=team, is_active=True)
    return rows.order_by("created_at", "pk").first()


def webhook_url(inbox: Inbox) -> str:
    """Returns the address to give to the provider."""
    return f"{settings.PUBLIC_URL}/hooks/{inbox.key}"


def widget_tag(inbox: Inbox) -> str:
    """Returns the line of HTML for a site's pages; "" where there is no widget to show."""
    return adapter(inbox.channel).setup_text(**_place(inbox)) if inbox.channel == WIDGET else ""


def setup_steps(inbox: Inbox) -> list[str]:
    """Returns what its owner has to do to connect it, in order and in the active language."""
    return list(adapter(inbox.channel).setup_steps(**_place(inbox)))


def _place(inbox: Inbox) -> dict[str, str]:
    return {"key": inbox.key, "public_url": settings.PUBLIC_URL}


def messages_per_minute(inbox: Inbox) -> int:
    """Returns how many messages one customer may send in a chat of the inbox in a minute."""
    return inbox.chat_per_minute or int(settings.CHAT_MESSAGES_PER_MINUTE)


def current_conversations(inbox: Inbox, actor: Actor, *, search: str = "") -> Iterator[Conversation]:
    """Yields the newest conversation of each person whom the actor sees in an inbox, latest first.

    `search` is a part of the name, the e-mail address, the number or the id.
    """
    rows = Conversation.objects.visible_to(actor).filter(inbox=inbox).order_by("-updated_at")
    if words := search.strip():
        rows = rows.filter(_named(words))
    seen: set[int] = set()
    for row in rows.select_related("contact", "identity", "inbox")[:LOOKED_AT]:
        if row.identity_id not in seen and len(seen) < PEOPLE:
            seen.add(row.identity_id)
            yield row


def _named(words: str) -> Q:
    digits = "".join(sign for sign in words if sign.isdigit())
    found = (
        Q(contact__name__icontains=words)
        | Q(contact__email__icontains=words)
        | Q(identity__external_id__icontains=words)
    )
    return found | Q(contact__phone__contains=digits) if digits else found
