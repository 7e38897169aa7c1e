"""Conversations by which agents are measured."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from agents.actions.cases import check_case, save_case
from agents.models import (
    EvaluationCase,
)
from core.errors import Invalid


class EvaluationCaseForm(forms.ModelForm[EvaluationCase]):
    """The text of a case is read before it is stored, and its mistakes are told with their lines."""

    class Meta:
        model = EvaluationCase
        fields = ("text", "team")
        widgets: ClassVar = {"text": forms.Textarea(attrs={"rows": 40, "cols": 110, "spellcheck": "false"})}

    def clean_text(self) -> str:
        """Refuses what is not one case."""
        text = str(self.cleaned_data["text"])
        try:
            check_case(text, but=self.instance.pk)
        except Invalid as error:
            raise forms.ValidationError(error.detail) from error
        return text


@admin.register(EvaluationCase)
class EvaluationCaseAdmin(admin.ModelAdmin[EvaluationCase]):
    """Conversations by which agents are measured: `evaluate_agent --own` plays them."""

    form = EvaluationCaseForm
    list_display = ("title", "name", "team", "made_by", "created_at")
    list_filter = ("team", "created_at")
    list_select_related = ("team",)
    search_fields = ("name", "title", "text")
    fields = ("name", "text", "team", ("made_by", "in_conversation"), ("created_at", "updated_at"))
    readonly_fields = ("name", "made_by", "in_conversation", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvaluationCase]:
        """Only those that one may see."""
        seen = EvaluationCase.objects.visible_to(actor_of(request)).values("pk")
        return super().get_queryset(request).filter(pk__in=seen)

    @admin.display(description=_("made of"))
    def in_conversation(self, case: EvaluationCase) -> str:
        """A link to the conversation, while it is there."""
        if case.conversation_id is None:
            return "-"
        address = reverse("admin:desk_conversation", args=[case.conversation_id])
        return format_html('<a href="{}">{}</a>', address, _("Open the conversation"))

    def save_model(self, request: HttpRequest, obj: EvaluationCase, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001 (Django's signature)
        """Saves through the action, which takes id and title from the text."""
        save_case(case=obj, by=actor_of(request))
