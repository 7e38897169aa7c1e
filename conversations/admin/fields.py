"""Custom fields: what there is to be noted, and how a form asks for it."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin import actor_of, is_admin
from conversations.actions import create_field, edit_field
from conversations.enums import FieldKind
from conversations.models import CustomField
from conversations.values import LARGEST_NUMBER, LONGEST_VALUE
from core.errors import HelpdeskError

# Before the key of a custom field, where a form has fields of its own too.
PREFIX = "custom_"
CHANGEABLE = ("label", "choices", "position")


class CustomFieldForm(ModelForm[CustomField]):
    """A field as an administrator defines it; the action has the last word."""

    by: Any = None

    def full_clean(self) -> None:
        """Carries out what the form itself has no objection to; what is refused is said beside it."""
        super().full_clean()
        if not self.is_bound or self.errors:
            return
        try:
            self._carry_out(self.cleaned_data)
        except HelpdeskError as error:
            field = error.extra.get("field")
            self.add_error(field if field in self.fields else None, error.detail)

    def _carry_out(self, cleaned: Mapping[str, Any]) -> None:
        if self.instance._state.adding:  # noqa: SLF001 (Django's own way to say that a row is not stored)
            self.stored = create_field(by=self.by, **cleaned)
        else:
            wanted = {name: cleaned[name] for name in CHANGEABLE}
            self.stored = edit_field(field=self.instance, by=self.by, **wanted)


@admin.register(CustomField)
class CustomFieldAdmin(admin.ModelAdmin[CustomField]):
    """What the team notes beyond our own fields: defined by administrators, seen by all."""

    form = CustomFieldForm
    fields = ("entity", "key", "label", "kind", "choices", "position")
    list_display = ("label", "entity", "key", "kind", "position")
    list_filter = ("entity", "kind")
    search_fields = ("label", "key")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """As the action says."""
        return is_admin(request)

    def has_change_permission(self, request: HttpRequest, obj: CustomField | None = None) -> bool:
        """As the action says."""
        del obj
        return is_admin(request)

    def has_delete_permission(self, request: HttpRequest, obj: CustomField | None = None) -> bool:
        """As the action says."""
        del obj
        return is_admin(request)

    def get_readonly_fields(self, request: HttpRequest, obj: CustomField | None = None) -> Any:
        """Values hang on key and kind."""
        del request
        return ("entity", "key", "kind") if obj is not None else ()

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Tells the form who asks."""
        made = super().get_form(request, *args, **kwargs)
        return type(made.__name__, (made,), {"by": actor_of(request)})

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> CustomField:  # noqa: FBT001 (Django's signature)
        """Returns what the form's action has stored."""
        del request, change
        stored: CustomField = form.stored
        form.save_m2m = lambda: None
        return stored

    def save_model(self, *_args: Any) -> None:
        """It is stored."""


def form_fields(fields: Iterable[CustomField]) -> dict[str, forms.Field]:
    """Returns an input for each field, by the name that it has in a form."""
    return {f"{PREFIX}{field.key}": form_field(field) for field in fields}


def form_field(field: CustomField) -> forms.Field:
    """Returns the input of one field; empty, it means that there is no value."""
    told: dict[str, Any] = {"required": False, "label": field.label}
    if field.kind == FieldKind.NUMBER:
        return forms.FloatField(min_value=-LARGEST_NUMBER, max_value=LARGEST_NUMBER, **told)
    if field.kind == FieldKind.DATE:
        return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), **told)
    if field.kind == FieldKind.BOOLEAN:
        return forms.NullBooleanField(**told)
    if field.kind == FieldKind.CHOICE:
        return forms.ChoiceField(choices=[("", "–"), *((each, each) for each in field.choices)], **told)
    if field.kind == FieldKind.URL:
        return forms.URLField(max_length=LONGEST_VALUE, assume_scheme="https", **told)
    return forms.CharField(max_length=LONGEST_VALUE, **told)


def stored_value(value: Any) -> Any:
    """Returns what an input gave as it stands in `attributes`; None where it is empty."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None if value in {"", None} else value
