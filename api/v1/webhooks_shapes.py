"""What goes out about webhooks. Read-only; nothing in here writes."""

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.enums import CallStatus, Topic
from api.fields import TeamSlug
from api.models import Webhook, WebhookCall
from api.shapes import Shown
from api.shown.common import ReasonField
from conversations.enums import Light


class WebhookHealthSerializer(Shown):
    """How the receiver stands."""

    light = serializers.ChoiceField(choices=Light.choices)
    error = ReasonField(source="detail", help_text="Of the last failure; may be empty.")
    failures = serializers.IntegerField(help_text="In a row.")
    failing_since = serializers.DateTimeField(allow_null=True)
    not_before = serializers.DateTimeField(allow_null=True, help_text="It is left alone until then.")
    delivered_at = serializers.DateTimeField(allow_null=True, help_text="The last delivery, about.")
    disabled = ReasonField(help_text="Why it was switched off by itself; may be empty.")


class WebhookSerializer(Shown):
    """An address that is told what happens."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    description = serializers.CharField(help_text="May be empty.")
    active = serializers.BooleanField(source="is_active")
    events = serializers.ListField(child=serializers.CharField())
    all_teams = serializers.BooleanField()
    teams = serializers.ListField(child=TeamSlug(), source="teams.all")
    health = WebhookHealthSerializer(source="state")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class WebhookWithSecretSerializer(WebhookSerializer):
    """A webhook and the secret that was just made for it, which is shown nowhere again."""

    secret = serializers.CharField(help_text="`whsec_` and 32 bytes in base64.")

    def to_representation(self, instance: tuple[Webhook, str]) -> dict[str, Any]:
        """Joins the two."""
        row, secret = instance
        return {**WebhookSerializer.told(row), "secret": secret}


class WebhookEventNameSerializer(Shown):
    """Something that can be told."""

    name = serializers.CharField()
    description = serializers.CharField()
    only_by_name = serializers.BooleanField(help_text="`*` does not include it.")


class WebhookTrySerializer(Shown):
    """One try to deliver."""

    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True, help_text="Of the answer; null where none came.")
    duration_ms = serializers.IntegerField()
    error = ReasonField(help_text="May be empty.")
    answer = serializers.CharField(help_text="The first 2,000 characters. May be empty.")


class WebhookCallSerializer(Shown):
    """An event on its way to a webhook."""

    id = serializers.IntegerField()
    event = serializers.CharField(source="event.name")
    event_id = serializers.CharField(source="event.webhook_id", help_text="The header `webhook-id`.")
    topic = serializers.ChoiceField(choices=Topic.choices, source="event.topic")
    topic_id = serializers.UUIDField(source="subject", help_text="What it happened to.")
    status = serializers.ChoiceField(choices=CallStatus.choices)
    attempts = serializers.IntegerField()
    next_try_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    tries = WebhookTrySerializer(source="last_tries", many=True, help_text="The last 20, the newest first.")


class WebhookCallFileSerializer(WebhookCallSerializer):
    """A call with what is sent."""

    payload = serializers.SerializerMethodField()

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_payload(self, call: WebhookCall) -> Any:
        """Returns the body."""
        return json.loads(call.event.body)


class WebhookReplayedSerializer(Shown):
    """How many calls are made again."""

    count = serializers.IntegerField()
