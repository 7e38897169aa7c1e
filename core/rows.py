"""Rows written and read without the ORM's compiler, for the few statements that every message passes.

The ORM builds each statement anew: measured 0.3 to 0.4 ms for one that PostgreSQL carries out in less. Models
stay the only place that names tables and columns; relations, choices and validation are as in any `save()`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    Field,
    ForeignKey,
    Model,
    TextField,
    UUIDField,
)
from django.db.models.expressions import DatabaseDefault

M = TypeVar("M", bound=Model)
NOTHING: frozenset[str] = frozenset()
# What the driver takes from a field as it is, and Django would hand on after a dozen calls.
PLAIN: dict[type, type] = {
    CharField: str,
    TextField: str,
    BooleanField: bool,
    UUIDField: UUID,
    DateTimeField: datetime,
}


def prepared_cursor() -> CursorWrapper:
    """Returns a cursor whose statements PostgreSQL plans once for each connection.

    Django's own writes the values into the text, which is parsed and planned anew each time. Values need a
    type that the statement tells: a bare `SELECT %s` has none.
    """
    here: Any = connections[DEFAULT_DB_ALIAS]  # the proxy would be asked each time
    here.ensure_connection()
    # Django has no public way to choose for one cursor what it chooses for a whole connection.
    made = ServerBindingCursor(here.connection)  # type: ignore[call-arg]
    cursor: CursorWrapper = here._prepare_cursor(made)  # noqa: SLF001
    return cursor


def insert(*rows: Model, updating: Model | None = None, names: tuple[str, ...] = ()) -> None:
    """Inserts rows in one statement, in any order that deferred foreign keys allow.

    The same statement writes the named fields of the row that is `updating`. What the database makes is read
    back of the last row only, where nothing is updated, and a key never. Sends no signals.
    """
    missing = [field.name for row in (rows if updating else rows[:-1]) for field in _made(row)]
    assert not missing, f"nobody would read back {missing}"  # noqa: S101 (states the contract)
    values: list[Any] = []
    parts = []
    here = connections[DEFAULT_DB_ALIAS]  # the proxy would be asked for each field
    for row in rows:
        fields = _given(row)
        values += [_written(row, field, here, adding=True) for field in fields]
        parts.append(_insert_sql(type(row), tuple(field.name for field in fields)))
    made: list[Field[Any, Any]] = []
    if updating is not None:
        values += _changed(updating, names)
        parts.append(_update_sql(type(updating), names))
    elif made := _made(rows[-1]):
        parts[-1] += " RETURNING " + ", ".join(f'"{field.column}"' for field in made)
    *before, last = parts
    named = ", ".join(f"part_{number} AS ({part})" for number, part in enumerate(before))
    with prepared_cursor() as cursor:
        cursor.execute(f"WITH {named} {last}" if named else last, values)
        for field, value in zip(made, cursor.fetchone() if made else (), strict=True):
            setattr(rows[-1], field.attname, value)
    for row in rows:
        row._state.adding, row._state.db = False, "default"  # noqa: SLF001 (as `save()` does)


def update(row: Model, *names: str) -> None:
    """Writes the named fields of one row. Sends no signals; a row that is gone is no error."""
    with prepared_cursor() as cursor:
        cursor.execute(_update_sql(type(row), names), _changed(row, names))


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on a row, which it calls `this`, with its values."""

    sql: str = "TRUE"
    values: tuple[Any, ...] = ()


def find(
    model: type[M],
    key: Any,
    *related: str,
    where: Where,
    without: frozenset[str] = NOTHING,
    locked: bool = False,
) -> M | None:
    """Returns the row with that key, or None where there is none for which `where` is true.

    `related` are the foreign keys whose rows come along, `without` names fields of those that are read when
    they are asked for, as `defer` would: `inbox__config`. `locked`: nobody else changes the row until the
    transaction ends; for a row that is not to be seen nobody waits.
    """
    sql = _find_sql(model, related, where.sql, without, locked=locked)
    with prepared_cursor() as cursor:
        cursor.execute(sql, [key, *where.values])
        found = cursor.fetchone()
    return None if found is None else _with_related(model, found, related, without)


