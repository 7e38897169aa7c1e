"""Canned replies: list, create, read, change, delete, and what one says in a conversation."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.fields import ConversationId, PageQuery, Strict, TeamSlug, Text
from api.queries import narrowed
from api.routes import both
from api.shapes import Shown
from conversations.actions.canned import change_canned_reply, create_canned_reply, delete_canned_reply
from conversations.models.canned import LONGEST_CANNED
from conversations.queries.canned import PLACES, canned_by_id, canned_for, rendered

PLACES_TOLD = ", ".join(f"`{{{{{name}}}}}`" for name in PLACES.values())


class CannedReplyQuery(PageQuery):
    """Which canned replies, in which order."""

    team = serializers.SlugField(required=False, help_text="Short name of a team, or `none`.")
    language = serializers.CharField(required=False, max_length=12)
    shortcut = serializers.CharField(required=False, max_length=40)
    ordering = serializers.ChoiceField(choices=["id", "-id", "updated_at", "-updated_at"], default="id")


class NewCannedReply(Strict):
    """A text to be kept."""

    shortcut = Text(max_length=40, help_text="Letters, digits, - and _; kept in small letters.")
    title = Text(max_length=120, required=False, allow_blank=True)
    text = Text(max_length=LONGEST_CANNED, help_text=f"Markdown, with places: {PLACES_TOLD}.")
    language = Text(max_length=12, required=False, allow_blank=True, help_text="Such as `pt-BR`; empty: any.")
    team = TeamSlug(required=False, allow_null=True, help_text="null: everybody's.")


class CannedReplyChange(Strict):
    """What shall be different; what is left out stays."""

    shortcut = Text(max_length=40, required=False)
    title = Text(max_length=120, required=False, allow_blank=True)
    text = Text(max_length=LONGEST_CANNED, required=False)
    language = Text(max_length=12, required=False, allow_blank=True)
    team = TeamSlug(required=False, allow_null=True)


class Wish(Strict):
    """Where a canned reply is to be said."""

    conversation = ConversationId()


class CannedReplySerializer(Shown):
    """A text that is written again and again."""

    id = serializers.IntegerField()
    shortcut = serializers.CharField()
    title = serializers.CharField(help_text="May be empty.")
    text = serializers.CharField()
    language = serializers.CharField(help_text="May be empty.")
    team = TeamSlug(allow_null=True, help_text="null: everybody's.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class RenderedSerializer(Shown):
    """What a canned reply says in a conversation."""

    text = serializers.CharField()
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="Places of which nothing is known; they are left empty."
    )


class CannedReplies(ApiViewSet):
    """Texts with places, for one team or for everybody."""

    queries: ClassVar = {"list": CannedReplyQuery}
    conflicts: ClassVar = frozenset({"create", "partial_update"})

    @extend_schema(
        operation_id="canned_replies_list",
        summary="List canned replies",
        responses=CannedReplySerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Those of your teams and everybody's; all of them for admins."""
        del request
        lookups = {"team": "team__slug", "language": "language__iexact", "shortcut": "shortcut__iexact"}
        rows = narrowed(canned_for(self.actor), self.query, lookups, actor=self.actor)
        return self.page(rows, CannedReplySerializer)

    @extend_schema(
        operation_id="canned_replies_create",
        summary="Keep a canned reply",
        request=NewCannedReply,
        responses={201: CannedReplySerializer},
    )
    def create(self, request: Request) -> Response:
        """Leads keep those of their teams, administrators all; each team has a shortcut once."""
        del request
        words = self.body(NewCannedReply)
        return self.show(create_canned_reply(by=self.actor, **words), CannedReplySerializer, status=201)

    @extend_schema(
        operation_id="canned_replies_read", summary="Read a canned reply", responses=CannedReplySerializer
    )
    def retrieve(self, request: Request, canned_id: int) -> Response:
        """One text, with its places as they stand."""
        del request
        return self.show(canned_by_id(canned_id, actor=self.actor), CannedReplySerializer)

    @extend_schema(
        operation_id="canned_replies_change",
        summary="Change a canned reply",
        request=CannedReplyChange,
        responses=CannedReplySerializer,
    )
    def partial_update(self, request: Request, canned_id: int) -> Response:
        """Changes what the body names."""
        del request
        words: dict[str, Any] = self.body(CannedReplyChange)
        reply = canned_by_id(canned_id, actor=self.actor)
        changed = change_canned_reply(reply=reply, by=self.actor, expected=self.expected, **words)
        return self.show(changed, CannedReplySerializer)

    @extend_schema(
        operation_id="canned_replies_delete", summary="Delete a canned reply", responses={204: None}
    )
    def destroy(self, request: Request, canned_id: int) -> Response:
        """Deletes the text; what was written with it stays."""
        del request
        reply = canned_by_id(canned_id, actor=self.actor)
        delete_canned_reply(reply=reply, by=self.actor, expected=self.expected)
        return Response(status=204)

    @extend_schema(
        operation_id="canned_replies_render",
        summary="Fill a canned reply in",
        request=Wish,
        responses=RenderedSerializer,
    )
    def render(self, request: Request, canned_id: int) -> Response:
        """Returns what it says in a conversation, written by you; nothing is sent."""
        del request
        reply = canned_by_id(canned_id, actor=self.actor)
        conversation = self.body(Wish)["conversation"]
        return self.show(rendered(reply, conversation, by=self.actor), RenderedSerializer)


ONE = "canned-replies/<int:canned_id>"
addresses = [
    *both("canned-replies", CannedReplies.as_view({"get": "list", "post": "create"}), "canned-replies"),
    *both(
        ONE,
        CannedReplies.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        "canned-reply",
    ),
    *both(f"{ONE}/render", CannedReplies.as_view({"post": "render"}), "canned-reply-render"),
]
