"""What may be said of campaigns: bodies and queries."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from api.campaign_fields import ContactIds, People, SegmentField, TemplateName, Values
from api.fields import (
    LARGEST_ID,
    ContactId,
    ConversationId,
    Count,
    Flag,
    InboxId,
    Moment,
    PageQuery,
    Strict,
    Text,
    WallTime,
)
from campaigns.enums import CampaignStatus, Kind, Outcome, Skip, Visitors
from campaigns.models import LABELS
from core.zones import time_zones

WORDS = ("subject", "text", "template", "values")
WHOM = ("contacts", "recipients")
YES_NO = ("true", "false")
DAY = 24 * 60 * 60


class CampaignQuery(PageQuery):
    """Which campaigns, in which order."""

    status = serializers.ChoiceField(choices=CampaignStatus.choices, required=False)
    inbox = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    ordering = serializers.ChoiceField(
        choices=["-created_at", "created_at", "-updated_at", "updated_at"], default="-created_at"
    )


class RecipientQuery(PageQuery):
    """Which recipients of a campaign, in which order."""

    outcome = serializers.ChoiceField(
        choices=Outcome.choices,
        required=False,
        help_text="Exactly this far: `sent` leaves out who has read it.",
    )
    reason = serializers.ChoiceField(choices=Skip.choices, required=False, help_text="Why left out.")
    variant = serializers.ChoiceField(choices=list(LABELS), required=False)
    replied = serializers.ChoiceField(choices=YES_NO, required=False)
    opted_out = serializers.ChoiceField(choices=YES_NO, required=False)
    ordering = serializers.ChoiceField(choices=["id", "-id"], default="id")


class UploadQuery(PageQuery):
    """Lists in which order."""

    ordering = serializers.ChoiceField(choices=["-created_at", "created_at"], default="-created_at")


class BadRowQuery(PageQuery):
    """Bad lines in which order."""

    ordering = serializers.ChoiceField(choices=["line", "-line"], default="line")


class Words(Strict):
    """What is said. `{{name}}` and `{{plan|basic}}` are filled in for each recipient."""

    subject = Text(max_length=200, required=False, allow_blank=True, help_text="Of an e-mail.")
    text = Text(max_length=4_000, required=False, allow_blank=True, help_text="Markdown.")
    template = TemplateName(required=False, allow_null=True, help_text="Instead of the text.")
    values = Values(
        required=False, help_text="For the template's places; places of the text may stand in them."
    )


class NewVariant(Words):
    """One wording of several."""

    share = Count(default=1, min_value=1, max_value=100, help_text="Its part of the recipients.")


class CampaignBody(Words):
    """What may be said of a campaign at any time before it begins."""

    name = Text(max_length=120)
    inbox = InboxId(help_text="The integration it goes out through.")
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    segment = SegmentField(required=False, help_text="Everybody who fits; `{}` is everybody.")
    variants = serializers.ListField(
        child=NewVariant(), required=False, min_length=1, max_length=len(LABELS),
        help_text="Several wordings, A to E, instead of one.",
    )  # fmt: skip
    brief = Text(
        max_length=2_000, required=False, allow_blank=True, help_text="What the AI agent must know of it."
    )
    needs_consent = Flag(required=False, help_text="Only to those who have agreed to messages.")
    leaves_busy = Flag(required=False, help_text="Not to those in the middle of a conversation.")
    starts_at = Moment(required=False, allow_null=True, help_text="null: at once.")
    quiet_from = WallTime(required=False, allow_null=True, help_text="By the recipient's clock.")
    quiet_until = WallTime(required=False, allow_null=True)
    timezone = Text(
        max_length=64, required=False, allow_blank=True, help_text="Of recipients whose own nobody knows."
    )
    per_minute = Count(required=False, min_value=1, max_value=1_000_000)
    daily_limit = Count(
        required=False, allow_null=True, min_value=1, max_value=2**31 - 1,
        help_text="People in 24 hours through this inbox; null: what the provider allows.",
    )  # fmt: skip
    price = serializers.DecimalField(
        max_digits=9, decimal_places=4, required=False, min_value=0, help_text="Of one message."
    )
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False, allow_blank=True)
    url_pattern = Text(
        max_length=300, required=False, allow_blank=True,
        help_text="On a site: the pages, such as `https://shop.example/cart*`.",
    )  # fmt: skip
    seconds = Count(required=False, min_value=0, max_value=DAY, help_text="On a site: after so long.")
    visitors = serializers.ChoiceField(choices=Visitors.choices, required=False)

    def validate_timezone(self, zone: str) -> str:
        """Refuses what is none."""
        if zone and zone not in time_zones():
            raise serializers.ValidationError(_("There is no time zone %s.") % zone)
        return zone

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Takes one wording or several, not both."""
        doubled = [name for name in WORDS if name in attrs]
        if "variants" in attrs and doubled:
            raise serializers.ValidationError({doubled[0]: _("Say it in the variants, or without them.")})
        return attrs


class PeopleBody(Strict):
    """People to whom a campaign goes."""

    recipients = People(required=False, help_text="People by their addresses; nobody has to know them yet.")
    contacts = ContactIds(required=False, help_text="Customers by their ids.")
    region = serializers.RegexField(
        r"^[A-Za-z]{2}$", required=False, help_text="Country of numbers without one, such as `BR`."
    )
    gives_consent = Flag(required=False, help_text="Everybody in `recipients` has agreed to messages.")


class NewCampaign(CampaignBody, PeopleBody):
    """A campaign to be made, as a draft."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Takes either rules or people."""
        named = [name for name in WHOM if name in attrs]
        if named and "segment" in attrs:
            raise serializers.ValidationError({"segment": _("Give rules, or people, not both.")})
        if named and attrs.get("kind") == Kind.ONSITE:
            raise serializers.ValidationError({named[0]: _("A message on a site has no list.")})
        return super().validate(attrs)


class CampaignChange(CampaignBody):
    """What shall be different; what is left out stays."""

    name = Text(max_length=120, required=False)
    inbox = InboxId(required=False, help_text="The integration it goes out through.")


class MorePeople(PeopleBody):
    """To whom the campaign shall go as well."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Wants somebody."""
        if not any(name in attrs for name in WHOM):
            raise serializers.ValidationError({"recipients": _("Name somebody.")})
        return attrs


class Tester(Strict):
    """Somebody whom the inbox knows, named in one of three ways."""

    contact = ContactId(required=False)
    conversation = ConversationId(required=False)
    address = Text(max_length=254, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Takes exactly one."""
        if len(attrs) != 1:
            raise serializers.ValidationError(_("Name a contact, a conversation or an address."))
        return attrs


class Trial(Strict):
    """A message to try out."""

    to = Tester()
    variant = serializers.ChoiceField(choices=list(LABELS), default=LABELS[0])
