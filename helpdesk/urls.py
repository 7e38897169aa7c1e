"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("api.urls")),
    path("", include("integrations.web.urls")),
    path("", include("knowledge.urls")),
    path("", include("conversations.urls")),
]
