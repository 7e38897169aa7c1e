"""Values of custom fields as panels show them."""

from collections.abc import Mapping
from typing import Any

from conversations.enums import FieldEntity
from conversations.queries.fields import custom_fields


def field_frames(entity: FieldEntity, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns each field with its value, or None; then what stands under names that no field has."""
    fields = custom_fields(entity)
    named = [
        {
            "key": field.key,
            "label": field.label,
            "kind": field.kind,
            "choices": field.choices,
            "value": values.get(field.key),
        }
        for field in fields
    ]
    others = sorted(set(values) - {field.key for field in fields})
    # What no field has can be read here; it is changed on the customer's page.
    return [
        *named,
        *({"key": key, "label": key, "kind": "", "choices": [], "value": values[key]} for key in others),
    ]
