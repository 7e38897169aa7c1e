"""The form of an inbox: its own fields, and those that the channel's settings ask for.

An adapter describes its settings once, as a pydantic model; here each becomes a form field, and what pydantic
complains about is said at the field.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, ClassVar, Literal, get_args, get_origin

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from conversations.channel_settings import (
    ENTER_AGAIN,
    default_of,
    kind_of,
    leading_within,
    plain,
    said,
    to_enter_again,
)
from conversations.channels import ChannelConfig, adapter
from conversations.models import Inbox

PREFIX = "config_"
# What a browser sends when somebody asks to forget a secret; no secret can be that.
FORGET = "\x00forget"


class SecretInput(forms.PasswordInput):
    """Never shows what is stored; left empty, it stays. What is optional can be forgotten."""

    template_name = "admin/conversations/secret_input.html"
    is_stored = may_forget = False

    def __init__(self) -> None:
        super().__init__({"class": "vTextField", "autocomplete": "new-password"})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Says whether there is one."""
        context = super().get_context(name, value, attrs)
        forget = f"{name}-forget" if self.is_stored and self.may_forget else ""
        return {**context, "is_stored": self.is_stored, "forget": forget}

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """From the project's own templates, of which the renderer of forms knows nothing."""
        del renderer
        return render_to_string(self.template_name, self.get_context(name, value, attrs))

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Returns what was typed, or that it is to be forgotten."""
        typed = super().value_from_datadict(data, files, name)
        return FORGET if f"{name}-forget" in data and not typed else typed


class SecretField(forms.CharField):
    """A secret; `FORGET` passes as it is."""

    widget = SecretInput

    def to_python(self, value: Any) -> Any:
        """Keeps the sign apart from text."""
        return value if value == FORGET else super().to_python(value)

    def clean(self, value: Any) -> Any:
        """The sign is no text that could be too long or hold a zero byte."""
        return value if value == FORGET else super().clean(value)


class InboxForm(forms.ModelForm[Inbox]):
    """An inbox with the settings of its channel; `settings` is what they have to satisfy."""

    settings: ClassVar[type[ChannelConfig]] = ChannelConfig

    class Meta:
        widgets: ClassVar = {"color": forms.ColorInput}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.config
        for name, info in self.settings.model_fields.items():
            if (field := self.fields.get(PREFIX + name)) is None:
                continue
            if isinstance(field, SecretField) and isinstance(field.widget, SecretInput):
                field.widget.is_stored = bool(stored.get(name))
                field.widget.may_forget = not info.is_required()
                # What is stored need not be typed again.
                field.required = field.required and not stored.get(name)
            else:
                self.initial[PREFIX + name] = _shown(stored.get(name, default_of(info)))

    def clean(self) -> dict[str, Any]:
        """Checks the settings as the channel will, and keeps them when they pass."""
        cleaned = super().clean() or self.cleaned_data
        if not any(name.startswith(PREFIX) for name in self.fields):
            return cleaned
        try:
            config = self.settings.model_validate(dict(self._values(cleaned)))
        except ValidationError as error:
            self._complain(error)
        else:
            entered = {name for name in self.settings.model_fields if cleaned.get(PREFIX + name)}
            for name in to_enter_again(config, stored=self.instance.config, entered=entered):
                self.add_error(PREFIX + name, _(ENTER_AGAIN))
            for name, why in leading_within(config, stored=self.instance.config).items():
                self.add_error(PREFIX + name, why)
            # What a field could not read has taken its default here, and must not be kept.
            if not self.errors:
                self.instance.config = {**self.instance.config, **plain(config)}
        return cleaned

    def _values(self, cleaned: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yields what was entered; what is left empty takes its default, and a secret stays."""
        for name in self.settings.model_fields:
            value, stored = cleaned.get(PREFIX + name), self.instance.config.get(name)
            if isinstance(self.fields.get(PREFIX + name), SecretField) and not value:
                value = stored
            if value not in (None, "", FORGET):
                yield name, value

    def _complain(self, error: ValidationError) -> None:
        """Puts each complaint at its field, once."""
        for each in error.errors(include_url=False, include_input=False):
            name = f"{PREFIX}{each['loc'][0]}" if each["loc"] else None
            if name not in self.fields:
                name = None
            if name is None or name not in self.errors:
                self.add_error(name, said(each))


def form_for(channel: str) -> type[InboxForm]:
    """Returns the form of a channel's inboxes."""
    settings = adapter(channel).config
    fields = {PREFIX + name: form_field(name, info) for name, info in settings.model_fields.items()}
    return type("InboxForm", (InboxForm,), {**fields, "settings": settings})


def setting_names(channel: str) -> tuple[str, ...]:
    """Returns the names of the form fields of a channel's settings."""
    return tuple(PREFIX + name for name in adapter(channel).config.model_fields)


def form_field(name: str, info: FieldInfo) -> forms.Field:
    """Returns the form field for one setting, by its type."""
    kind = kind_of(info.annotation)
    common: dict[str, Any] = {
        "label": gettext_later(info.title or name.replace("_", " ").capitalize()),
        "help_text": gettext_later(info.description or ""),
        "required": info.is_required(),
    }
    if kind is bool:
        return forms.BooleanField(**{**common, "required": False})
    if choices := _choices(kind, info):
        return forms.ChoiceField(choices=choices, **common)
    if kind is SecretStr:
        return SecretField(**common)
    if kind in (int, float):
        return (forms.IntegerField if kind is int else forms.FloatField)(**common)
    if get_origin(kind) in (list, tuple, set, frozenset):
        return ListField(**common)
    if name.endswith("url"):
        # A text field: which addresses will do is the adapter's to say.
        return forms.CharField(
            widget=forms.TextInput(attrs={"class": "vURLField", "inputmode": "url"}), **common
        )
    is_long = isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("multiline")
    return forms.CharField(widget=forms.Textarea(attrs={"rows": 4}) if is_long else None, **common)


class ListField(forms.CharField):
    """Several values, one a line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def to_python(self, value: Any) -> Any:
        """Returns the lines that say something."""
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]


def gettext_later(text: str) -> Any:
    """Translates what an adapter has only marked for translation, in the language of each request."""
    return _(text) if text else ""


def _choices(kind: Any, info: FieldInfo) -> list[tuple[Any, Any]]:
    """Returns what may be chosen, where the type says so, by the names that the field gives as `labels`."""
    told = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    labels = told.get("labels")
    names = labels if isinstance(labels, dict) else {}
    if get_origin(kind) is Literal:
        return [
            (value, gettext_later(str(names.get(value, str(value).capitalize())))) for value in get_args(kind)
        ]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [(each.value, getattr(each, "label", None) or str(each.value).capitalize()) for each in kind]
    return []


def _shown(value: Any) -> Any:
    return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value
