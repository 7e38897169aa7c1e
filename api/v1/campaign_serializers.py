"""What goes out about campaigns. Read-only; nothing in here writes."""

from typing import Any

from rest_framework import serializers

from api.campaign_fields import SegmentField
from api.campaign_queries import BAD_ROWS_SHOWN
from api.fields import WallTime
from api.shapes import Shown
from api.v1.serializers import ContactSerializer, InboxSerializer
from campaigns.enums import CampaignStatus, Kind, Outcome, Skip, Source, UploadStatus, Visitors
from campaigns.models import Upload
from core.reasons import said


class Said(serializers.CharField):
    """A reason, in the reader's language."""

    def to_representation(self, value: Any) -> str:
        """Returns it translated."""
        return said(str(value))


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
    error = Said(help_text="Why it stands still; may be empty.")
    created_by = serializers.CharField()
    approved_by = serializers.CharField(help_text="May be empty.")
    approved_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class RecipientSerializer(Shown):
    """Somebody for whom a campaign has a message, and what came of it."""

    id = serializers.IntegerField()
    contact = ContactSerializer(allow_null=True)
    address = serializers.CharField(
        help_text="Where it was written to; before that, where it would be. May be empty."
    )
    visitor = serializers.CharField(help_text="Who saw it on a site; else empty.")
    variant = serializers.CharField(source="variant.label", allow_null=True, default=None)
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    reason = serializers.ChoiceField(
        choices=[("", ""), *Skip.choices], help_text="Why they were left out; else empty."
    )
    error = Said(help_text="Why it was not delivered; else empty.")
    error_code = serializers.CharField(help_text="The provider's code for that. May be empty.")
    conversation = serializers.UUIDField(
        source="seen", allow_null=True, help_text="Where it was written, if you may see that."
    )
    message = serializers.UUIDField(source="message_id", allow_null=True)
    written_at = serializers.DateTimeField(allow_null=True)
    replied_at = serializers.DateTimeField(allow_null=True)
    opted_out_at = serializers.DateTimeField(allow_null=True)


class BadRowSerializer(Shown):
    """A line that became no recipient. The first of `recipients` stands in line 2."""

    line = serializers.IntegerField()
    reason = Said()
    text = serializers.CharField(help_text="The line as it was given.")


class UploadSerializer(Shown):
    """A list of people, and how far it has been read: `rows` = `added` + `known` + `bad` at the end."""

    id = serializers.IntegerField()
    name = serializers.CharField(help_text="Of the file; `API` for what a program named. May be empty.")
    status = serializers.ChoiceField(choices=UploadStatus.choices)
    error = Said(help_text="May be empty.")
    region = serializers.CharField(help_text="Country of numbers without one. May be empty.")
    gives_consent = serializers.BooleanField()
    rows = serializers.IntegerField(help_text="Lines that say anything, without the heading.")
    done = serializers.IntegerField(help_text="Lines read so far.")
    added = serializers.IntegerField(help_text="Became a recipient.")
    known = serializers.IntegerField(help_text="Were one already, or stand in the list twice.")
    bad = serializers.SerializerMethodField(help_text="Name nobody who could be written to.")
    bad_rows = BadRowSerializer(source="first_bad", many=True, help_text=f"The first {BAD_ROWS_SHOWN}.")
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_bad(self, upload: Upload) -> int:
        """Returns how many of the lines that were read became nobody."""
        return upload.done - upload.added - upload.known


class AddedSerializer(Shown):
    """What became of the people whom a request named."""

    added = serializers.IntegerField(help_text="How many became recipients.")
    list = UploadSerializer(allow_null=True, help_text="The list that was made of `recipients`.")


class CampaignFailureSerializer(Shown):
    """What a provider said, and of how many messages."""

    code = serializers.CharField()
    error = serializers.CharField()
    count = serializers.IntegerField()


class CampaignLeftOutSerializer(Shown):
    """Why somebody got no message, and how many they are."""

    reason = serializers.ChoiceField(choices=Skip.choices)
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField()


class CampaignVariantStatsSerializer(Shown):
    """The numbers of one wording."""

    label = serializers.CharField(help_text="Empty for those who have none.")  # type: ignore[assignment]
    recipients = serializers.IntegerField()
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField()
    read = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    replied = serializers.IntegerField()
    opted_out = serializers.IntegerField()


class CampaignStepSerializer(Shown):
    """How many did something from a moment on, until the next step."""

    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=["written", "replied", "opted_out"])
    count = serializers.IntegerField()


class CampaignCourseSerializer(Shown):
    """What happened when; a step without anybody is left out."""

    seconds = serializers.IntegerField(help_text="Width of a step.")
    steps = CampaignStepSerializer(many=True)


class CampaignStatsSerializer(Shown):
    """Numbers of recipients.

    Every recipient is in one of waiting, sending, unknown, sent, failed, skipped; `sent` holds `delivered`,
    and that holds `read`.
    """

    recipients = serializers.IntegerField()
    waiting = serializers.IntegerField()
    sending = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="Nobody knows whether the provider took it.")
    sent = serializers.IntegerField(help_text="The provider took it.")
    delivered = serializers.IntegerField()
    read = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField(help_text="Left out; `left_out` says why.")
    replied = serializers.IntegerField()
    opted_out = serializers.IntegerField()
    cost = serializers.DecimalField(max_digits=20, decimal_places=4, help_text="Price times `sent`.")
    currency = serializers.CharField(help_text="May be empty.")
    failures = CampaignFailureSerializer(many=True)
    left_out = CampaignLeftOutSerializer(many=True)
    variants = CampaignVariantStatsSerializer(many=True)
    course = CampaignCourseSerializer()
