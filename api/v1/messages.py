"""Messages of all conversations."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.fields import LARGEST_ID, PageQuery
from api.queries import message_by_id, messages_for, narrowed
from api.v1.serializers import MessageSerializer
from conversations.enums import AuthorKind, Direction


class MessageQuery(PageQuery):
    """Which messages, in which order."""

    conversation = serializers.UUIDField(required=False)
    inbox = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    author = serializers.ChoiceField(choices=AuthorKind.choices, required=False)
    direction = serializers.ChoiceField(choices=Direction.choices, required=False)
    ordering = serializers.ChoiceField(choices=["-created_at", "created_at"], default="-created_at")


class Messages(ApiViewSet):
    """Everything said in the conversations that you may see. New ones are written to a conversation."""

    queries: ClassVar = {"list": MessageQuery}

    @extend_schema(summary="List messages", parameters=[MessageQuery], responses=MessageSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Messages and internal notes by time. To follow one conversation, list its own messages by `seq`."""
        del request
        lookups = {
            "conversation": "conversation",
            "inbox": "inbox",
            "author": "author_kind",
            "direction": "direction",
        }
        return self.page(
            narrowed(messages_for(self.actor), self.query, lookups, actor=self.actor), MessageSerializer
        )

    @extend_schema(operation_id="messages_read", summary="Read a message", responses=MessageSerializer)
    def retrieve(self, request: Request, message_id: UUID) -> Response:
        """One message."""
        del request
        return Response(MessageSerializer(message_by_id(message_id, actor=self.actor)).data)
