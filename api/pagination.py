"""Pages by cursor: the place of the last row, so that rows that come or go meanwhile shift nothing."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from core.errors import Invalid

DEFAULT_LIMIT = 25
MAX_LIMIT = 100


class Page:
    """One page of rows in the order of a field, the primary key deciding between equals.

    Unlike DRF's cursor it needs no offsets however many rows are equal, and a cursor that somebody made up
    is a 422, never a crash.
    """

    def __init__(self, rows: "QuerySet[Any]", *, order: str, limit: int, cursor: str = "") -> None:
        """Takes the rows, the field (with `-` for descending), the size and where to go on."""
        sign, field = ("-", order[1:]) if order.startswith("-") else ("", order)
        if cursor:
            rows = rows.filter(after(rows.model, field, descending=bool(sign), place=place_of(cursor, order)))
        found = list(rows.order_by(order, f"{sign}pk")[: limit + 1])
        self.rows: Sequence[Any] = found[:limit]
        self.next_cursor = ""
        if len(found) > limit:
            last = found[limit - 1]
            self.next_cursor = cursor_of(order, getattr(last, field), last.pk)

    def next_link(self, request: Request) -> str | None:
        """Returns the address of the page after this one, or None."""
        if not self.next_cursor:
            return None
        return link_to(request, self.next_cursor)


def link_to(request: Request, cursor: str) -> str:
    """Returns the address of the same list from another place on."""
    return str(replace_query_param(request.build_absolute_uri(), "cursor", cursor))


def cursor_of(order: str, value: Any, pk: Any) -> str:
    """Returns the place of a row as text for an address."""
    place = json.dumps([order, value if isinstance(value, int | str) else value.isoformat(), str(pk)])
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str, order: str) -> tuple[Any, str]:
    """Returns (value, primary key) of a cursor made for this order; raises Invalid for anything else."""
    try:
        made_for, value, pk = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid(_("This cursor leads nowhere."), field="cursor") from error
    if made_for != order or not isinstance(value, int | str) or not isinstance(pk, str):
        raise Invalid(_("This cursor belongs to another list."), field="cursor")
    return value, pk


def after(model: type[Model], field: str, *, descending: bool, place: tuple[Any, str]) -> Q:
    """Returns the condition for rows that come after the place."""
    try:
        value = model._meta.get_field(field).clean(place[0], None)  # type: ignore[union-attr]
        pk = model._meta.pk.to_python(place[1])
    except (ValidationError, ValueError, TypeError, OverflowError) as error:
        raise Invalid(_("This cursor leads nowhere."), field="cursor") from error
    if isinstance(value, datetime) and value.tzinfo is None:
        raise Invalid(_("This cursor leads nowhere."), field="cursor")
    beyond = "lt" if descending else "gt"
    # The first condition says nothing new; it lets the index of the field begin at the right place.
    return Q(**{f"{field}__{beyond}e": value}) & (
        Q(**{f"{field}__{beyond}": value}) | Q(**{field: value, f"pk__{beyond}": pk})
    )
