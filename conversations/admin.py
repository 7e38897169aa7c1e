"""The spine in the admin: searchable, filtered, read-only where history must stand."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from conversations.channels import adapter
from conversations.models import (
    Attachment,
    Contact,
    ContactIdentity,
    Conversation,
    Event,
    Inbox,
    Message,
)
from conversations.queries.wire import attachment_url


class ReadOnly:
    """History is looked at, never edited: what happens in a conversation happens through its actions."""

    def has_add_permission(self, *_args: Any) -> bool:
        """Nothing is added by hand."""
        return False

    def has_change_permission(self, *_args: Any) -> bool:
        """Nothing is changed by hand."""
        return False

    def has_delete_permission(self, *_args: Any) -> bool:
        """Nothing is deleted by hand."""
        return False


@admin.register(Inbox)
class InboxAdmin(admin.ModelAdmin[Inbox]):
    """Inboxes, with what must be copied to connect them."""

    list_display = ("name", "channel", "team", "is_active", "created_at")
    list_filter = ("channel", "is_active", "team")
    list_select_related = ("team",)
    search_fields = ("name", "key")
    readonly_fields = ("key", "setup")
    fieldsets = (
        (None, {"fields": ("name", "channel", "team", "is_active")}),
        (_("Connect"), {"fields": ("setup", "key", "secret", "allowed_origins")}),
        (_("Look"), {"fields": ("title", "greeting", "agent_name", "color", "position")}),
    )

    @admin.display(description=_("Copy this"))
    def setup(self, inbox: Inbox) -> SafeString:
        """The snippet or address that connects the inbox."""
        if not inbox.pk:
            return format_html("{}", _("Save first."))
        text = adapter(inbox.channel).setup_text(key=inbox.key, public_url=settings.PUBLIC_URL)
        return format_html(
            '<div class="copy" data-copy><code>{}</code>'
            '<button type="button" data-copy-button>{}</button></div>',
            text,
            _("Copy"),
        )


class IdentityInline(ReadOnly, admin.TabularInline[ContactIdentity, Contact]):
    """How channels know the contact."""

    model = ContactIdentity
    fk_name = "contact"
    fields = ("inbox", "external_id", "is_verified", "created_at")
    readonly_fields = fields
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContactIdentity]:
        """Fetches the inboxes along."""
        return super().get_queryset(request).select_related("inbox")


@admin.register(Contact)
class ContactAdmin(admin.ModelAdmin[Contact]):
    """Customers."""

    list_display = ("display_name", "email", "phone", "locale", "conversation_count", "created_at")
    list_filter = ("locale", "created_at")
    search_fields = ("name", "email", "phone", "identities__external_id")
    inlines = (IdentityInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        """Only customers of conversations one may see; counts the conversations in the same query."""
        contacts = super().get_queryset(request)
        user = request.user
        if isinstance(user, User) and not user.is_admin:
            seen = Conversation.objects.visible_to(user.as_actor())
            contacts = contacts.filter(pk__in=seen.values("contact"))
        return contacts.annotate(conversations_counted=Count("conversations"))

    @admin.display(description=_("conversations"), ordering="conversations_counted")
    def conversation_count(self, contact: Contact) -> int:
        """The number of conversations with the contact."""
        return int(getattr(contact, "conversations_counted", 0))


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
    list_filter = ("direction", "author_kind", "validated_by", "inbox", "created_at")
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
        return format_html('<a href="{}">{}</a>', attachment_url(attachment), _("Open"))
