"""The help centre."""

from django.contrib.sitemaps.views import sitemap
from django.urls import path
from django.views.decorators.http import require_safe

from knowledge.sitemaps import SITEMAPS
from knowledge.views import article, category, index, robots

app_name = "knowledge"
urlpatterns = [
    path("help/", index, name="index"),
    path("help/c/<slug:slug>/", category, name="category"),
    path("help/<int:article_id>-<slug:slug>/", article, name="article"),
    path("help/sitemap.xml", require_safe(sitemap), {"sitemaps": SITEMAPS}, name="sitemap"),
    path("robots.txt", robots, name="robots"),
]
