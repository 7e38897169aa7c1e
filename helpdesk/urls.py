"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path

# Problems for programs, pages for people.
handler400 = "api.errors.bad_request"
handler403 = "api.errors.forbidden"
handler404 = "api.errors.page_not_found"
handler500 = "api.errors.server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("api.urls")),
    path("", include("integrations.web.urls")),
    path("", include("knowledge.urls")),
    path("", include("campaigns.urls")),
    path("", include("conversations.urls")),
]
