"""The spine in the admin: searchable, filtered, read-only where history must stand."""

from conversations.admin.canned import CannedReplyAdmin
from conversations.admin.common import ReadOnly
from conversations.admin.contacts import ContactAdmin
from conversations.admin.deliveries import DeliveryAdmin, MessageTemplateAdmin
from conversations.admin.fields import CustomFieldAdmin
from conversations.admin.history import AttachmentAdmin, ConversationAdmin, EventAdmin, MessageAdmin
from conversations.admin.inboxes import InboxAdmin
from conversations.admin.receipts import InboundEventAdmin

__all__ = [
    "AttachmentAdmin",
    "CannedReplyAdmin",
    "ContactAdmin",
    "ConversationAdmin",
    "CustomFieldAdmin",
    "DeliveryAdmin",
    "EventAdmin",
    "InboundEventAdmin",
    "InboxAdmin",
    "MessageAdmin",
    "MessageTemplateAdmin",
    "ReadOnly",
]
