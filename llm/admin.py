"""The ledger in the admin, to read only."""

from typing import Any

from django.contrib import admin

from llm.models import ModelCall


@admin.register(ModelCall)
class ModelCallAdmin(admin.ModelAdmin[ModelCall]):
    """Calls to models. A ledger is not edited."""

    list_display = (
        *("created_at", "purpose", "model", "outcome", "prompt_tokens", "completion_tokens", "cost"),
        *("first_text_ms", "duration_ms", "reference"),
    )
    list_filter = ("outcome", "provider", "purpose", "estimated", "model")
    search_fields = ("reference", "model", "purpose", "error")
    date_hierarchy = "created_at"
    # Counting a ledger of millions for a page of a hundred costs seconds.
    show_full_result_count = False

    def has_add_permission(self, *_: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any) -> bool:
        return False

    def has_delete_permission(self, *_: Any) -> bool:
        return False
