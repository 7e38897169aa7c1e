"""Messages of all conversations."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import LARGEST_ID, PageQuery
from api.queries import messages_for, narrowed
from api.routes import both
from api.shown.common import MessageSerializer
from api.v1.message_records import MessageRecords
from conversations.enums import AuthorKind, Direction, Validation


class MessageQuery(PageQuery):
    """Which messages, in which order."""

    conversation = serializers.UUIDField(required=False)
    inbox = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    author = serializers.ChoiceField(choices=AuthorKind.choices, required=False)
    direction = serializers.ChoiceField(choices=Direction.choices, required=False)
    validated_by = serializers.ChoiceField(choices=Validation.choices, required=False)
    helpful = serializers.BooleanField(
        required=False, help_text="Answers of AI agents of which customers said so, or that they were not."
    )
    ordering = serializers.ChoiceField(choices=["-created_at", "created_at"], default="-created_at")


class Messages(MessageRecords):
    """Everything said in the conversations that you may see. Yours are written to a conversation."""

    queries: ClassVar = {**MessageRecords.queries, "list": MessageQuery}

    @extend_schema(summary="List messages", responses=MessageSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Messages and internal notes by time. To follow one conversation, list its own messages by `seq`."""
        del request
        lookups = {
            "conversation": "conversation",
            "inbox": "inbox",
            "author": "author_kind",
            "direction": "direction",
            "validated_by": "validated_by",
            "helpful": "helpful",
        }
        return self.page(
            narrowed(messages_for(self.actor), self.query, lookups, actor=self.actor), MessageSerializer
        )


addresses = [
    *both("messages", Messages.as_view({"get": "list", "post": "create"}), "messages"),
    *both("messages/<uuid:message_id>", Messages.as_view({"get": "retrieve", "put": "answer"}), "message"),
    *both("messages/client/<str:client_id>", Messages.as_view({"get": "by_client"}), "messages-of-client"),
    *both("messages/sector/<str:sector>", Messages.as_view({"get": "by_sector"}), "messages-of-sector"),
]
