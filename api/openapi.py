"""How an operation is described: by what its view declares, so that nothing has to be said twice."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from api.base import ApiViewSet
from api.idempotency import HEADER, PATTERN
from api.permissions import Anybody
from api.shapes import MOST_NAMES, Shown

FOR_EVERYBODY = {
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
}
FOR_SOMEBODY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
WITH_BODY = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}
EDITS = ("PUT", "PATCH", "DELETE")
ETAG = {"description": "The state of what is shown; see If-Match.", "schema": {"type": "string"}}


class Description(AutoSchema):
    """Adds to each operation of an `ApiViewSet` its parameters, headers and refusals."""

    def get_override_parameters(self) -> list[Any]:
        """Returns the query that the view reads, and the headers that its method takes."""
        if not isinstance(self.view, ApiViewSet):
            return list(super().get_override_parameters())
        query = self.view.query_of(self.view.action, reads=self.method == "GET")
        # A query that takes nothing is no parameter.
        declared = [query] if query._declared_fields else []  # noqa: SLF001 (there is no public name)
        return [*declared, *self._shown_fields(query), *self._headers()]

    def _shown_fields(self, query: type[serializers.Serializer[Any]]) -> list[OpenApiParameter]:
        shape = self._shape()
        declared = query._declared_fields  # noqa: SLF001 (Serializer has no public name for them)
        if shape is None or "fields" not in declared:
            return []
        told = {"fields": sorted(shape._declared_fields), "expand": sorted(shape.expandable)}  # noqa: SLF001
        return [_list_of(name, names, str(declared[name].help_text)) for name, names in told.items()]

    def _shape(self) -> type[Shown] | None:
        """Returns what a reading operation shows."""
        answer: Any = self.get_response_serializers()
        if isinstance(answer, dict):
            # Beside the JSON there may be a stream of the same.
            answer = answer.get((HTTPStatus.OK, "application/json"))
        answer = force_instance(answer)  # type: ignore[no-untyped-call]
        shown = getattr(answer, "child", answer)
        return type(shown) if isinstance(shown, Shown) else None

    def _headers(self) -> list[OpenApiParameter]:
        if self.method == "POST":
            text = "Up to 128 visible ASCII characters. For a day the same request gets the same answer."
            return [_header(HEADER, text, PATTERN)]
        if self.method in EDITS:
            return [_header("If-Match", "The ETag of what you have read: 412 if it has changed since.")]
        return []

    def get_auth(self) -> list[Any]:
        """Returns what may be shown; where anybody may ask, nothing need be."""
        found = list(super().get_auth())
        view: Any = self.view
        return [*found, {}] if found and Anybody in view.permission_classes and {} not in found else found

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the description of an operation with all it may answer."""
        operation = super().get_operation(*args, **kwargs)
        if operation is None or not isinstance(self.view, ApiViewSet):
            return operation
        answers = operation["responses"]
        for status, answer in answers.items():
            if status.startswith("2") and "content" in answer and not self._is_list_view():
                answer.setdefault("headers", {})["ETag"] = ETAG
        for status in sorted(self._refusals(operation)):
            answers[str(int(status))] = {"$ref": f"#/components/responses/Problem{int(status)}"}
        return operation

    def _refusals(self, operation: dict[str, Any]) -> set[HTTPStatus]:
        view: Any = self.view
        found = FOR_EVERYBODY | {HTTPStatus(status) for status in view.refuses.get(view.action, ())}
        if Anybody not in view.permission_classes:
            found |= FOR_SOMEBODY
        if "{" in self.path:
            found.add(HTTPStatus.NOT_FOUND)
        # A POST that needs no body reads what is sent all the same, and refuses it.
        if "requestBody" in operation or self.method == "POST":
            found |= WITH_BODY
        if self.method in EDITS:
            found.add(HTTPStatus.PRECONDITION_FAILED)
        # Where a deed waits for others, its repetition may come while it is being done.
        if view.action in view.conflicts | view.outside:
            found.add(HTTPStatus.CONFLICT)
        return found

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        """Says of an expandable field that it may come whole."""
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        for name in getattr(serializer, "expandable", {}):
            whole = self.resolve_serializer(serializer.expandable[name], direction).ref
            schema["properties"][name] = _either(schema["properties"][name], whole)
        return schema


def _either(short: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """The whole comes first: a client that tries one after the other would take it for the short one."""
    if short.get("type") == "array":
        return {**short, "items": {"anyOf": [whole, short["items"]]}}
    return {"anyOf": [whole, short]}


def _list_of(name: str, values: list[str], text: str) -> OpenApiParameter:
    """Describes a parameter that takes names with commas between them; one without any is left out."""
    one: dict[str, Any] = {"type": "string", "enum": values}
    schema = {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_NAMES}
    return OpenApiParameter(name, schema, description=text, style="form", explode=False, exclude=not values)


def _header(name: str, text: str, pattern: str = "") -> OpenApiParameter:
    schema = {"type": "string", **({"pattern": pattern} if pattern else {})}
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=text)
