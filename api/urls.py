"""Every address of the HTTP API."""

from django.urls import URLPattern, URLResolver, include, path

from api import health, pages
from api.mcp.views import addresses as mcp
from api.routes import both

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("api.v1.urls")),
    path("", include("api.seeds.urls")),
    *mcp,
    *both("api/schema", pages.schema, "schema"),
    *both("docs", pages.docs, "docs"),
    *both("redoc", pages.redoc, "redoc"),
    *both("health", health.ready, "health"),
    *both("health/live", health.live, "health-live"),
    *both("health/ready", health.ready, "health-ready"),
]
