"""Events: the log of all conversations, to be followed without missing any."""

import re
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from api.base import ApiViewSet
from api.fields import LARGEST_ID, Strict
from api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from api.routes import both
from api.shapes import Shown
from api.shown.events import EventSerializer
from conversations.enums import EventType
from conversations.queries.feed import START, Place, Stretch, follow, follow_one, newest, present
from core.errors import Invalid

CURSOR = re.compile(r"[0-9]{1,19}-[0-9]{1,19}", re.ASCII)


class EventQuery(Strict):
    """From where, and which."""

    cursor = serializers.CharField(
        required=False,
        max_length=50,
        help_text="Where to go on: `cursor` of the answer before; `now` begins with what comes next. Left "
        "out: from the beginning.",
    )
    conversation = serializers.UUIDField(required=False, help_text="Only this one's, in the order of `seq`.")
    types = serializers.RegexField(
        rf"^({'|'.join(EventType.values)})(,({'|'.join(EventType.values)}))*$".replace(".", r"\."),
        required=False,
        max_length=500,
        help_text=f"Only these, separated by commas: {', '.join(f'`{kind}`' for kind in EventType.values)}.",
    )
    limit = serializers.IntegerField(
        default=DEFAULT_LIMIT, min_value=1, max_value=MAX_LIMIT, help_text="Events at once."
    )


class EventsSerializer(Shown):
    """The next events, and where to go on."""

    results = EventSerializer(many=True)
    cursor = serializers.CharField(help_text="Keep it: from here the next call goes on.")
    next = serializers.URLField(
        allow_null=True, help_text="The next call where there is more already; null: ask again later."
    )


class Events(ApiViewSet):
    """What happened, in all conversations that you may see."""

    queries: ClassVar = {"follow": EventQuery}

    @extend_schema(operation_id="events_follow", summary="Follow all events", responses=EventsSerializer)
    def follow(self, request: Request) -> Response:
        """Every event of what you may see, once, however many are written meanwhile.

        In one conversation they come in the order of `seq`. There may be none in an answer and yet more to
        come: go on as long as `next` is not null. An event comes as soon as all older transactions are over.
        """
        stretch = self._stretch()
        here = request.build_absolute_uri()
        following = replace_query_param(here, "cursor", str(stretch.place)) if stretch.has_more else None
        shown = {"results": stretch.events, "cursor": str(stretch.place), "next": following}
        return self.show(shown, EventsSerializer)

    def _stretch(self) -> Stretch:
        place, only = self._place(), self.query.get("conversation")
        kinds = self.query["types"].split(",") if "types" in self.query else ()
        wanted: dict[str, Any] = {"actor": self.actor, "limit": self.query["limit"], "types": kinds}
        return follow(place, **wanted) if only is None else follow_one(only, place, **wanted)

    def _place(self) -> Place:
        cursor = self.query.get("cursor")
        if cursor is None:
            return START
        if cursor != "now":
            return _place_of(cursor)
        if only := self.query.get("conversation"):
            return newest(only, actor=self.actor)
        return present()


def _place_of(cursor: str) -> Place:
    place = Place.read(cursor) if CURSOR.fullmatch(cursor) else None
    if place is None or max(place) > LARGEST_ID:
        raise Invalid(field="cursor")
    return place


addresses = both("events", Events.as_view({"get": "follow"}), "events")
