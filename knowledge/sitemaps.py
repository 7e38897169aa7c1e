"""The list of articles for search engines.

https://www.sitemaps.org/protocol.html describes its form.
"""

from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.db.models import QuerySet
from django.urls import reverse

from knowledge.models import Article


class ArticleSitemap(Sitemap[Article]):
    """What anybody may read here; what has a page elsewhere is left to that site."""

    @property
    def protocol(self) -> str:  # type: ignore[override]
        """The one under which we are known, whatever the proxy in front speaks with us."""
        return str(urlsplit(settings.PUBLIC_URL).scheme)

    def addresses(self) -> list[str]:
        """Where the list is found; a very long one has several pages."""
        first = f"{settings.PUBLIC_URL}{reverse('knowledge:sitemap')}"
        return [first, *(f"{first}?p={page}" for page in range(2, self.paginator.num_pages + 1))]

    def get_domain(self, site: object = None) -> str:
        """The name under which we are known."""
        del site
        return str(urlsplit(settings.PUBLIC_URL).netloc)

    def items(self) -> QuerySet[Article]:
        """In the order of their numbers, so that pages stay the same."""
        return Article.objects.public().filter(source_url="").order_by("pk").only("slug", "updated_at")

    def lastmod(self, item: Article) -> datetime:
        """When it was last changed."""
        return item.updated_at


SITEMAPS = {"articles": ArticleSitemap}
