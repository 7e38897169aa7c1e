"""What goes out about a question and its answer."""

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from agents.queries import Answer
from api.shapes import Shown
from api.shown.common import AuthorSerializer, ChoiceSerializer, CitationSerializer, MessageSerializer
from conversations.enums import Status
from conversations.models import Message


class ChatAnswerShape(Shown):
    """A question and how far it is answered.

    Without a `message` a person will answer, or the AI agent is still at it.
    """

    conversation = serializers.UUIDField()
    status = serializers.ChoiceField(
        choices=Status.choices, help_text="`bot`: the AI agent answers; `open`: people do."
    )
    question = serializers.UUIDField(help_text="The message that was stored.")
    message = serializers.UUIDField(allow_null=True, help_text="The message that answers it.")
    author = AuthorSerializer(allow_null=True)
    text = serializers.CharField(allow_null=True, help_text="Markdown.")
    html = serializers.CharField(allow_null=True, help_text="Safe to show.")
    citations = CitationSerializer(many=True)
    choices = ChoiceSerializer(many=True)
    run = serializers.UUIDField(allow_null=True, help_text="The run of the AI agent that wrote it.")
    model = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)
    events = serializers.CharField(help_text="Where to follow the conversation from the question on.")

    def to_representation(self, instance: Answer) -> dict[str, Any]:
        """Joins the answer with what it answers."""
        message = instance.message
        shown = MessageSerializer.told(message) if message else {"citations": [], "choices": []}
        taken = ("author", "text", "html", "citations", "choices", "run", "created_at")
        return {
            **asked_shape(instance.question),
            "status": instance.status.value,
            "message": str(message.pk) if message else None,
            **{name: shown.get(name) for name in taken},
            "model": (instance.run.model or None) if instance.run else None,
        }


def asked_shape(question: Message) -> dict[str, Any]:
    """Returns what is known as soon as a question is stored."""
    address = reverse("api:v1:conversation-events", args=[question.conversation_id])
    return {
        "conversation": str(question.conversation_id),
        "question": str(question.pk),
        "events": f"{address}?since={question.seq}",
    }
