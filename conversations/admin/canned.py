"""Canned replies in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of, is_admin
from accounts.models import Team
from conversations.actions.canned import (
    change_canned_reply,
    check_text,
    create_canned_reply,
    delete_canned_reply,
)
from conversations.admin.common import short
from conversations.models import CannedReply
from conversations.queries.canned import PLACES, canned_for
from core.errors import Invalid

WORDS = ("shortcut", "title", "text", "language", "team")


class CannedReplyForm(forms.ModelForm[CannedReply]):
    """A text and where it is offered."""

    class Meta:
        model = CannedReply
        fields = WORDS
        widgets = {"text": forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = ", ".join(f"{{{{{name}}}}}" for name in PLACES.values())
        # Whoever may only look has no fields.
        if "text" in self.fields:
            told = gettext("Markdown. Filled in: %s. Where a name may be unknown: {{contact.name|there}}.")
            self.fields["text"].help_text = told % names

    def clean_shortcut(self) -> str:
        """Returns it as it is kept, so that one that is taken is found."""
        return str(self.cleaned_data["shortcut"]).lower()

    def clean_text(self) -> str:
        """Complains of places that there are not."""
        try:
            check_text(self.cleaned_data["text"])
        except Invalid as error:
            raise ValidationError(error.detail) from error
        return str(self.cleaned_data["text"])


@admin.register(CannedReply)
class CannedReplyAdmin(admin.ModelAdmin[CannedReply]):
    """Texts that are written again and again: everybody's, and those of one's teams."""

    form = CannedReplyForm
    list_display = ("shortcut", "title", "beginning", "language", "team", "updated_at")
    list_filter = ("team", "language")
    list_select_related = ("team",)
    search_fields = ("shortcut", "title", "text")

    @admin.display(description=_("text"))
    def beginning(self, reply: CannedReply) -> str:
        """How the text begins."""
        return short(reply.text, 60)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CannedReply]:
        """Only those that one may use."""
        rows = super().get_queryset(request)
        return rows if is_admin(request) else rows & canned_for(actor_of(request)).select_related(None)

    def has_change_permission(self, request: HttpRequest, obj: CannedReply | None = None) -> bool:
        """Leads tend to those of their teams; everybody's are the administrators'."""
        return super().has_change_permission(request, obj) and self._is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: CannedReply | None = None) -> bool:
        """As changing."""
        return super().has_delete_permission(request, obj) and self._is_theirs(request, obj)

    def _is_theirs(self, request: HttpRequest, reply: CannedReply | None) -> bool:
        return reply is None or is_admin(request) or reply.team_id in actor_of(request).team_ids

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offers a lead their teams, of which one has to be chosen."""
        if db_field.name == "team" and not is_admin(request):
            teams = Team.objects.filter(pk__in=actor_of(request).team_ids)
            kwargs |= {"queryset": teams, "required": True, "empty_label": None}
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: CannedReply, form: Any, change: bool) -> None:  # noqa: FBT001 (Django's signature)
        """Keeps it as everybody else does."""
        words: Any = {name: form.cleaned_data[name] for name in WORDS}
        if change:
            change_canned_reply(reply=obj, by=actor_of(request), **words)
        else:
            obj.pk = create_canned_reply(by=actor_of(request), **words).pk

    def delete_model(self, request: HttpRequest, obj: CannedReply) -> None:
        """Deletes it as everybody else does."""
        delete_canned_reply(reply=obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[CannedReply]) -> None:
        """Deletes those chosen, each by the same rule."""
        for reply in queryset:
            delete_canned_reply(reply=reply, by=actor_of(request))
