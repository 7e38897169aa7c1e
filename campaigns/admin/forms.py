"""The forms of a draft: who, when, and one for each wording. They check; the actions write."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, time
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import HttpRequest
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from campaigns.actions import Wording
from campaigns.enums import Kind
from campaigns.models import LABELS, Campaign
from campaigns.queries.problems import misfit
from campaigns.segments import read_segment
from conversations.actions import add_attachment
from conversations.models import Attachment, MessageTemplate
from conversations.queries.windows import APPROVED
from core.errors import HelpdeskError, Invalid
from core.storable import storable
from core.zones import time_zones

WHO = ("source", "segment", "needs_consent", "leaves_busy")
WHAT = ("brief",)
WHEN = (
    "starts_at",
    "quiet_from",
    "quiet_until",
    "timezone",
    "per_minute",
    "daily_limit",
    "price",
    "currency",
)
ON_SITE = ("url_pattern", "seconds", "visitors")
# All that the page of a message on a site shows; and what a page may lack.
SHOWN_ON_SITE = ("name", *WHAT, "starts_at", *ON_SITE)
MAY_LACK = (*ON_SITE, "per_minute", "price", "source")
MOMENT, CLOCK = "%Y-%m-%dT%H:%M", "%H:%M"


def as_stored(text: str) -> str:
    """Returns a text as it is stored, without the line ends that browsers make of ours."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


class Prose(forms.CharField):
    """A text of several lines."""

    def to_python(self, value: Any) -> Any:
        """Takes the browser's line ends out before anything is counted."""
        return super().to_python(as_stored(value) if isinstance(value, str) else value)


