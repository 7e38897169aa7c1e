"""Visitors' tokens in the admin: to look at and to revoke."""

from django.contrib import admin
from django.http import HttpRequest

from integrations.web.models import VisitorToken


@admin.register(VisitorToken)
class VisitorTokenAdmin(admin.ModelAdmin[VisitorToken]):
    """Deleting a token signs that browser out."""

    list_display = ("external_id", "inbox", "created_at", "expires_at")
    list_filter = ("inbox",)
    list_select_related = ("inbox",)
    search_fields = ("external_id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tokens are given to browsers, never typed."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: VisitorToken | None = None) -> bool:
        """A token is what it is."""
        del request, obj
        return False
