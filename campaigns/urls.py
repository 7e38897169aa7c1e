"""The page for those who want no more messages."""

from django.urls import path

from campaigns.views import unsubscribe

app_name = "campaigns"
urlpatterns = [path("unsubscribe/<str:token>/", unsubscribe, name="unsubscribe")]
