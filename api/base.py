"""What every view of the API shares: who asks, what they sent, how it goes out, what may be repeated."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.fields import ListField
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import ViewSet

from api.authentication import actor_of
from api.etags import etag_of, expected_version, is_known
from api.fields import PageQuery, ShapeQuery, Strict
from api.idempotency import answered_once
from api.pagination import Page
from api.parsers import JsonParser
from api.permissions import StaffOnly
from api.shapes import Shown, wanted_of
from api.throttles import PerMinute, count_refusal, rate_headers
from core.actor import Actor
from core.errors import Invalid, TooMany, Unauthenticated


def parameters_of(request: Request, query: type[Strict]) -> dict[str, Any]:
    """Returns the query parameters as plain values: a `QueryDict` would pass over empty and repeated ones."""
    declared = query._declared_fields  # noqa: SLF001 (Serializer has no public name for them)
    found: dict[str, Any] = {}
    for name, values in request.query_params.lists():
        takes_many = isinstance(declared.get(name), ListField)
        if len(values) > 1 and not takes_many:
            raise Invalid(_("Give it once."), field=name)
        found[name] = values if takes_many else values[0]
    return found


@cache
def unasked(query: type[Strict]) -> dict[str, Any]:
    """Returns the values of a query without parameters, which are always the same."""
    return query.checked({})


class JsonAlways(DefaultContentNegotiation):
    """There is one format, so nothing is negotiated: `Accept` and `?format=` change nothing."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Returns the first renderer."""
        del request, format_suffix
        return renderers[0], renderers[0].media_type


class ApiViewSet(ViewSet):
    """A view validates, calls an action, serializes. It decides nothing.

    Every POST takes an `Idempotency-Key`, every PATCH, PUT and DELETE an `If-Match`, every GET the `fields`
    to show.
    """

    permission_classes: Sequence[type[BasePermission]] = (StaffOnly,)
    throttle_classes: Sequence[type[BaseThrottle]] = (PerMinute,)
    parser_classes = (JsonParser,)
    content_negotiation_class = JsonAlways
    # OPTIONS would describe views to whoever asks; /api/schema/ does that better.
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    # The query parameters of each action; one that is not listed takes `fields` and `expand` when it reads.
    queries: ClassVar[Mapping[str, type[Strict]]] = {}
    # Actions for administrators only.
    admin_actions: ClassVar[frozenset[str]] = frozenset()
    # POSTs that change nothing: a key needs only `read` for them.
    reading: ClassVar[frozenset[str]] = frozenset()
    # POSTs that wait for somebody else's server, and so may not run in a transaction.
    outside: ClassVar[frozenset[str]] = frozenset()
    # Actions that the state of things may forbid: 409.
    conflicts: ClassVar[frozenset[str]] = frozenset()
    # Refusals of actions that are open to everybody: there are none for who they are, but for what they send.
    refuses: ClassVar[Mapping[str, set[int]]] = {}

    @property
    def actor(self) -> Actor:
        """Who asks."""
        actor = actor_of(self.request)
        if actor is None:
            raise Unauthenticated
        return actor

    @property
    def expected(self) -> str | None:
        """The version of the row that the sender has read, for the action to compare under its lock."""
        return expected_version(self.request)

    @classmethod
    def query_of(cls, action: str, *, reads: bool) -> type[Strict]:
        """Returns which query parameters an action takes."""
        return cls.queries.get(action, ShapeQuery if reads else Strict)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Reads the query after the rights were checked: an unknown parameter is an error, never ignored."""
        super().initial(request, *args, **kwargs)
        if self.action is None:
            return
        query = self.query_of(self.action, reads=request.method in {"GET", "HEAD"})
        asked = parameters_of(request, query)
        self.query = self.read(query, asked) if asked else {**unasked(query)}
        if request.method == "POST":
            # What DRF calls next.
            self.post: Any = partial(self._once, self.post)

    def _once(self, do: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        done = partial(do, request, *args, **kwargs)
        return answered_once(request, done, outside=self.action in self.outside)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Keeps answers out of shared caches, and out of others' unless they ask again."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "private, no-cache"
        for name, value in rate_headers(request).items():
            answer[name] = value
        return answer

    def handle_exception(self, exc: Exception) -> Response:
        """Answers with a problem; whoever guesses keys is told to wait."""
        if isinstance(exc, AuthenticationFailed | NotAuthenticated):
            try:
                count_refusal(self.request)
            except TooMany as too_many:
                exc = too_many
        return super().handle_exception(exc)

    def read(self, serializer_class: type[Strict], data: Any) -> dict[str, Any]:
        """Returns what was sent as checked values."""
        return serializer_class.checked(data, actor=actor_of(self.request))

    def body(self, serializer_class: type[Strict]) -> dict[str, Any]:
        """Returns the body as checked values."""
        return self.read(serializer_class, self.request.data)

    def page(self, rows: "QuerySet[Any]", shape: type[Shown]) -> Response:
        """Answers with a page of rows, as asked for by a `PageQuery`."""
        assert issubclass(self.queries[self.action], PageQuery)  # noqa: S101 (states the contract)
        wanted = wanted_of(shape, self.query)
        found = Page(
            rows, order=self.query["ordering"], limit=self.query["limit"], cursor=self.query.get("cursor", "")
        )
        results = [shape.told(row, **wanted) for row in found.rows]
        return Response({"results": results, "next": found.next_link(self.request)})

    def few(self, rows: Iterable[Any], shape: type[Shown]) -> Response:
        """Answers with a list that is short and has no pages."""
        wanted = wanted_of(shape, self.query)
        results = [shape.told(row, **wanted) for row in rows]
        return Response({"results": results, "next": None})

    def show(
        self, shown: Any, shape: type[Shown], *, status: int = 200, of: Model | None = None, **context: Any
    ) -> Response:
        """Answers with one thing and its ETag, or with 304 for whoever has it as it is.

        `of` is the row whose version the ETag tells, where what is shown is none itself; `context` is what
        the shape needs beside it.
        """
        reads = self.request.method in {"GET", "HEAD"}
        wanted = wanted_of(shape, self.query) if reads else {}
        data = shape(shown, context=context | wanted).data if context else shape.told(shown, **wanted)
        etag = etag_of(shown if of is None else of, data)
        if reads and is_known(self.request, etag):
            return Response(status=304, headers={"ETag": etag})
        return Response(data, status=status, headers={"ETag": etag})
