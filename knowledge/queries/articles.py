"""Articles as they stand, for lists and pages."""

from django.db.models import Count, Max, Q

from core.actor import Actor
from core.errors import NotFound
from knowledge.models import Article, ArticleQuerySet


def articles_for(actor: Actor, *, words: str = "") -> ArticleQuerySet:
    """Returns the articles the actor may see with their teams; with `words` those that hold them as written.

    What means the same in other words is found by `search`.
    """
    rows = Article.objects.all().visible_to(actor).select_related("team")
    return rows.filter(Q(title__icontains=words) | Q(body__icontains=words)) if words else rows


def article_by_id(article_id: int, *, actor: Actor) -> Article:
    """Returns the article; raises NotFound when there is none or the actor may not see it."""
    found = articles_for(actor).filter(pk=article_id).first()
    if found is None:
        raise NotFound
    return found


def public_version() -> str:
    """Returns what changes whenever what anybody may read does; empty while passages do not show it yet."""
    public = Article.objects.public()
    if public.stale().exists():
        return ""
    counted = public.aggregate(count=Count("pk"), changed=Max("updated_at"))
    return f"{counted['count']} {counted['changed']}"
