"""Articles in the admin. Every write goes through an action."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from knowledge.actions import delete_articles, save_article
from knowledge.explain_view import explained
from knowledge.models import Article, Category, Chunk


class ChunkInline(admin.TabularInline[Chunk, Article]):
    """The passages an article is found by, as the last run of the job made them."""

    model = Chunk
    fields = ("position", "heading", "text")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may see the article may see what it is found by."""
        del obj
        return request.user.has_perm("knowledge.view_article")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Passages are made, not written."""
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are made anew from the article instead."""
        del request, obj
        return False


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin[Article]):
    """What we know. After saving, a job makes the passages; until then the old ones answer."""

    list_display = ("title", "language", "category", "status", "team", "passages", "is_current", "updated_at")
    list_filter = (
        *("status", "audience", "language", "category", "team"),
        ("origin", admin.RelatedOnlyFieldListFilter),
    )
    # One query for the list, whatever it shows.
    list_select_related = ("team", "category")
    list_per_page = 50
    search_fields = ("title", "body")
    ordering = ("-updated_at",)
    fields = (
        *(
            "title",
            "body",
            ("language", "category"),
            ("status", "team"),
            ("audience", "valid_from", "valid_until"),
        ),
        *("tags", "source_url"),
        *("preview", ("origin", "gone_at"), "source_key", ("created_at", "updated_at")),
    )
    readonly_fields = ("preview", "origin", "gone_at", "source_key", "created_at", "updated_at")
    inlines = (ChunkInline,)
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    def get_urls(self) -> list[URLPattern]:
        """Has a page on which a question is tried."""
        view = self.admin_site.admin_view(explained)
        return [path("explain/", view, name="knowledge_article_explain"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Article]:
        """Counts the passages in the same query."""
        return super().get_queryset(request).annotate(chunks_counted=Count("chunks"))

    @admin.display(description=_("passages"), ordering="chunks_counted")
    def passages(self, article: Article) -> int:
        """How many passages it is found by."""
        return int(getattr(article, "chunks_counted", 0))

    @admin.display(description=_("searchable"), boolean=True)
    def is_current(self, article: Article) -> bool:
        """Whether the passages show the present text."""
        return article.is_searchable

    @admin.display(description=_("page"))
    def preview(self, article: Article) -> SafeString | str:
        """A link to the help page, which shows drafts to staff."""
        if article.pk is None:
            return "-"
        return format_html(
            '<a href="{}" target="_blank" rel="noopener">{}</a>',
            article.get_absolute_url(),
            _("Show the page"),
        )

    def save_model(self, request: HttpRequest, obj: Article, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001 (Django's signature)
        """Saves through the action, which has the passages made."""
        save_article(article=obj, by=actor_of(request))

    def delete_model(self, request: HttpRequest, obj: Article) -> None:
        """Deletes through the action."""
        delete_articles(articles=[obj], by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Article]) -> None:
        """Deletes through the action."""
        delete_articles(articles=list(queryset), by=actor_of(request))


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin[Category]):
    """How the help centre sorts its articles."""

    list_display = ("__str__", "slug", "position", "articles")
    list_editable = ("position",)
    fields = (("slug", "position"), ("name_pt", "name_es", "name_en"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        """Counts the articles in the same query."""
        return super().get_queryset(request).annotate(articles_counted=Count("articles"))

    @admin.display(description=_("articles"), ordering="articles_counted")
    def articles(self, category: Category) -> int:
        """How many articles it has, read by anybody or not."""
        return int(getattr(category, "articles_counted", 0))
