"""Tags: which are in use and how often; renamed and taken away everywhere."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.fields import PageQuery, Strict, Text
from api.pagination import cursor_of, link_to, place_of
from api.routes import both
from api.shapes import Shown, wanted_of
from conversations.actions import delete_tag, rename_tag
from conversations.queries.tags import TagCount, tag_in_use, tags_in_use
from conversations.tags import LONGEST_TAG
from core.errors import Changed
from core.versions import digest

ORDER = "name"


class TagQuery(PageQuery):
    """Which part of the list."""

    ordering = serializers.ChoiceField(choices=[ORDER], default=ORDER)


class TagChange(Strict):
    """What a tag shall be called."""

    name = Text(max_length=LONGEST_TAG)


class TagSerializer(Shown):
    """A tag, and on how many things it stands that you may see."""

    name = serializers.CharField()
    contacts = serializers.SerializerMethodField()
    conversations = serializers.SerializerMethodField()
    articles = serializers.SerializerMethodField()

    def get_contacts(self, tag: TagCount) -> int:
        """Returns how many customers have it."""
        return tag.counts.get("contact", 0)

    def get_conversations(self, tag: TagCount) -> int:
        """Returns how many conversations have it."""
        return tag.counts.get("conversation", 0)

    def get_articles(self, tag: TagCount) -> int:
        """Returns how many articles have it."""
        return tag.counts.get("article", 0)


class Tags(ApiViewSet):
    """Short names on customers, conversations and articles. A tag is there as long as something has it."""

    queries: ClassVar = {"list": TagQuery}
    admin_actions: ClassVar = frozenset({"partial_update", "destroy"})

    @extend_schema(summary="List tags", responses=TagSerializer(many=True))
    def list(self, request: Request) -> Response:
        """By name, each with how often it stands on what you may see."""
        limit, cursor = self.query["limit"], self.query.get("cursor", "")
        after = place_of(cursor, ORDER)[1] if cursor else ""
        found = tags_in_use(self.actor, after=after, limit=limit + 1)
        wanted = wanted_of(TagSerializer, self.query)
        shown = [TagSerializer.told(tag, **wanted) for tag in found[:limit]]
        last = found[limit - 1].name if len(found) > limit else ""
        following = link_to(request, cursor_of(ORDER, last, last)) if last else None
        return Response({"results": shown, "next": following})

    @extend_schema(operation_id="tags_read", summary="Read a tag", responses=TagSerializer)
    def retrieve(self, request: Request, name: str) -> Response:
        """One tag, with how often it stands on what you may see."""
        del request
        return self.show(tag_in_use(self.actor, plain(name)), TagSerializer)

    @extend_schema(
        operation_id="tags_rename", summary="Rename a tag", request=TagChange, responses=TagSerializer
    )
    def partial_update(self, request: Request, name: str) -> Response:
        """Renames it wherever it stands; it joins a tag that is called so already.

        Conversations say nothing of it. Segments of campaigns name tags by their text and stay as they are.
        """
        del request
        wanted = self.body(TagChange)
        self._require_read(plain(name))
        to = rename_tag(name=plain(name), to=wanted["name"], by=self.actor)
        return self.show(tag_in_use(self.actor, to), TagSerializer)

    @extend_schema(operation_id="tags_delete", summary="Take a tag away", responses={204: None})
    def destroy(self, request: Request, name: str) -> Response:
        """Takes it away wherever it stands."""
        del request
        self._require_read(plain(name))
        delete_tag(name=plain(name), by=self.actor)
        return Response(status=204)

    def _require_read(self, name: str) -> None:
        """Raises Changed for who has read other counts. A tag has no row that could be held meanwhile."""
        told = TagSerializer.told(tag_in_use(self.actor, name))
        if self.expected not in {None, digest(told)}:
            raise Changed


def plain(name: str) -> str:
    """Returns the tag of an address: it may hold slashes, so the one at the end arrives with it."""
    return name.removesuffix("/")


addresses = [
    *both("tags", Tags.as_view({"get": "list"}), "tags"),
    *both(
        "tags/<path:name>",
        Tags.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        "tag",
    ),
]
