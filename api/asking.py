"""What programs ask for customers: in which inbox, as whom, how often. The doors only differ in shape."""

import hashlib
import secrets
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from conversations.actions import Sender, receive
from conversations.actions.inbound import checked_text
from conversations.models import Inbox, Message
from conversations.queries.inboxes import inboxes_of
from core import limits
from core.actor import Actor
from core.errors import Invalid, NotFound

CHANNELS = ("web", "api")
# How the ids of those begin whom a program has named, and of those whom nobody has.
NAMED, NEWCOMER = "user:", "visitor:"


def chat_inbox(*, by: Actor) -> Inbox:
    """Returns the inbox in which a program asks: that of CHAT_INBOX, else the oldest widget that it may see.

    Raises NotFound when there is none, it is switched off, or the program may not see it.
    """
    inboxes = inboxes_of(by).select_related("team")
    if settings.CHAT_INBOX:
        found = inboxes.filter(key=settings.CHAT_INBOX, channel__in=CHANNELS).first()
    else:
        found = inboxes.filter(channel="web").order_by("created_at", "pk").first()
    if found is None:
        raise NotFound(_("There is no inbox to chat in, or you may not see it."))
    return found


def named(inbox: Inbox, name: str) -> str:
    """Returns the inbox's id of a customer whom a program vouches for, as the widget names signed ones."""
    return f"{NAMED}{name}" if inbox.channel == "web" else name


def newcomer(seed: object = None) -> str:
    """Returns the id of somebody new; the same one for the same seed, so that what is repeated is found."""
    if seed is None:
        return f"{NEWCOMER}{secrets.token_hex(16)}"
    return f"{NEWCOMER}{hashlib.sha256(str(seed).encode()).hexdigest()[:32]}"


def check_customer_pace(inbox: Inbox, customer: str) -> None:
    """Counts a customer's question, whichever program asks it; raises TooMany. A lost cache lets it pass."""
    per_minute = inbox.chat_per_minute or settings.RATE_LIMIT_PER_MINUTE
    limits.take(f"ask:{inbox.pk}:{customer}", most=per_minute)


def ask(*, inbox: Inbox, sender: Sender, text: str, client_id: UUID | None = None) -> Message:
    """Stores a customer's question, once for each `client_id`, and returns it; the agent's job answers it.

    Raises what `receive` raises, and Invalid when something else was asked under the same `client_id`.
    """
    message = receive(inbox=inbox, sender=sender, text=text, client_id=client_id).message
    if message.text != checked_text(text, has_files=False):
        raise Invalid(_("Another message was sent under this id."), field="client_id")
    return message