def those(model: type[M], name: str, value: Any, *related: str, order: str) -> list[M]:
    """Returns all rows with that value in the named field, in the order of another; `related` as above."""
    with prepared_cursor() as cursor:
        cursor.execute(_those_sql(model, name, related, order), [value])
        return [_with_related(model, found, related) for found in cursor.fetchall()]


def none_belong(row: Model, relation: str) -> None:
    """Notes that no rows of a relation belong to a row, so that nobody asks for them."""
    found = getattr(row, relation).all()
    found._result_cache = []  # noqa: SLF001 (what a prefetch does that finds nothing)
    row._prefetched_objects_cache = {**getattr(row, "_prefetched_objects_cache", {}), relation: found}  # type: ignore[attr-defined]  # noqa: SLF001


def columns(model: type[Model], alias: str, without: frozenset[str] = NOTHING) -> str:
    """Returns the columns of a model for a SELECT, to be read by `from_columns`."""
    return ", ".join(f'{alias}."{field.column}"' for field in _read(model, without))


def from_columns(
    model: type[M], values: Sequence[Any], without: frozenset[str] = NOTHING
) -> tuple[M, Sequence[Any]]:
    """Returns an object from the first of the values, and the values left for others."""
    names = _attributes(model, without)
    read = list(values[: len(names)])
    for place, convert in _converters(model, without):
        read[place] = convert(read[place], None, connection)
    return model.from_db("default", names, read), values[len(names) :]


def _with_related(
    model: type[M], values: Sequence[Any], related: tuple[str, ...], without: frozenset[str] = NOTHING
) -> M:
    row, rest = from_columns(model, values)
    for field, other, left_out in _joined(model, related, without):
        joined, rest = _from_columns_or_none(other, rest, left_out)
        # What somebody made while the lock was waited for this statement does not see yet; the next one does.
        if joined is not None or getattr(row, field.attname) is None:
            field.set_cached_value(row, joined)  # type: ignore[attr-defined]
    return row


def _from_columns_or_none(
    model: type[M], values: Sequence[Any], without: frozenset[str]
) -> tuple[M | None, Sequence[Any]]:
    """The same for a row that may not be there: then all of it is NULL, its key too."""
    if values[_place_of_key(model, without)] is None:
        return None, values[len(_attributes(model, without)) :]
    return from_columns(model, values, without)


def _changed(row: Model, names: tuple[str, ...]) -> list[Any]:
    """Returns the values of the named fields and the key, as the statement below wants them."""
    fields, here = _named(type(row), names), connections[DEFAULT_DB_ALIAS]
    return [*[_written(row, field, here, adding=False) for field in fields], row.pk]


def _written(row: Model, field: "Field[Any, Any]", here: BaseDatabaseWrapper, *, adding: bool) -> Any:
    """Returns the value of a field as the driver wants it: most are so already, and nobody is asked."""
    plain = _plain(type(row)).get(field.attname)
    if plain is not None:
        value = getattr(row, field.attname)
        # A time that does not say where it is meant Django reads in the zone of the settings, and warns.
        if value is None or (isinstance(value, plain) and getattr(value, "tzinfo", value) is not None):
            return value
    return field.get_db_prep_save(field.pre_save(row, adding), here)


@cache
def _plain(model: type[Model]) -> dict[str, type]:
    """Returns of which type the value of an attribute has to be to need no more than that."""
    found = {}
    for field in model._meta.concrete_fields:
        makes_its_own = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
        of = field.target_field if isinstance(field, ForeignKey) else field
        if type(of) in PLAIN and not makes_its_own:
            found[field.attname] = PLAIN[type(of)]
    return found


@cache
def _converters(model: type[Model], without: frozenset[str]) -> list[tuple[int, Callable[..., Any]]]:
    """Returns, for the columns that the driver gives otherwise than the ORM would, how they are read."""
    fields = enumerate(_read(model, without))
    return [(place, field.from_db_value) for place, field in fields if hasattr(field, "from_db_value")]


@cache
def _read(model: type[Model], without: frozenset[str]) -> "list[Field[Any, Any]]":
    return [field for field in model._meta.concrete_fields if field.name not in without]


