"""Addresses of files."""

from django.urls import path

from conversations import views

app_name = "conversations"
urlpatterns = [path("files/<str:signed>", views.attachment, name="attachment")]
