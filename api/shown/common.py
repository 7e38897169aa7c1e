"""What goes out. Read-only; nothing in here writes."""

from typing import Any, ClassVar

from rest_framework import serializers

from api.attributes import ShownAttributes
from api.fields import PriorityWord, TeamSlug
from api.shapes import Shown
from api.shown.contacts import ContactFactsSerializer
from conversations.enums import AuthorKind, Direction, FileStatus, Status, Validation
from conversations.models import Message
from conversations.queries.wire import Reader, message_frame
from core.reasons import said
from tickets.enums import TicketEventType, TicketSource, TicketStatus
from tickets.queries import TicketFile


class ReasonField(serializers.CharField):
    """A reason, in the reader's language."""

    def to_representation(self, value: Any) -> str:
        """Returns it translated."""
        return said(str(value))


class PersonSerializer(Shown):
    """A member of staff."""

    id = serializers.IntegerField()
    name = serializers.CharField(source="display_name")


class ContactSerializer(Shown):
    """A customer. `name` is something to call them by, even if they never gave a name."""

    id = serializers.UUIDField()
    name = serializers.CharField(source="display_name")
    email = serializers.CharField(help_text="May be empty.")


class InboxSerializer(Shown):
    """The endpoint a customer wrote to."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    channel = serializers.CharField()


class ConversationSerializer(Shown):
    """A thread with one customer in one inbox."""

    expandable: ClassVar = {"contact": ContactFactsSerializer}

    id = serializers.UUIDField()
    inbox = InboxSerializer()
    contact = ContactSerializer()
    status = serializers.ChoiceField(
        choices=Status.choices, help_text="`bot`: the AI agent answers; `open`: people do."
    )
    assignee = PersonSerializer(allow_null=True)
    team = TeamSlug(allow_null=True)
    priority = PriorityWord()
    tags = serializers.ListField(child=serializers.CharField())
    attributes = ShownAttributes()
    subject = serializers.CharField(help_text="May be empty.")
    preview = serializers.CharField(help_text="Beginning of the last public message.")
    last_seq = serializers.IntegerField(help_text="Number of the newest event; only ever grows.")
    unread = serializers.BooleanField(
        source="is_unread", help_text="The customer wrote what nobody has seen."
    )
    waiting_since = serializers.DateTimeField(allow_null=True)
    first_reply_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class AuthorSerializer(Shown):
    """Who wrote a message."""

    kind = serializers.ChoiceField(choices=AuthorKind.choices)
    name = serializers.CharField()
    avatar = serializers.CharField(help_text="Address of a picture, or empty.")


class CitationSerializer(Shown):
    """Where the AI agent has an answer from."""

    title = serializers.CharField()
    url = serializers.CharField()


class ChoiceSerializer(Shown):
    """A button that sends its value as the customer's next message."""

    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.CharField()


class AttachmentSerializer(Shown):
    """A file. `url` is relative to this site and holds for an hour."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    content_type = serializers.CharField()
    url = serializers.CharField()
    status = serializers.ChoiceField(
        choices=FileStatus.choices, help_text="There is nothing at `url` unless it is `ready`."
    )


class AnsweredSerializer(Shown):
    """The message that another one answers."""

    id = serializers.UUIDField()
    author = serializers.CharField()
    text = serializers.CharField(help_text="The first 200 characters.")


class MessageSerializer(Shown):
    """One thing said, in the shape of the socket protocol with three fields more."""

    id = serializers.UUIDField()
    conversation = serializers.UUIDField()
    seq = serializers.IntegerField(help_text="Place in the conversation.")
    author = AuthorSerializer()
    direction = serializers.ChoiceField(choices=Direction.choices)
    text = serializers.CharField()
    html = serializers.CharField(help_text="Safe to show.")
    citations = CitationSerializer(many=True)
    choices = ChoiceSerializer(many=True)
    attachments = AttachmentSerializer(many=True)
    client_id = serializers.UUIDField(allow_null=True)
    run = serializers.UUIDField(allow_null=True, help_text="The run of the AI agent that wrote it.")
    validated_by = serializers.ChoiceField(choices=Validation.choices)
    reply_to = AnsweredSerializer(allow_null=True)
    reactions = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), help_text="Who put which emoji."
    )
    helpful = serializers.BooleanField(
        allow_null=True, help_text="What the customer said of the AI agent's answer; null until they do."
    )
    unhelpful_reason = serializers.CharField(help_text="Why it was not, in the customer's words; or empty.")
    edited_at = serializers.DateTimeField(allow_null=True)
    deleted_at = serializers.DateTimeField(allow_null=True, help_text="When its author took it back.")
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: Message) -> dict[str, Any]:
        """Returns the frame that sockets get, so that there is one shape of a message."""
        frame = message_frame(instance, reader=Reader.HOLDER)
        shown = {"conversation": str(instance.conversation_id), "validated_by": instance.validated_by}
        return self.chosen({**frame, **shown})


class TicketSerializer(Shown):
    """A piece of work with a number."""

    expandable: ClassVar = {"requester": ContactFactsSerializer}

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    reference = serializers.CharField(help_text="The number as people write it: `#1001`.")
    subject = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(choices=TicketStatus.choices)
    priority = PriorityWord()
    team = TeamSlug(allow_null=True)
    assignee = PersonSerializer(allow_null=True)
    requester = ContactSerializer(allow_null=True)
    source = serializers.ChoiceField(choices=TicketSource.choices)  # type: ignore[assignment]
    attributes = ShownAttributes()
    solved_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class DoerSerializer(Shown):
    """Who did something, as they were called then."""

    kind = serializers.CharField(source="actor_kind")
    name = serializers.CharField(source="actor_name")


class TicketEventSerializer(Shown):
    """One line of a ticket's history."""

    seq = serializers.IntegerField()
    type = serializers.ChoiceField(choices=TicketEventType.choices)
    by = DoerSerializer(source="*")
    changes = serializers.DictField(
        child=serializers.DictField(child=serializers.CharField(allow_null=True)),
        help_text='Old and new values: `{"status": {"from": "new", "to": "open"}}`.',
    )
    text = serializers.CharField(help_text="What a second request for the same matter said; else empty.")
    created_at = serializers.DateTimeField()


class TicketFileSerializer(TicketSerializer):
    """A ticket with its history and those of its conversations that you may see."""

    conversations = serializers.ListField(child=serializers.UUIDField())
    history = TicketEventSerializer(many=True)

    def to_representation(self, instance: TicketFile) -> dict[str, Any]:
        """Joins the ticket with what belongs to it."""
        whole = {
            **TicketSerializer.told(instance.ticket),
            "conversations": [str(pk) for pk in instance.conversation_ids],
            "history": [TicketEventSerializer.told(event) for event in instance.history],
        }
        return self.chosen(whole)