@cache
def _attributes(model: type[Model], without: frozenset[str]) -> list[str]:
    return [field.attname for field in _read(model, without)]


@cache
def _place_of_key(model: type[Model], without: frozenset[str]) -> int:
    return next(place for place, field in enumerate(_read(model, without)) if field.primary_key)


@cache
def _joined(
    model: type[Model], related: tuple[str, ...], without: frozenset[str]
) -> "list[tuple[Field[Any, Any], type[Model], frozenset[str]]]":
    """Returns each foreign key with the model it leads to, and what is left out of that."""
    left_out = [name.partition("__")[::2] for name in without]
    return [
        (field, field.related_model, frozenset(name for of, name in left_out if of == field.name))
        for field in _named(model, related)
        if field.related_model is not None
    ]


def _given(row: Model) -> "list[Field[Any, Any]]":
    """Returns the fields whose values the row brings along."""
    fields, made = _fields(type(row), with_key=row.pk is not None), {field.attname for field in _made(row)}
    return [field for field in fields if field.attname not in made] if made else fields


def _made(row: Model) -> "list[Field[Any, Any]]":
    """Returns the fields whose values the database makes."""
    return [
        field for field in _defaulted(type(row)) if isinstance(getattr(row, field.attname), DatabaseDefault)
    ]


@cache
def _defaulted(model: type[Model]) -> "list[Field[Any, Any]]":
    return [field for field in model._meta.concrete_fields if field.has_db_default()]


@cache
def _fields(model: type[Model], *, with_key: bool) -> "list[Field[Any, Any]]":
    return [field for field in model._meta.concrete_fields if with_key or not field.primary_key]


@cache
def _named(model: type[Model], names: tuple[str, ...]) -> "list[Field[Any, Any]]":
    return [field for name in names if isinstance(field := model._meta.get_field(name), Field)]


@cache
def _insert_sql(model: type[Model], names: tuple[str, ...]) -> str:
    places = ", ".join(["%s"] * len(names))
    named = ", ".join(f'"{field.column}"' for field in _named(model, names))
    return f'INSERT INTO "{model._meta.db_table}" ({named}) VALUES ({places})'  # noqa: S608 (names of ours)


@cache
def _update_sql(model: type[Model], names: tuple[str, ...]) -> str:
    meta = model._meta
    settings = ", ".join(f'"{field.column}" = %s' for field in _named(model, names))
    return f'UPDATE "{meta.db_table}" SET {settings} WHERE "{meta.pk.column}" = %s'  # noqa: S608 (names of ours)


@cache
def _find_sql(
    model: type[Model], related: tuple[str, ...], where: str, without: frozenset[str], *, locked: bool
) -> str:
    # Locked before it is joined: whoever waits for the lock gets what belongs to the row as it is then.
    key, lock = model._meta.pk.column, "FOR UPDATE OF this" if locked else ""
    one = f'SELECT this.* FROM "{model._meta.db_table}" this WHERE this."{key}" = %s AND ({where}) {lock}'  # noqa: S608 (names of ours)
    return _select(model, related, without, f"({one})")


@cache
def _those_sql(model: type[Model], name: str, related: tuple[str, ...], order: str) -> str:
    (field,), (by,) = _named(model, (name,)), _named(model, (order,))
    every = _select(model, related, NOTHING, f'"{model._meta.db_table}"')
    return f'{every} WHERE this."{field.column}" = %s ORDER BY this."{by.column}"'


def _select(model: type[Model], related: tuple[str, ...], without: frozenset[str], source: str) -> str:
    """Returns a SELECT of a model from its table or some of its rows, as `this`, with its related rows."""
    wanted, joins = [columns(model, "this")], []
    for number, (field, other, left_out) in enumerate(_joined(model, related, without)):
        alias = f"other_{number}"
        wanted.append(columns(other, alias, left_out))
        met = f'{alias}."{other._meta.pk.column}" = this."{field.column}"'
        joins.append(f'LEFT JOIN "{other._meta.db_table}" {alias} ON {met}')
    return f"SELECT {', '.join(wanted)} FROM {source} this {' '.join(joins)}"  # noqa: S608 (names of ours)
