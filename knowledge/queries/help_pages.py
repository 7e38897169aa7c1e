"""What the public help centre lists."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from pgvector.django import MaxInnerProduct

from knowledge.models import Article, ArticleQuerySet, Category, Chunk

FIRST = 5  # articles of a category that are shown without a click
RELATED, LOOKED_AT = 4, 40


@dataclass(frozen=True, slots=True)
class Shelf:
    """A category, or what has none, with its first articles and how many there are."""

    category: Category | None
    name: str
    articles: Sequence[Article]
    count: int


def shelves(language: str) -> list[Shelf]:
    """Returns the categories in which anybody can read something of a language; last what has none.

    Empty where there is no category at all.
    """
    categories = list(Category.objects.all())
    if not categories:
        return []
    public = Article.objects.public().filter(language=language)
    place = Window(RowNumber(), partition_by=F("category"), order_by="title")
    count = Window(Count("pk"), partition_by=F("category"))
    first = public.annotate(place=place, count=count).filter(place__lte=FIRST)
    by_category: dict[int | None, list[Article]] = {}
    for article in first.order_by("place").only("title", "slug", "category"):
        by_category.setdefault(article.category_id, []).append(article)
    found = [
        Shelf(category, category.name_in(language), rows, _count(rows))
        for category in categories
        if (rows := by_category.get(category.pk))
    ]
    rest = by_category.get(None)
    return [*found, Shelf(None, "", rest, _count(rest))] if rest else found


def articles_of(language: str, category: Category | None = None) -> ArticleQuerySet:
    """Returns what anybody can read of a language, and of a category where one is given."""
    rows = Article.objects.public().filter(language=language)
    rows = rows if category is None else rows.filter(category=category)
    return rows.order_by("title").only("title", "slug")


def related(article: Article) -> list[Article]:
    """Returns the articles of its language that mean the nearest to it and that anybody can read."""
    opening = article.chunks.filter(position=0).values_list("vector", flat=True).first()
    if opening is None:
        return []
    public = Article.objects.public().filter(language=article.language).exclude(pk=article.pk)
    rows = Chunk.objects.filter(position=0).exclude(article=article)
    near = rows.order_by(MaxInnerProduct("vector", opening)).values_list("article", flat=True)[:LOOKED_AT]
    places = {pk: place for place, pk in enumerate(near)}
    found = public.filter(pk__in=places).only("title", "slug")
    return sorted(found, key=lambda row: places[row.pk])[:RELATED]


def _count(rows: Sequence[Article]) -> int:
    return int(getattr(rows[0], "count", 0))
