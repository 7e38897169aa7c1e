"""What goes out: whole, as chosen fields, or with more than usual about what belongs to it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.fields import SkipField

from core.errors import Invalid

# Of one parameter; no shape has more.
MOST_NAMES = 50
# Ready shapes; callers choose among many combinations of fields, a program among few.
MOST_READY = 500
AnyField = serializers.Field[Any, Any, Any, Any]
Way = tuple[str, AnyField, Callable[[Any], Any], Callable[[Any], Any]]
Names = frozenset[str]
NONE: Names = frozenset()
Fields = dict[str, AnyField]


class Shown(serializers.Serializer[Any]):
    """Something that is only ever sent.

    `expandable` names the fields that show something else in short, and the shape in which it can be had
    instead. The context may hold the names of the only `fields` to show, and of those to `expand`; both are
    about the outermost shape.
    """

    expandable: ClassVar[dict[str, "type[Shown]"]] = {}

    @classmethod
    def told(cls, shown: Any, *, fields: Names = NONE, expand: Names = NONE) -> dict[str, Any]:
        """Returns how one thing goes out: what `data` would, by a shape that was made before."""
        return _ready(cls, fields, expand).to_representation(shown)

    def get_fields(self) -> Fields:
        """Returns the fields that were asked for, with times in UTC wherever the server stands."""
        fields = super().get_fields()
        for field in fields.values():
            if isinstance(field, serializers.DateTimeField):
                field.timezone = UTC
        if not self._is_outermost():
            return fields
        for name in self.context.get("expand", ()):
            short = fields[name]
            many = isinstance(short, serializers.ListSerializer)
            whole = self.expandable[name]
            fields[name] = whole(source=short.source, allow_null=short.allow_null, many=many)
        chosen = self.context.get("fields")
        return {name: fields[name] for name in fields if name in chosen} if chosen else fields

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Returns what DRF's would; it asks less of each field, of which a page has hundreds."""
        if isinstance(instance, Mapping) or not self._is_plain:
            return super().to_representation(instance)
        shown: dict[str, Any] = {}
        for name, field, get, show in self._ways:
            try:
                value = get(instance)
                if callable(value):
                    value = field.get_attribute(instance)
            except AttributeError:
                # What is missing is the field's own business.
                try:
                    value = field.get_attribute(instance)
                except SkipField:
                    continue
            shown[name] = None if value is None else show(value)
        return shown

    @cached_property
    def _is_plain(self) -> bool:
        """Whether no field reads its value in a way of its own."""
        own = serializers.Field.get_attribute
        return all(type(field).get_attribute is own for field in self.fields.values())

    @cached_property
    def _ways(self) -> list[Way]:
        """Each field with what takes its value from an object, and what shows that."""
        return [
            (name, field, _getter(field.source_attrs), _shower(field)) for name, field in self.fields.items()
        ]

    def chosen(self, whole: dict[str, Any]) -> dict[str, Any]:
        """Returns the part that was asked for of what a shape has put together by itself."""
        return {name: value for name, value in whole.items() if name in self._names}

    @cached_property
    def _names(self) -> Names:
        return frozenset(map(str, self.fields))

    def _is_outermost(self) -> bool:
        parent: Any = self.parent
        return parent is None or (isinstance(parent, serializers.ListSerializer) and parent.parent is None)


@lru_cache(MOST_READY)
def _ready(shape: type[Shown], fields: Names, expand: Names) -> Shown:
    """Returns a shape with its fields; DRF copies them for each answer, which took longer than their use."""
    return shape(context={"fields": fields, "expand": expand})


def _getter(path: list[str]) -> Callable[[Any], Any]:
    """Returns what reads the value at the end of a path of attributes; of none, the object itself."""
    return attrgetter(".".join(path)) if path else lambda whole: whole


def _shower(field: AnyField) -> Callable[[Any], Any]:
    return moment if type(field) is serializers.DateTimeField else field.to_representation


def moment(value: datetime) -> str:
    """Returns a time in UTC, where all are already: DRF looks up for each into which zone it has to go."""
    return value.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def wanted_of(shape: type[Shown], query: dict[str, Any]) -> dict[str, Names]:
    """Returns which fields of a shape a query asks for; raises Invalid for one that there is not."""
    shown = shape._declared_fields  # noqa: SLF001 (Serializer has no public name for them)
    return {
        "fields": _names(query, "fields", shown),
        "expand": _names(query, "expand", shape.expandable),
    }


def _names(query: dict[str, Any], parameter: str, known: Iterable[str]) -> Names:
    named = query[parameter].split(",") if parameter in query else []
    if len(named) > MOST_NAMES:
        raise Invalid(_("Name at most %d fields.") % MOST_NAMES, field=parameter)
    names = frozenset(named)
    if unknown := names.difference(known):
        detail = _("There is no such field: %s.") % ", ".join(sorted(unknown))[:100]
        raise Invalid(detail, field=parameter)
    return names
