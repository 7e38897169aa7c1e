"""Custom fields: which there are, and whether values fit them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from conversations.enums import FieldEntity
from conversations.models import CustomField
from conversations.values import MOST_ATTRIBUTES, free_why_not, why_not
from core.errors import Invalid
from core.storable import storable


def custom_fields(entity: FieldEntity) -> list[CustomField]:
    """Returns the fields about something, in the order in which people see them."""
    return list(CustomField.objects.filter(entity=entity))


def merged_attributes(
    entity: FieldEntity,
    before: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    fields: Sequence[CustomField] | None = None,
) -> dict[str, Any]:
    """Returns values with those that are given set, and those given as None taken away; others stay.

    A value under a field's key must fit the field. Under any other name a customer may have texts; nothing
    else may have a value there. Raises Invalid with the path of the first that is wrong. `fields` spares
    the query where many are checked.
    """
    known = {field.key: field for field in (custom_fields(entity) if fields is None else fields)}
    found = dict(before)
    for name, value in given.items():
        if value is None:
            found.pop(name, None)
            continue
        if why := _why_not(entity, known.get(name), name, value):
            raise Invalid(why, field=f"attributes.{storable(name[:100])}")
        found[name] = value
    if len(found) > max(MOST_ATTRIBUTES, len(before)):
        raise Invalid(_("At most %d attributes.") % MOST_ATTRIBUTES, field="attributes")
    return found


def _why_not(entity: FieldEntity, field: CustomField | None, name: str, value: Any) -> str:
    if field is not None:
        return why_not(field.kind, field.choices, value)
    if entity == FieldEntity.CONTACT:
        return free_why_not(name, value)
    return _("There is no custom field of this name.")
