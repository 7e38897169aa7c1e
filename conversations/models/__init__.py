"""Tables of the spine."""

from conversations.models.contacts import Contact, ContactIdentity
from conversations.models.conversation import Conversation, ConversationQuerySet
from conversations.models.inboxes import Inbox
from conversations.models.messages import Attachment, Event, Message

__all__ = [
    "Attachment",
    "Contact",
    "ContactIdentity",
    "Conversation",
    "ConversationQuerySet",
    "Event",
    "Inbox",
    "Message",
]
