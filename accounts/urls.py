"""Pages for people who are not in yet: the links in our mails lead here."""

from django.urls import path

from accounts import pages

app_name = "accounts"
urlpatterns = [
    path("password-reset/", pages.forgotten, name="forgotten"),
    path("password-reset/<str:token>/", pages.reset, name="reset"),
    path("invitation/<str:token>/", pages.invitation, name="invitation"),
    path("confirm/<str:token>/", pages.confirmation, name="confirmation"),
]
