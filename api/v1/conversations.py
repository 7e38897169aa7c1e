"""Conversations: list, read, messages, assign, status."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.fields import LARGEST_ID, Flag, Id, OperatorId, PageQuery, Strict, TeamSlug, Text
from api.queries import conversation_by_id, conversations_for, messages_for, narrowed
from api.v1.serializers import ConversationSerializer, MessageSerializer
from conversations.actions import assign, hand_back, hand_over, note, reopen, reply, resolve
from conversations.actions.addressing import MAX_COPIES
from conversations.actions.inbound import MAX_TEXT
from conversations.enums import Status
from conversations.models import Conversation
from core.actor import Actor


class ConversationQuery(PageQuery):
    """Which conversations, in which order."""

    status = serializers.ChoiceField(choices=Status.choices, required=False)
    team = serializers.SlugField(required=False, help_text="Short name of a team, or `none`.")
    assignee = serializers.RegexField(
        r"^(me|none|[0-9]{1,18})$", required=False, help_text="Id of a member of staff, `me` or `none`."
    )
    inbox = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    contact = serializers.UUIDField(required=False)
    ordering = serializers.ChoiceField(
        choices=["-updated_at", "updated_at", "-created_at", "created_at"], default="-updated_at"
    )


class ThreadQuery(PageQuery):
    """Which messages of a conversation, in which order."""

    since = serializers.IntegerField(
        required=False, min_value=0, max_value=2**31 - 1, help_text="Only messages after this `seq`."
    )
    ordering = serializers.ChoiceField(choices=["seq", "-seq"], default="seq")


class NewMessage(Strict):
    """A reply to the customer, or a note among staff."""

    text = Text(max_length=MAX_TEXT, help_text="Markdown.")
    note = Flag(default=False, help_text="An internal note: never shown or sent to the customer.")
    client_id = Id(
        required=False,
        help_text="Your id for it: sent again, it returns the stored message and writes nothing.",
    )
    reply_to = Id(
        required=False,
        help_text="Id of the message of this conversation that it answers, where the channel shows that.",
    )

    cc = serializers.ListField(
        child=Text(max_length=254),
        required=False,
        max_length=MAX_COPIES,
        help_text="Addresses that get a copy of a reply, where the channel sends any (e-mail).",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuses what a note cannot have."""
        if attrs["note"] and (addressed := {"reply_to", "cc"} & set(attrs)):
            raise serializers.ValidationError({name: _("A note goes to nobody.") for name in addressed})
        return attrs


class Assignment(Strict):
    """Who is responsible."""

    assignee = OperatorId(allow_null=True, help_text="Id of a member of staff; null for nobody.")
    team = TeamSlug(required=False, help_text="Moves it to this team; left out, it stays where it is.")


class StatusChange(Strict):
    """The status a conversation shall have."""

    status = serializers.ChoiceField(choices=[Status.OPEN.value, Status.RESOLVED.value, Status.BOT.value])


class Conversations(ApiViewSet):
    """The threads with customers that you may see."""

    queries: ClassVar = {"list": ConversationQuery, "messages": ThreadQuery}

    @extend_schema(
        summary="List conversations",
        parameters=[ConversationQuery],
        responses=ConversationSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Those of your teams, those without a team and those assigned to you; all of them for admins."""
        del request
        lookups = {
            "status": "status",
            "team": "team__slug",
            "assignee": "assignee",
            "inbox": "inbox",
            "contact": "contact",
        }
        rows = narrowed(conversations_for(self.actor), self.query, lookups, actor=self.actor)
        return self.page(rows, ConversationSerializer)

    @extend_schema(
        operation_id="conversations_read", summary="Read a conversation", responses=ConversationSerializer
    )
    def retrieve(self, request: Request, conversation_id: UUID) -> Response:
        """One conversation, without its messages."""
        del request
        return Response(ConversationSerializer(conversation_by_id(conversation_id, actor=self.actor)).data)

    @extend_schema(
        operation_id="conversations_messages",
        summary="List messages of a conversation",
        parameters=[ThreadQuery],
        responses=MessageSerializer(many=True),
    )
    def messages(self, request: Request, conversation_id: UUID) -> Response:
        """Messages and internal notes by number. To follow a conversation, ask `since` your last one."""
        del request
        conversation = conversation_by_id(conversation_id, actor=self.actor)
        rows = messages_for(Actor.system()).filter(conversation=conversation)
        return self.page(
            narrowed(rows, self.query, {"since": "seq__gt"}, actor=self.actor), MessageSerializer
        )

    @extend_schema(
        operation_id="conversations_write",
        summary="Write a message",
        request=NewMessage,
        responses={201: MessageSerializer},
    )
    def write(self, request: Request, conversation_id: UUID) -> Response:
        """Replies to the customer, which takes the conversation over from the AI agent, or writes a note."""
        del request
        wanted = self.body(NewMessage)
        conversation = conversation_by_id(conversation_id, actor=self.actor)
        say = note if wanted.pop("note") else reply
        message = say(conversation=conversation, by=self.actor, **wanted)
        return Response(MessageSerializer(message).data, status=201)

    @extend_schema(
        operation_id="conversations_assign",
        summary="Assign a conversation",
        request=Assignment,
        responses=ConversationSerializer,
    )
    def assign(self, request: Request, conversation_id: UUID) -> Response:
        """Makes a member of staff responsible and may move it to a team, even out of your own sight.

        Naming somebody takes the conversation from the AI agent.
        """
        del request
        wanted = self.body(Assignment)
        conversation = conversation_by_id(conversation_id, actor=self.actor)
        row = assign(conversation=conversation, by=self.actor, to=wanted["assignee"], team=wanted.get("team"))
        return Response(ConversationSerializer(row).data)

    @extend_schema(
        operation_id="conversations_status",
        summary="Set the status",
        request=StatusChange,
        responses=ConversationSerializer,
    )
    def status(self, request: Request, conversation_id: UUID) -> Response:
        """`resolved` closes the matter, `open` gives it to people, `bot` to the AI agent.

        What is so already stays so, and nothing is said twice. A resolved conversation cannot go to the agent
        at once: 409.
        """
        del request
        wanted = self.body(StatusChange)["status"]
        conversation = conversation_by_id(conversation_id, actor=self.actor)
        row = TRANSITIONS[wanted](conversation, self.actor)
        return Response(ConversationSerializer(row).data)


def _open(conversation: Conversation, by: Actor) -> Conversation:
    """Gives it to people, from wherever it is; the customer is told when the agent had it."""
    if conversation.status == Status.RESOLVED:
        return reopen(conversation=conversation, by=by)
    return hand_over(conversation=conversation, by=by, reason=f"Opened by {by.name}.")


TRANSITIONS: dict[str, Callable[[Conversation, Actor], Any]] = {
    Status.OPEN: _open,
    Status.RESOLVED: lambda conversation, by: resolve(conversation=conversation, by=by),
    Status.BOT: lambda conversation, by: hand_back(conversation=conversation, by=by),
}
