"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path

from accounts.pages import forgotten
from api.pages import front

# Problems for programs, pages for people.
handler400 = "api.errors.bad_request"
handler403 = "api.errors.forbidden"
handler404 = "api.errors.page_not_found"
handler500 = "api.errors.server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    # Under this name Django's login links to it.
    path("accounts/password-reset/", forgotten, name="admin_password_reset"),
    path("accounts/", include("accounts.urls")),
    path("accounts/", include("accounts.signing_in.urls")),
    path("", front),
    path("", include("api.urls")),
    path("", include("integrations.web.urls")),
    path("", include("knowledge.urls")),
    path("", include("campaigns.urls")),
    path("", include("conversations.urls")),
]
