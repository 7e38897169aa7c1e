"""What agents asked people for."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from agents.models import (
    Approval,
)
from conversations.admin import ReadOnly


@admin.register(Approval)
class ApprovalAdmin(ReadOnly, admin.ModelAdmin[Approval]):
    """What agents asked people for. It is decided in the conversation, where one sees why."""

    list_display = ("asked_at", "tool", "status", "expires_at", "decided_by_name", "in_conversation")
    list_filter = ("status", "tool", "asked_at")
    date_hierarchy = "asked_at"

    @admin.display(description=_("conversation"))
    def in_conversation(self, approval: Approval) -> str:
        """A link to where it is decided."""
        address = reverse("admin:desk_conversation", args=[approval.conversation_id])
        return format_html('<a href="{}">{}</a>', address, approval.conversation.contact.display_name)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Approval]:
        """Only of conversations one may see."""
        rows = super().get_queryset(request).select_related("conversation__contact")
        return rows.filter(pk__in=Approval.objects.visible_to(actor_of(request)).values("pk"))
