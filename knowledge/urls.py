"""The help pages."""

from django.urls import path

from knowledge.views import article, index

app_name = "knowledge"
urlpatterns = [
    path("help/", index, name="index"),
    path("help/<int:article_id>-<slug:slug>/", article, name="article"),
]
