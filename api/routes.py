"""Addresses that do not care about a slash at their end."""

from collections.abc import Callable
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import URLPattern, path


def both(route: str, view: Callable[..., HttpResponseBase | Any], name: str) -> list[URLPattern]:
    """Returns the address without and with a slash; the name and the documentation are of the first."""
    return [path(route, view, name=name), path(f"{route}/", view)]
