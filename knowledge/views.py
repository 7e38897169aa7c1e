"""The public help pages: a list with a search box, and the articles that citations lead to."""

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from accounts.models import User
from core.html import markdown_to_html
from knowledge.enums import Language
from knowledge.models import Article
from knowledge.queries import language_code, languages_in_use, nearest

PER_PAGE = 60
MOST_RESULTS = 10
LONGEST_QUESTION = 300  # characters


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Lists the published articles of one language, or what is nearest to the question `q` in all of them.

    `lang` chooses the language; without it the browser's is taken, if there are articles in it.
    """
    # Postgres takes no NUL, and a question longer than a few lines finds nothing better.
    question = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_QUESTION]
    language = _language(request)
    context = {
        "question": question,
        "language": language,
        "languages": [(code, Language(code).label) for code in languages_in_use()],
    }
    if question:
        found = nearest(question, limit=MOST_RESULTS, language=language if "lang" in request.GET else None)
        return render(request, "knowledge/search.html", {**context, "found": found})
    articles = Article.objects.public().filter(language=language).order_by("title").only("title", "slug")
    page = Paginator(articles, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "knowledge/index.html", {**context, "page": page})


@require_safe
def article(request: HttpRequest, article_id: int, slug: str) -> HttpResponse:
    """Shows one article, to staff also what customers may not read.

    An address with an old title leads to the one with the new.
    """
    articles = Article.objects.all() if _is_staff(request) else Article.objects.public()
    found = articles.filter(pk=article_id).first()
    if found is None:
        raise Http404
    # The number finds the article; one address per article for search engines and caches.
    if slug != found.slug:
        return redirect(found, permanent=True)
    context = {
        "article": found,
        "html": markdown_to_html(found.body),
        "is_public": Article.objects.public().filter(pk=found.pk).exists(),
        "language": found.language,
    }
    return render(request, "knowledge/article.html", context)


def _is_staff(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.is_active and user.is_staff


def _language(request: HttpRequest) -> str:
    wanted = language_code(request.GET.get("lang")) or language_code(get_language()) or Language.EN
    in_use = languages_in_use()
    return wanted if wanted in in_use or not in_use else in_use[0]
