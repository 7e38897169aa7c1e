"""Tables of the spine."""

from conversations.models.canned import CannedReply
from conversations.models.contacts import Contact, ContactIdentity
from conversations.models.conversation import Conversation, ConversationQuerySet
from conversations.models.deliveries import UNFINISHED, Delivery
from conversations.models.fields import CustomField
from conversations.models.inbound import InboundEvent
from conversations.models.inboxes import Inbox, InboxState, MessageTemplate
from conversations.models.messages import Attachment, Event, Message
from conversations.models.verifications import Verification

__all__ = [
    "UNFINISHED",
    "Attachment",
    "CannedReply",
    "Contact",
    "ContactIdentity",
    "Conversation",
    "ConversationQuerySet",
    "CustomField",
    "Delivery",
    "Event",
    "InboundEvent",
    "Inbox",
    "InboxState",
    "Message",
    "MessageTemplate",
    "Verification",
]
