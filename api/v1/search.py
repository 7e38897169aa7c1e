"""Search: what answers a question, what was said about it before, and whom and what words name."""

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Team
from api.base import ApiViewSet
from api.fields import Count, Number, Strict, TeamSlug, Text
from api.queries import contacts_for, conversations_about, conversations_for, tickets_about
from api.routes import both
from api.sectors import team_of
from api.shapes import Shown
from api.shown.common import (
    ContactSerializer,
    ConversationSerializer,
    MessageSerializer,
    TicketSerializer,
)
from api.v1.message_records import SECTORS, Sector
from conversations.queries.contacts import with_words
from knowledge.enums import Audience, Language
from knowledge.queries import search, similar_messages
from tickets.queries import tickets_for

KINDS = ("articles", "messages", "conversations", "contacts", "tickets")
BY_DEFAULT = "articles,messages"
MOST_FOUND, MOST_SIMILAR = 20, 50


class SearchQuery(Strict):
    """What is looked for, and where."""

    q = Text(max_length=500, help_text="A question, or words.")
    limit = serializers.IntegerField(default=5, min_value=1, max_value=MOST_FOUND, help_text="Of each kind.")
    team = TeamSlug(required=False, help_text="Only what is this team's; of articles also what is nobody's.")

    def get_fields(self) -> Any:
        """Adds where to look: `in` is a word of Python's."""
        told = f"Some of {', '.join(f'`{kind}`' for kind in KINDS)}, separated by commas."
        where = serializers.RegexField(
            rf"^({'|'.join(KINDS)})(,({'|'.join(KINDS)}))*$", default=BY_DEFAULT, help_text=told
        )
        return {**super().get_fields(), "in": where}


class Question(Strict):
    """A text whose like was said before."""

    default_error_messages = {"twice": _("This says the same as another field; give one of them.")}

    query = Text(max_length=2_000)
    team = TeamSlug(required=False, help_text="Only conversations of this team.")
    sector = Sector(max_length=50, required=False, help_text=f"The same for sectors: {SECTORS}")
    limit = Count(default=10, min_value=1, max_value=MOST_SIMILAR)
    threshold = Number(required=False, min_value=-1, max_value=1, help_text="Nothing with a lower score.")
    similarity_threshold = Number(
        required=False, min_value=-1, max_value=1, help_text="The same under another name."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Takes each thing under one of its two names."""
        for name, other in (("team", "sector"), ("threshold", "similarity_threshold")):
            if name in attrs and other in attrs:
                twice = ErrorDetail(str(self.error_messages["twice"]), code="twice")
                raise serializers.ValidationError({other: [twice]})
        return attrs


class PassageSerializer(Shown):
    """A passage of an article that may answer."""

    score = serializers.FloatField(help_text="From about 0 (nothing to do with it) to 1 (it is the title).")
    certain = serializers.BooleanField(source="is_certain", help_text="May be given as the answer as it is.")
    article = serializers.IntegerField(source="article_id")
    title = serializers.CharField()
    heading = serializers.CharField(help_text="May be empty.")
    text = serializers.CharField()
    language = serializers.ChoiceField(choices=Language.choices)
    url = serializers.CharField()


class SimilarSerializer(Shown):
    """Something that was said before."""

    score = serializers.FloatField(help_text="Cosine of what both texts mean: 1 is the same.")
    message = MessageSerializer()


class SimilarsSerializer(Shown):
    """What was said before, the nearest first."""

    results = SimilarSerializer(many=True)


class FoundSerializer(Shown):
    """What was found, by kind; a kind that was not asked for is left out."""

    articles = PassageSerializer(many=True, required=False)
    messages = SimilarSerializer(many=True, required=False)
    conversations = ConversationSerializer(many=True, required=False)
    contacts = ContactSerializer(many=True, required=False)
    tickets = TicketSerializer(many=True, required=False)


class Search(ApiViewSet):
    """One question asked of everything."""

    queries: ClassVar = {"search": SearchQuery}
    reading: ClassVar[frozenset[str]] = frozenset({"similar"})

    @extend_schema(operation_id="search", summary="Search everywhere", responses=FoundSerializer)
    def search(self, request: Request) -> Response:
        """Articles and messages by what they mean; conversations, customers and tickets by words.

        Of articles what is published and valid now, for staff too; of all others what you may see.
        """
        del request
        kinds = set(self.query["in"].split(","))
        found = {kind: getattr(self, f"_{kind}")() for kind in KINDS if kind in kinds}
        return self.show(found, FoundSerializer)

    @extend_schema(
        operation_id="messages_search",
        summary="Find messages that mean the same",
        request=Question,
        responses=SimilarsSerializer,
    )
    def similar(self, request: Request) -> Response:
        """In any words and language, in the conversations that you may see. Neither notes nor system lines.

        A message is found some seconds after it was written.
        """
        del request
        asked = self.body(Question)
        team = team_of(asked["sector"]) if "sector" in asked else asked.get("team")
        threshold = asked.get("threshold", asked.get("similarity_threshold", -1.0))
        if "sector" in asked and team is None:
            # A standard sector that nobody has written to yet.
            return self.show({"results": []}, SimilarsSerializer)
        found = similar_messages(
            asked["query"], actor=self.actor, team=team, limit=asked["limit"], threshold=threshold
        )
        return self.show({"results": found}, SimilarsSerializer)

    @property
    def _team(self) -> Team | None:
        team: Team | None = self.query.get("team")
        return team

    @property
    def _words(self) -> str:
        return str(self.query["q"]).strip()

    def _articles(self) -> list[Any]:
        team = self._team.pk if self._team else None
        audiences = tuple(Audience) if self.actor.is_staff else (Audience.PUBLIC,)
        return search(self.query["q"], limit=self.query["limit"], team_id=team, audiences=audiences)

    def _messages(self) -> list[Any]:
        return similar_messages(self.query["q"], actor=self.actor, team=self._team, limit=self.query["limit"])

    def _conversations(self) -> list[Any]:
        rows = conversations_for(self.actor).filter(pk__in=conversations_about(self._words))
        return self._first(rows.order_by("-updated_at"))

    def _contacts(self) -> list[Any]:
        rows = contacts_for(self.actor).filter(with_words(self._words))
        if self._team is not None:
            rows = rows.filter(conversations__in=conversations_for(self.actor).filter(team=self._team))
        return list(rows.distinct().order_by("-created_at")[: self.query["limit"]])

    def _tickets(self) -> list[Any]:
        return self._first(tickets_for(self.actor).filter(pk__in=tickets_about(self._words)))

    def _first(self, rows: Any) -> list[Any]:
        rows = rows if self._team is None else rows.filter(team=self._team)
        return list(rows[: self.query["limit"]])


addresses = [
    *both("search", Search.as_view({"get": "search"}), "search"),
    *both("messages/search", Search.as_view({"post": "similar"}), "messages-search"),
]
