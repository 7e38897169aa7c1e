"""Shapes that have moved to `api.shown`, until nothing asks for them here."""

from api.shown.common import ConversationSerializer, MessageSerializer

__all__ = ["ConversationSerializer", "MessageSerializer"]
