"""Events of conversations as they are shown."""

from typing import Any

from rest_framework import serializers

from api.shapes import Shown
from api.shown.common import DoerSerializer, MessageSerializer
from conversations.enums import EventType
from conversations.queries.wire import REASONS
from core.reasons import said


class PayloadField(serializers.DictField):
    """What an event says, its reasons in the reader's language."""

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        """Returns it with what no reader would understand said in words."""
        shown = dict(value)
        for name in REASONS.intersection(shown):
            shown[name] = said(str(shown[name]))
        return shown


class EventSerializer(Shown):
    """Something that happened in a conversation. `conversation` and `seq` together name it for good."""

    conversation = serializers.UUIDField(source="conversation_id")
    seq = serializers.IntegerField(help_text="Place in the conversation: 1, 2, 3 without gaps.")
    type = serializers.ChoiceField(choices=EventType.choices)
    internal = serializers.BooleanField(source="is_internal", help_text="The customer never learns of it.")
    by = DoerSerializer(source="*")
    payload = PayloadField(help_text="What changed; its names depend on `type`.")
    message = MessageSerializer(allow_null=True, help_text="As it is now, not as it was then.")
    created_at = serializers.DateTimeField()
