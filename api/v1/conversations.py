"""Conversations: list, begin, read, change, messages, assign, status; many at once."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.bulk import EachResultSerializer, do_each
from api.queries import (
    conversation_by_id,
    conversations_about,
    conversations_for,
    messages_for,
    named_conversation,
    narrowed,
    seen_conversation,
)
from api.routes import both
from api.shown.common import ConversationSerializer, MessageSerializer
from api.v1.conversation_bodies import (
    Assignment,
    ConversationChange,
    ConversationQuery,
    ManyConversations,
    NewConversation,
    NewMessage,
    Reading,
    StatusChange,
    ThreadQuery,
)
from conversations.actions import (
    assign,
    begin,
    edit_conversation,
    give_to_people,
    hand_back,
    identity_in,
    note,
    read_by_operator,
    reply,
    resolve,
)
from conversations.enums import Status
from conversations.models import Conversation
from core.actor import Actor

LOOKUPS = {
    "status": "status",
    "team": "team__slug",
    "assignee": "assignee",
    "inbox": "inbox",
    "contact": "contact",
    "priority": "priority",
    "created_since": "created_at__gte",
    "created_before": "created_at__lt",
    "updated_since": "updated_at__gte",
    "updated_before": "updated_at__lt",
}


class Conversations(ApiViewSet):
    """The threads with customers that you may see."""

    queries: ClassVar = {"list": ConversationQuery, "messages": ThreadQuery}
    conflicts: ClassVar = frozenset({"status", "write", "create"})

    @extend_schema(
        summary="List conversations",
        responses=ConversationSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Those of your teams, those without a team and those assigned to you; all of them for admins."""
        del request
        rows = narrowed(conversations_for(self.actor), self.query, LOOKUPS, actor=self.actor)
        return self.page(_matching(rows, self.query), ConversationSerializer)

    @extend_schema(
        summary="Write to somebody first", request=NewConversation, responses={201: ConversationSerializer}
    )
    def create(self, request: Request) -> Response:
        """Begins a conversation with its first message, or goes on in the one that the customer has.

        Where the channel takes only an approved template from us now, it is refused: 409 `window_closed`.
        """
        del request
        wanted = self.body(NewConversation)
        said = {name: wanted.pop(name) for name in ("text", "client_id") if name in wanted}
        contact = wanted.pop("contact", None)
        # What may not be said opens nothing and makes nobody known.
        with transaction.atomic():
            if contact is not None:
                wanted["to"] = identity_in(contact=contact, inbox=wanted["inbox"], by=self.actor)
            conversation = begin(by=self.actor, client_id=said.get("client_id"), **wanted)
            reply(conversation=conversation, by=self.actor, **said)
        return self._answer(conversation, status=201)

    @extend_schema(
        operation_id="conversations_read", summary="Read a conversation", responses=ConversationSerializer
    )
    def retrieve(self, request: Request, conversation_id: UUID) -> Response:
        """One conversation, without its messages."""
        del request
        return self.show(conversation_by_id(conversation_id, actor=self.actor), ConversationSerializer)

    @extend_schema(
        operation_id="conversations_change",
        summary="Change a conversation",
        request=ConversationChange,
        responses=ConversationSerializer,
    )
    def partial_update(self, request: Request, conversation_id: UUID) -> Response:
        """Changes tags, priority, subject and attributes; the customer is told nothing."""
        del request
        wanted = self.body(ConversationChange)
        conversation = conversation_by_id(conversation_id, actor=self.actor)
        row = edit_conversation(conversation=conversation, by=self.actor, expected=self.expected, **wanted)
        return self._answer(row)

    @extend_schema(
        operation_id="conversations_read_mark",
        summary="Mark a conversation as read",
        request=Reading,
        responses={200: ConversationSerializer},
    )
    def mark_read(self, request: Request, conversation_id: UUID) -> Response:
        """Notes that the team has seen it, and tells the customer's app so, where the channel can."""
        del request
        wanted = self.body(Reading)
        conversation = conversation_by_id(conversation_id, actor=self.actor)
        seq = min(wanted.get("seq", conversation.last_seq), conversation.last_seq)
        read_by_operator(conversation=conversation, seq=seq, by=self.actor)
        return self._answer(conversation)

    @extend_schema(
        operation_id="conversations_bulk",
        summary="Change many conversations",
        request=ManyConversations,
        responses={200: EachResultSerializer},
    )
    def bulk(self, request: Request) -> Response:
        """Assigns, tags, resolves … each of up to a hundred: one that is refused holds up no other.

        It is done in this order: priority and tags, status, assignee and team.
        """
        del request
        wanted = self.body(ManyConversations)
        results = do_each(wanted.pop("ids"), partial(_change, self.actor, wanted))
        return self.show({"results": results}, EachResultSerializer)

    @extend_schema(
        operation_id="conversations_messages",
        summary="List messages of a conversation",
        responses=MessageSerializer(many=True),
    )
    def messages(self, request: Request, conversation_id: UUID) -> Response:
        """Messages and internal notes by number. To follow a conversation, ask `since` your last one."""
        del request
        conversation = seen_conversation(conversation_id, actor=self.actor)
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
        conversation = named_conversation(conversation_id)
        say = note if wanted.pop("note") else reply
        message = say(conversation=conversation, by=self.actor, **wanted)
        return self.show(message, MessageSerializer, status=201)

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
        row = assign(
            conversation=conversation,
            by=self.actor,
            to=wanted["assignee"],
            team=wanted.get("team"),
            expected=self.expected,
        )
        return self.show(row, ConversationSerializer)

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
        row = TRANSITIONS[wanted](conversation=conversation, by=self.actor, expected=self.expected)
        return self.show(row, ConversationSerializer)

    def _answer(self, conversation: Conversation, *, status: int = 200) -> Response:
        row = conversation_by_id(conversation.pk, actor=self.actor)
        return self.show(row, ConversationSerializer, status=status)


