"""What goes out about campaigns, but for themselves. Read-only; nothing in here writes."""

from rest_framework import serializers

from api.campaign_queries import BAD_ROWS_SHOWN
from api.shapes import Shown
from api.shown.common import ContactSerializer, ReasonField
from campaigns.enums import Outcome, Skip, UploadStatus
from campaigns.models import Upload


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
    error = ReasonField(help_text="Why it was not delivered; else empty.")
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
    reason = ReasonField()
    text = serializers.CharField(help_text="The line as it was given.")


class UploadSerializer(Shown):
    """A list of people, and how far it has been read: `rows` = `added` + `known` + `bad` at the end."""

    id = serializers.IntegerField()
    name = serializers.CharField(help_text="Of the file; `API` for what a program named. May be empty.")
    status = serializers.ChoiceField(choices=UploadStatus.choices)
    error = ReasonField(help_text="May be empty.")
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
