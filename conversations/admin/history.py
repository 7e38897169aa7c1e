"""What was said and done: to be read."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from conversations.admin.common import ReadOnly
from conversations.models import Attachment, Conversation, Event, Message
from conversations.queries.wire import Reader, attachment_url


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, admin.ModelAdmin[Conversation]):
    """Conversations as records; the day's work is done in the inbox page."""

    list_display = (
        "__str__",
        "contact",
        "inbox",
        "status",
        "assignee",
        "team",
        "waiting_since",
        "updated_at",
    )
    list_filter = ("status", "inbox", "team", "priority", "created_at")
    list_select_related = ("contact", "inbox", "assignee", "team")
    search_fields = ("subject", "preview", "contact__name", "contact__email")
    date_hierarchy = "created_at"


@admin.register(Message)
class MessageAdmin(ReadOnly, admin.ModelAdmin[Message]):
    """Everything said."""

    list_display = ("created_at", "author_kind", "author_name", "short_text", "direction", "validated_by")
    list_filter = ("direction", "author_kind", "validated_by", "helpful", "inbox", "created_at")
    search_fields = ("text", "author_name")
    date_hierarchy = "created_at"

    @admin.display(description=_("text"))
    def short_text(self, message: Message) -> str:
        """The beginning of the message."""
        return message.text[:100]


@admin.register(Event)
class EventAdmin(ReadOnly, admin.ModelAdmin[Event]):
    """The log."""

    list_display = ("created_at", "conversation_id", "seq", "type", "actor_name", "is_internal")
    list_filter = ("type", "is_internal", "created_at")
    search_fields = ("conversation__id", "actor_name")
    date_hierarchy = "created_at"


@admin.register(Attachment)
class AttachmentAdmin(ReadOnly, admin.ModelAdmin[Attachment]):
    """Files."""

    list_display = ("name", "content_type", "size", "inbox", "created_at")
    list_filter = ("content_type", "inbox")
    list_select_related = ("inbox",)
    search_fields = ("name",)
    fields = ("name", "download", "content_type", "size", "inbox", "message", "uploader", "created_at")
    readonly_fields = ("download",)

    @admin.display(description=_("file"))
    def download(self, attachment: Attachment) -> SafeString:
        """A signed address, the only one under which files are served."""
        return format_html('<a href="{}">{}</a>', attachment_url(attachment, Reader.STAFF), _("Open"))