def _matching(rows: "QuerySet[Conversation]", wanted: dict[str, Any]) -> "QuerySet[Conversation]":
    """Narrows conversations by tag and words, each by an index of its own."""
    if "tag" in wanted:
        rows = rows.filter(tags__contains=[wanted["tag"]]).exclude(tags=[])
    if "q" not in wanted:
        return rows
    return rows.filter(pk__in=conversations_about(wanted["q"]))


def _change(actor: Actor, wanted: dict[str, Any], pk: UUID) -> None:
    """Does to one of many what is wanted."""
    conversation = conversation_by_id(pk, actor=actor)
    if edits := {name: wanted[name] for name in ("priority", "add_tags", "remove_tags") if name in wanted}:
        edit_conversation(conversation=conversation, by=actor, **edits)
    if "status" in wanted:
        conversation = TRANSITIONS[wanted["status"]](conversation=conversation, by=actor)
    if {"assignee", "team"} & set(wanted):
        to = wanted.get("assignee", conversation.assignee)
        assign(conversation=conversation, by=actor, to=to, team=wanted.get("team"))


TRANSITIONS: dict[str, Callable[..., Conversation]] = {
    Status.OPEN: give_to_people,
    Status.RESOLVED: resolve,
    Status.BOT: hand_back,
}


ONE = "conversations/<uuid:conversation_id>"
addresses = [
    *both("conversations", Conversations.as_view({"get": "list", "post": "create"}), "conversations"),
    *both("conversations/bulk", Conversations.as_view({"post": "bulk"}), "conversations-bulk"),
    *both(ONE, Conversations.as_view({"get": "retrieve", "patch": "partial_update"}), "conversation"),
    *both(f"{ONE}/read", Conversations.as_view({"post": "mark_read"}), "conversation-read"),
    *both(
        f"{ONE}/messages",
        Conversations.as_view({"get": "messages", "post": "write"}),
        "conversation-messages",
    ),
    *both(f"{ONE}/assign", Conversations.as_view({"patch": "assign"}), "conversation-assign"),
    *both(f"{ONE}/status", Conversations.as_view({"patch": "status"}), "conversation-status"),
]
