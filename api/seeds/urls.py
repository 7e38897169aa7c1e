"""Addresses that clients of older systems know."""

from django.urls import URLPattern, URLResolver, include, path

from api.seeds import aliases, chat

urlpatterns: list[URLPattern | URLResolver] = [*chat.addresses, path("api/", include(aliases.addresses))]
