"""Addresses that do not care about a slash at their end."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from core.threads import Kind, borrowed, in_thread, serving_loop


def both(route: str, view: Callable[..., HttpResponseBase | Any], name: str) -> list[URLPattern]:
    """Returns the address without and with a slash; the name and the documentation are of the first."""
    return [path(route, view, name=name), path(f"{route}/", view)]


def patient(view: Callable[..., HttpResponseBase]) -> Callable[..., Any]:
    """Returns a view whose requests wait on threads of their own, since they ask somebody else's server."""

    @wraps(view)
    async def waiting(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if serving_loop() is None:
            return await sync_to_async(view)(request, *args, **kwargs)
        async with borrowed(Kind.WAITING):
            return await in_thread(view, request, *args, **kwargs)

    return waiting
