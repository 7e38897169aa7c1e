"""Many at once: each has an answer of its own, and one that is wrong holds up no other."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from api.errors import problem_of
from api.fields import Strict
from api.shapes import Shown
from core.errors import HelpdeskError


@extend_schema_field({"anyOf": [{"$ref": "#/components/schemas/Problem"}, {"type": "null"}]})
class Refusal(serializers.Field[Any, Any, Any, Any]):
    """Why one of many was refused, as the answer to a request would tell it."""

    def to_representation(self, value: Any) -> Any:
        """Returns it as it is."""
        return value


class EachSerializer(Shown):
    """What became of one of many."""

    id = serializers.UUIDField(allow_null=True)
    status = serializers.IntegerField(help_text="As of a request of its own: 200, 201, 404, 422 …")
    error = Refusal(allow_null=True)


class EachResultSerializer(Shown):
    """What became of each, in the order in which they were named."""

    results = EachSerializer(many=True)


class Rows(serializers.ListField):
    """Bodies of which each is read by itself: what is wrong with one stands in its place as an exception."""

    def __init__(self, *, child: Strict, **kwargs: Any) -> None:
        """Takes the body of one, and what any list takes."""
        self.child: Strict
        super().__init__(child=child, min_length=1, **kwargs)

    def run_child_validation(self, data: list[Any]) -> list[Any]:
        """Returns the values of each, or why there are none."""
        return [self._one(item) for item in data]

    def _one(self, item: Any) -> Any:
        try:
            # By a reader of its own: this one may say what is wrong in the language of another request.
            return type(self.child).checked(item, **self.context)
        except ValidationError as error:
            return error


def refused(error: Exception, pk: Any = None) -> dict[str, Any]:
    """Returns the answer about one that was refused."""
    told = problem_of(error)
    assert told is not None  # noqa: S101 (a refusal is never a fault of ours)
    return {"id": pk, "status": told["status"], "error": told}


def done(pk: Any, *, status: int = 200) -> dict[str, Any]:
    """Returns the answer about one that was done."""
    return {"id": pk, "status": status, "error": None}


def do_each(ids: list[Any], do: Callable[[Any], object]) -> list[dict[str, Any]]:
    """Does something to each, all of it or nothing, and returns the answers in the order of the ids.

    They are taken in one order whatever order they were named in: two such calls at once would wait for each
    other.
    """
    answers = {pk: _done(pk, do) for pk in sorted(set(ids))}
    return [answers[pk] for pk in ids]


def _done(pk: Any, do: Callable[[Any], object]) -> dict[str, Any]:
    try:
        with transaction.atomic():
            do(pk)
    except HelpdeskError as error:
        return refused(error, pk)
    return done(pk)
