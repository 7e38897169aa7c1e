"""Answers that are waited for: the view does its work in a thread, and the waiting holds none.

A coroutine as a view would not do: Django's chain of middleware runs in a thread, which would wait along.
"""

import logging
from collections.abc import Awaitable, Callable

from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from api.errors import DATABASE_AWAY_SECONDS, problem_response
from core.errors import HelpdeskError, Unavailable
from core.outages import DatabaseFailure

logger = logging.getLogger(__name__)

Answer = Callable[[], Awaitable[HttpResponse]]
# What is said of the answer that is not known yet.
ITS_OWN = {"content-type", "content-length"}


class Later(HttpResponse):
    """Stands for an answer that is not known yet; `helpdesk.pages` waits for it before it sends anything."""

    def __init__(self, request: HttpRequest, answer: Answer) -> None:
        """Takes the request, and what is awaited on the event loop."""
        super().__init__()
        self.request, self.answer = request, answer

    async def known(self) -> HttpResponse:
        """Returns the answer, or why there is none, with the headers and cookies that this one was given."""
        answer = await self._awaited()
        for name, value in self.items():
            if name.lower() not in ITS_OWN:
                answer.headers.setdefault(name, value)
        answer.cookies.update(self.cookies)
        return answer

    async def _awaited(self) -> HttpResponse:
        try:
            return await self.answer()
        except HelpdeskError as error:
            return self._refused(error)
        except DatabaseFailure:
            logger.exception("an answer could not be read")
            return self._refused(Unavailable(retry_after=DATABASE_AWAY_SECONDS))

    def _refused(self, error: HelpdeskError) -> HttpResponse:
        problem = problem_response(self.request, error)
        if "retry_after" in error.extra:
            problem["Retry-After"] = str(error.extra["retry_after"])
        return problem


def later(request: Request, answer: Answer) -> HttpResponse:
    """Returns what a view returns for an answer that has to be waited for.

    Who goes away is not waited for any more; what the view has stored stays. Where no event loop serves the
    request it is waited for at once.
    """
    plain = request._request  # noqa: SLF001 (DRF has no other name for it)
    response = Later(plain, answer)
    return response if isinstance(plain, ASGIRequest) else async_to_sync(response.known)()
