"""What every view of the API shares: who asks, what they sent, how a list goes out."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ViewSet

from api.authentication import actor_of
from api.fields import PageQuery, Strict
from api.pagination import Page
from api.parsers import JsonParser
from api.permissions import StaffOnly
from core.actor import Actor
from core.errors import Unauthenticated


class JsonAlways(DefaultContentNegotiation):
    """There is one format, so nothing is negotiated: `Accept` and `?format=` change nothing."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Returns the first renderer."""
        del request, format_suffix
        return renderers[0], renderers[0].media_type


class ApiViewSet(ViewSet):
    """A view validates, calls an action, serializes. It decides nothing."""

    permission_classes = (StaffOnly,)
    parser_classes = (JsonParser,)
    content_negotiation_class = JsonAlways
    # OPTIONS would describe views to whoever asks; /api/schema/ does that better.
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    # The query parameters of each action; one that is not listed takes none.
    queries: ClassVar[dict[str, type[Strict]]] = {}

    @property
    def actor(self) -> Actor:
        """Who asks."""
        actor = actor_of(self.request)
        if actor is None:
            raise Unauthenticated
        return actor

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Reads the query after the rights were checked: an unknown parameter is an error, never ignored."""
        super().initial(request, *args, **kwargs)
        if self.action is not None:
            self.query = self.read(self.queries.get(self.action, Strict), request.query_params)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Keeps answers out of shared caches, and out of others' unless they ask again."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "private, no-cache"
        return answer

    def read(self, serializer_class: type[Strict], data: Any) -> dict[str, Any]:
        """Returns what was sent as checked values."""
        serializer = serializer_class(data=data, context={"actor": self.actor})
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values

    def body(self, serializer_class: type[Strict]) -> dict[str, Any]:
        """Returns the body as checked values."""
        return self.read(serializer_class, self.request.data)

    def page(self, rows: "QuerySet[Any]", serializer_class: type[BaseSerializer[Any]]) -> Response:
        """Answers with a page of rows, as asked for by a `PageQuery`."""
        assert issubclass(self.queries[self.action], PageQuery)  # noqa: S101 (states the contract)
        found = Page(
            rows, order=self.query["ordering"], limit=self.query["limit"], cursor=self.query.get("cursor", "")
        )
        results = serializer_class(found.rows, many=True).data
        return Response({"results": results, "next": found.next_link(self.request)})
