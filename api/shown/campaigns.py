"""Campaigns as they are shown."""

from rest_framework import serializers

from api.campaign_fields import SegmentField
from api.fields import WallTime
from api.shapes import Shown
from api.shown.common import InboxSerializer, ReasonField
from campaigns.enums import CampaignStatus, Kind, Source, Visitors


class TemplateSerializer(Shown):
    """A message that the provider has approved, or not yet."""

    name = serializers.CharField()
    language = serializers.CharField()
    status = serializers.CharField(help_text="The provider's own word: `APPROVED` may be sent.")


class CampaignVariantSerializer(Shown):
    """One wording."""

    label = serializers.CharField(help_text="A to E.")  # type: ignore[assignment]
    share = serializers.IntegerField(help_text="Its part of the recipients.")
    subject = serializers.CharField(help_text="May be empty.")
    text = serializers.CharField(help_text="May be empty, where there is a template.")
    template = TemplateSerializer(allow_null=True)
    values = serializers.DictField(child=serializers.CharField(), help_text="For the template's places.")
    file = serializers.CharField(
        source="file.name", allow_null=True, help_text="The file above a template; given in the admin."
    )


class CampaignSerializer(Shown):
    """One message to many, and when and to whom it goes."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    inbox = InboxSerializer()
    status = serializers.ChoiceField(choices=CampaignStatus.choices)
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=Source.choices, help_text="Who gets it: those who fit the `segment`, or a `list`."
    )
    segment = SegmentField()
    variants = CampaignVariantSerializer(many=True)
    brief = serializers.CharField(help_text="What the AI agent is told about it. May be empty.")
    needs_consent = serializers.BooleanField()
    leaves_busy = serializers.BooleanField()
    starts_at = serializers.DateTimeField(allow_null=True)
    quiet_from = WallTime(allow_null=True, help_text="Time of day, by the recipient's clock.")
    quiet_until = WallTime(allow_null=True)
    timezone = serializers.CharField(help_text="Of recipients whose own nobody knows. May be empty.")
    per_minute = serializers.IntegerField()
    daily_limit = serializers.IntegerField(allow_null=True)
    price = serializers.DecimalField(max_digits=9, decimal_places=4)
    currency = serializers.CharField(help_text="May be empty.")
    url_pattern = serializers.CharField(help_text="On a site. May be empty.")
    seconds = serializers.IntegerField(help_text="On a site.")
    visitors = serializers.ChoiceField(choices=Visitors.choices, help_text="On a site.")
    error = ReasonField(help_text="Why it stands still; may be empty.")
    created_by = serializers.CharField()
    approved_by = serializers.CharField(help_text="May be empty.")
    approved_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
