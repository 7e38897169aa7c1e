"""Addresses of the widget, its HTTP twin and the pages that carry it."""

from django.urls import path

from integrations.web import views

app_name = "web"
urlpatterns = [
    path("", views.demo_shop, name="demo"),
    path("chat/stream", views.chat_stream, name="chat_stream"),
    path("chat/<str:key>/", views.chat_page, name="chat"),
    path("api/v1/widget/<str:key>/config", views.widget_config, name="config"),
    path("api/v1/widget/<str:key>/hello", views.widget_hello, name="hello"),
    path("api/v1/widget/<str:key>/events", views.widget_events, name="events"),
    path("api/v1/widget/<str:key>/messages", views.widget_messages, name="messages"),
    path("api/v1/widget/<str:key>/attachments", views.widget_attachments, name="attachments"),
]
