"""Articles of the help centre: list, write, read, change, delete."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.fields import LARGEST_ID, PageQuery, Strict, TeamSlug, Text
from api.queries import narrowed
from api.routes import both
from api.shapes import Shown
from core.errors import NotFound
from knowledge.actions import change_article, delete_article, write_article
from knowledge.enums import ArticleStatus, Audience, Language
from knowledge.queries import article_by_id, articles_for

MAX_TITLE, MAX_BODY, MAX_TAGS, MAX_TAG = 200, 100_000, 20, 40


class ArticleQuery(PageQuery):
    """Which articles, in which order."""

    language = serializers.ChoiceField(choices=Language.choices, required=False)
    status = serializers.ChoiceField(choices=ArticleStatus.choices, required=False)
    audience = serializers.ChoiceField(choices=Audience.choices, required=False)
    team = serializers.SlugField(required=False, help_text="Short name of a team, or `none`.")
    tag = Text(required=False, max_length=MAX_TAG)
    q = Text(required=False, max_length=200, help_text="Words as they stand in title or text.")
    ordering = serializers.ChoiceField(
        choices=["-updated_at", "updated_at", "-created_at", "created_at"], default="-updated_at"
    )


class ArticleChange(Strict):
    """What shall be different; what is left out stays."""

    title = Text(max_length=MAX_TITLE, required=False)
    body = Text(max_length=MAX_BODY, required=False, allow_blank=True, help_text="Markdown.")
    language = serializers.ChoiceField(choices=Language.choices, required=False)
    team = TeamSlug(required=False, allow_null=True)
    tags = serializers.ListField(child=Text(max_length=MAX_TAG), required=False, max_length=MAX_TAGS)
    status = serializers.ChoiceField(
        choices=ArticleStatus.choices, required=False, help_text="Only what is published is found or shown."
    )
    audience = serializers.ChoiceField(
        choices=Audience.choices,
        required=False,
        help_text="`identified`: customers who are proven to be who they say; `internal`: staff only.",
    )
    valid_from = serializers.DateTimeField(required=False, allow_null=True)
    valid_until = serializers.DateTimeField(
        required=False, allow_null=True, help_text="From then on it is neither found nor shown."
    )
    source_url = serializers.URLField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text="Where customers are sent instead of our own page.",
    )


class NewArticle(ArticleChange):
    """An article to be written."""

    title = Text(max_length=MAX_TITLE)
    language = serializers.ChoiceField(choices=Language.choices)


class ArticleSerializer(Shown):
    """Something we know, without its text."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    language = serializers.ChoiceField(choices=Language.choices)
    status = serializers.ChoiceField(choices=ArticleStatus.choices)
    audience = serializers.ChoiceField(choices=Audience.choices)
    valid_from = serializers.DateTimeField(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)
    team = TeamSlug(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    url = serializers.CharField(
        source="public_url", help_text="Where customers are sent; empty where they may read no page of it."
    )
    source_url = serializers.CharField(help_text="May be empty.")
    searchable = serializers.BooleanField(
        source="is_searchable", help_text="Search knows the present text; some seconds after an edit."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class WholeArticleSerializer(ArticleSerializer):
    """Something we know."""

    body = serializers.CharField(help_text="Markdown.")


class Articles(ApiViewSet):
    """What the help centre says, and the agents answer from."""

    queries: ClassVar = {"list": ArticleQuery}

    @extend_schema(summary="List articles", responses=ArticleSerializer(many=True))
    def list(self, request: Request) -> Response:
        """All of them, drafts included. To find what answers a question, use search."""
        del request
        lookups = {
            **{name: name for name in ("language", "status", "audience")},
            "team": "team__slug",
            "tag": "tags__contains",
        }
        wanted = {**self.query, "tag": [self.query["tag"]] if "tag" in self.query else None}
        rows = articles_for(self.actor, words=self.query.get("q", ""))
        return self.page(narrowed(rows, wanted, lookups, actor=self.actor), ArticleSerializer)

    @extend_schema(summary="Write an article", request=NewArticle, responses={201: WholeArticleSerializer})
    def create(self, request: Request) -> Response:
        """Leads, administrators and keys only. A draft, unless `status` says otherwise."""
        del request
        article = write_article(by=self.actor, **self.body(NewArticle))
        return self.show(article, WholeArticleSerializer, status=201)

    @extend_schema(operation_id="articles_read", summary="Read an article", responses=WholeArticleSerializer)
    def retrieve(self, request: Request, article_id: int) -> Response:
        """One article with its text."""
        del request
        return self.show(self._one(article_id), WholeArticleSerializer)

    @extend_schema(
        operation_id="articles_change",
        summary="Change an article",
        request=ArticleChange,
        responses=WholeArticleSerializer,
    )
    def partial_update(self, request: Request, article_id: int) -> Response:
        """Changes what the body names; `status` publishes. Leads, administrators and keys only."""
        del request
        wanted: dict[str, Any] = self.body(ArticleChange)
        article = self._one(article_id)
        done = change_article(article=article, by=self.actor, expected=self.expected, **wanted)
        return self.show(done, WholeArticleSerializer)

    @extend_schema(operation_id="articles_delete", summary="Delete an article", responses={204: None})
    def destroy(self, request: Request, article_id: int) -> Response:
        """Deletes it for good; to keep it from customers, archive it. Leads, administrators and keys only."""
        del request
        delete_article(article=self._one(article_id), by=self.actor, expected=self.expected)
        return Response(status=204)

    def _one(self, article_id: int) -> Any:
        # The address takes any number, the database not.
        if article_id > LARGEST_ID:
            raise NotFound
        return article_by_id(article_id, actor=self.actor)


addresses = [
    *both("articles", Articles.as_view({"get": "list", "post": "create"}), "articles"),
    *both(
        "articles/<int:article_id>",
        Articles.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        "article",
    ),
]
