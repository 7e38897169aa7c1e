"""The events of one conversation: as a list, or as they happen."""

from typing import ClassVar
from uuid import UUID

from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from api.base import ApiViewSet
from api.fields import PageQuery
from api.following import LIVE, follow, require_place
from api.queries import conversation_by_id
from api.routes import both
from api.shown.events import EventSerializer
from conversations.queries.threads import events_of
from core.errors import Invalid
from core.sse import event_stream

LARGEST_NUMBER = 2**31 - 1
# Digits of a number that a column holds.
LONGEST_NUMBER = 9
STREAM = "text/event-stream"


class ConversationEventQuery(PageQuery):
    """Which events, and what comes with them in a stream."""

    since = serializers.IntegerField(
        required=False, min_value=0, max_value=LARGEST_NUMBER, help_text="Only events after this `seq`."
    )
    include = serializers.CharField(
        default=",".join(LIVE),
        allow_blank=True,
        help_text="What a stream tells that is not kept: `delta`, `typing`, both with a comma, or nothing.",
    )
    ordering = serializers.ChoiceField(choices=["seq"], default="seq")

    def validate_include(self, kinds: str) -> frozenset[str]:
        """Returns the kinds."""
        wanted = frozenset(filter(None, (kind.strip() for kind in kinds.split(","))))
        if unknown := wanted - set(LIVE):
            raise serializers.ValidationError(_("There is no %s to include.") % min(unknown)[:40])
        return wanted


class ConversationEvents(ApiViewSet):
    """What happens in a conversation."""

    queries: ClassVar = {"events": ConversationEventQuery}

    @extend_schema(
        operation_id="conversations_events",
        summary="List or follow the events of a conversation",
        parameters=[
            OpenApiParameter(
                "Last-Event-ID",
                OpenApiTypes.INT,
                OpenApiParameter.HEADER,
                description="Like `since`, which counts without it; streams repeat it by themselves.",
            )
        ],
        responses={
            (200, "application/json"): EventSerializer(many=True),
            (200, STREAM): OpenApiTypes.STR,
        },
    )
    def events(self, request: Request, conversation_id: UUID) -> HttpResponseBase:
        """Messages, notes and changes by number; a list, or with `Accept: text/event-stream` a stream.

        The stream tells what was missed and goes on with what happens, for as long as you may see it.
        """
        conversation = conversation_by_id(conversation_id, actor=self.actor)
        since = cursor_of(request, self.query.get("since"))
        if wants_stream(request):
            require_place(request)
            return event_stream(follow(request, conversation.pk, since=since, live=self.query["include"]))
        return self.page(events_of(conversation.pk, after=since or 0), EventSerializer)


def wants_stream(request: Request) -> bool:
    """Says whether the caller asks for a stream in so many words; whoever takes anything gets JSON."""
    return STREAM in request.headers.get("Accept", "")


def cursor_of(request: Request, since: int | None) -> int | None:
    """Returns the number after which the caller wants to hear; raises Invalid for a header that is none."""
    sent = request.headers.get("Last-Event-ID")
    if sent is None:
        return since
    if not (sent.isascii() and sent.isdecimal() and len(sent) <= LONGEST_NUMBER):
        raise Invalid(field="Last-Event-ID")
    return int(sent)


addresses: list[URLPattern] = both(
    "conversations/<uuid:conversation_id>/events",
    ConversationEvents.as_view({"get": "events"}),
    "conversation-events",
)