class NewCampaignForm(forms.ModelForm[Campaign]):
    """What a campaign begins with."""

    class Meta:
        model = Campaign
        fields = ("name", "inbox", "kind")

    def __init__(self, *args: Any, inboxes: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["inbox"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = inboxes

    def clean(self) -> dict[str, Any]:
        """Refuses a kind that the inbox has not: neither can be changed later."""
        told: dict[str, Any] = super().clean() or self.cleaned_data
        inbox, kind = told.get("inbox"), told.get("kind")
        if inbox is not None and kind and (problem := misfit(inbox, Kind(kind))):
            self.add_error("inbox", problem)
        return told


class CampaignForm(forms.ModelForm[Campaign]):
    """A draft, but for its wordings."""

    segment = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Campaign
        fields = ("name", *WHO, *WHAT, *WHEN, *ON_SITE)
        field_classes: ClassVar = {"brief": Prose}
        widgets: ClassVar = {
            "source": forms.RadioSelect,
            "brief": forms.Textarea(attrs={"rows": 3}),
            "starts_at": forms.DateTimeInput({"type": "datetime-local"}, format=MOMENT),
            "quiet_from": forms.TimeInput({"type": "time"}, format=CLOCK),
            "quiet_until": forms.TimeInput({"type": "time"}, format=CLOCK),
            "timezone": forms.TextInput({"list": "zones", "autocomplete": "off"}),
            "currency": forms.TextInput({"size": 4, "placeholder": "BRL"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["segment"] = json.dumps(self.instance.segment or {})
        # What a page does not show keeps its value.
        is_on_site = self.instance.kind == Kind.ONSITE
        for name in list(self.fields):
            is_shown = name in SHOWN_ON_SITE if is_on_site else name not in ON_SITE
            if not is_shown or (self.is_bound and name in MAY_LACK and name not in self.data):
                del self.fields[name]

    def clean_segment(self) -> Any:
        """Reads the rules."""
        try:
            data = json.loads(self.cleaned_data["segment"] or "{}")
            return read_segment(data).model_dump(mode="json")
        except ValueError as error:
            raise forms.ValidationError(_("These are no rules.")) from error
        except Invalid as error:
            raise forms.ValidationError(error.detail) from error

    def clean_timezone(self) -> str:
        """Only what the world's list of time zones knows."""
        zone = str(self.cleaned_data["timezone"])
        if zone and zone not in time_zones():
            raise forms.ValidationError(_("There is no time zone %s.") % zone)
        return zone

    def clean_currency(self) -> str:
        """Codes are written in capitals."""
        return str(self.cleaned_data["currency"]).upper()

    def clean(self) -> dict[str, Any]:
        """Quiet hours have two ends."""
        cleaned = super().clean() or self.cleaned_data
        if (cleaned.get("quiet_from") is None) != (cleaned.get("quiet_until") is None):
            lacking = "quiet_until" if cleaned.get("quiet_until") is None else "quiet_from"
            self.add_error(lacking, _("Quiet hours need a beginning and an end."))
        return cleaned

    def changes(self, stored: Campaign) -> dict[str, Any]:
        """Returns what is another than is stored, as far as the page shows it: of a time, no seconds."""
        told = self.cleaned_data.items()
        return {name: value for name, value in told if _shown(getattr(stored, name)) != _shown(value)}


def _shown(value: Any) -> Any:
    """Returns a value as the page shows it, and a browser sends it back."""
    if isinstance(value, datetime):
        return localtime(value).strftime(MOMENT)
    if isinstance(value, time):
        return value.strftime(CLOCK)
    return as_stored(value) if isinstance(value, str) else value


class WordingForm(forms.Form):
    """One variant. A template's values come as JSON, written by the page's script."""

    share = forms.IntegerField(min_value=1, max_value=100, initial=1)
    subject = forms.CharField(max_length=200, required=False)
    text = Prose(max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 5}))
    template = forms.ModelChoiceField(MessageTemplate.objects.none(), required=False)
    values = forms.CharField(required=False, widget=forms.HiddenInput)
    kept = forms.UUIDField(required=False, widget=forms.HiddenInput)
    file = forms.FileField(required=False)

    _came: Attachment | None = None

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.campaign = campaign
        field = self.fields["template"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = campaign.inbox.templates.filter(status__iexact=APPROVED)

    def clean_values(self) -> dict[str, str]:
        """Reads the values."""
        try:
            told = json.loads(self.cleaned_data["values"] or "{}")
        except ValueError:
            told = {}
        given = storable(told) if isinstance(told, dict) else {}
        return {str(name): str(value)[:1024] for name, value in given.items()}

    def keep_file(self) -> Attachment | None:
        """Stores the file that came, or returns the one that is there. Call it outside any transaction."""
        upload = self.cleaned_data.get("file")
        if not upload:
            return self._kept(self.cleaned_data.get("kept"))
        try:
            # Whatever else is wrong with the page: this file need not be chosen again.
            self._came = add_attachment(
                inbox=self.campaign.inbox, uploader=f"campaign:{self.campaign.pk}", upload=upload
            )
        except HelpdeskError as error:
            self.add_error("file", error.detail)
        return self._came

    def _kept(self, pk: UUID | None) -> Attachment | None:
        rows = Attachment.objects.filter(inbox=self.campaign.inbox, uploader=f"campaign:{self.campaign.pk}")
        return rows.filter(pk=pk).first() if pk else None

    @property
    def kept_file(self) -> Attachment | None:
        """The file that is there already."""
        try:
            return self._came or self._kept(UUID(str(self["kept"].value() or "")))
        except ValueError:
            return None

    def wording(self) -> Wording:
        """Returns the variant as it is asked for; with a template, the text is the provider's."""
        told, template = self.cleaned_data, self.cleaned_data["template"]
        return Wording(
            text="" if template else told["text"],
            subject=told["subject"],
            template=template,
            values=values_for(template, told["values"]),
            share=told["share"],
            file=self.keep_file(),
        )


def values_for(template: MessageTemplate | None, told: Mapping[str, str]) -> dict[str, str]:
    """Returns the values of a template's own places, and no others."""
    return {name: told.get(name, "") for name in template.variables} if template else {}


def posted_wordings(request: HttpRequest, campaign: Campaign) -> list[WordingForm]:
    """Returns the forms of the variants that are in use, in the order in which they stand on the page.

    The page switches off those that are not, and gives them their letters by that order.
    """
    shares = {f"{prefix}-share": prefix for prefix in prefixes()}
    used = [shares[name] for name in request.POST if name in shares]
    return [WordingForm(request.POST, request.FILES, prefix=name, campaign=campaign) for name in used]


def stored_wordings(campaign: Campaign) -> Iterator[WordingForm]:
    """Yields the forms of the variants as they are stored."""
    for prefix, variant in zip(prefixes(), campaign.variants.all(), strict=False):
        initial = {
            "share": variant.share,
            "subject": variant.subject,
            "text": variant.text,
            "template": variant.template_id,
            "values": json.dumps(variant.values),
            "kept": variant.file_id,
        }
        yield WordingForm(initial=initial, prefix=prefix, campaign=campaign)


def spare_wordings(campaign: Campaign, used: list[WordingForm]) -> list[WordingForm]:
    """Returns empty forms for the variants that may still be added."""
    taken = {form.prefix for form in used}
    return [WordingForm(prefix=name, campaign=campaign) for name in prefixes() if name not in taken]


def prefixes() -> list[str]:
    """Returns what the names of a variant's fields begin with, in their order."""
    return [f"v{number}" for number in range(len(LABELS))]
