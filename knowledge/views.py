"""The public help centre: categories, articles, search, and what search engines ask for."""

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from accounts.models import User
from knowledge.enums import Language
from knowledge.languages import language_code
from knowledge.models import Article, Category
from knowledge.pages import page_of
from knowledge.queries import languages_in_use, nearest
from knowledge.queries.help_pages import articles_of, related, shelves
from knowledge.sitemaps import ArticleSitemap

PER_PAGE = 60
MOST_RESULTS = 10
LONGEST_QUESTION = 300  # characters


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Shows the categories of one language, or what is nearest to the question `q` in all of them.

    `lang` chooses the language; without it the browser's is taken, if there are articles in it. Where nothing
    has a category, all articles are listed.
    """
    # Postgres takes no NUL, and a question longer than a few lines finds nothing better.
    question = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_QUESTION]
    context = _languages(request)
    if question:
        language = context["language"] if "lang" in request.GET else None
        found = nearest(question, limit=MOST_RESULTS, language=language)
        return render(request, "knowledge/search.html", {**context, "question": question, "found": found})
    found_shelves = shelves(context["language"])
    if any(shelf.category for shelf in found_shelves):
        return render(request, "knowledge/shelves.html", {**context, "shelves": found_shelves})
    page = _page(request, context["language"])
    return render(request, "knowledge/index.html", {**context, "page": page})


@require_safe
def category(request: HttpRequest, slug: str) -> HttpResponse:
    """Lists the articles of a category in one language."""
    found = get_object_or_404(Category, slug=slug)
    context = _languages(request)
    shown = {"category": found, "name": found.name_in(context["language"])}
    page = _page(request, context["language"], found)
    return render(request, "knowledge/category.html", {**context, **shown, "page": page})


@require_safe
def article(request: HttpRequest, article_id: int, slug: str) -> HttpResponse:
    """Shows one article, to staff also what customers may not read.

    An address with an old title leads to the one with the new.
    """
    articles = Article.objects.all() if _is_staff(request) else Article.objects.public()
    found = articles.select_related("category").filter(pk=article_id).first()
    if found is None:
        raise Http404
    # The number finds the article; one address per article for search engines and caches.
    if slug != found.slug:
        return redirect(found, permanent=True)
    context = {
        "article": found,
        "page": page_of(found.body),
        "is_public": Article.objects.public().filter(pk=found.pk).exists(),
        "language": found.language,
        "related": related(found),
        "category_name": found.category.name_in(found.language) if found.category else "",
    }
    return render(request, "knowledge/article.html", context)


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Tells search engines where the articles are, and to leave the rest alone."""
    del request
    closed = (f"Disallow: {path}" for path in ("/admin/", "/api/", "/accounts/"))
    lists = (f"Sitemap: {address}" for address in ArticleSitemap().addresses())
    lines = ("User-agent: *", *closed, "", *lists, "")
    return HttpResponse("\n".join(lines), content_type="text/plain")


def _page(request: HttpRequest, language: str, category: Category | None = None) -> Any:
    return Paginator(articles_of(language, category), PER_PAGE).get_page(request.GET.get("page"))


def _is_staff(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.is_active and user.is_staff


def _languages(request: HttpRequest) -> dict[str, Any]:
    """What is chosen, and what can be."""
    wanted = language_code(request.GET.get("lang")) or language_code(get_language()) or Language.EN
    in_use = languages_in_use()
    return {
        "language": wanted if wanted in in_use or not in_use else in_use[0],
        "languages": [(code, Language(code).label) for code in in_use],
        "question": "",
    }
