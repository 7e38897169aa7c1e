"""Tags and attributes as bodies bring them; what fits, the actions say."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.fields import Strict, Text
from conversations.tags import LONGEST_TAG, MOST_TAGS
from conversations.values import LONGEST_VALUE, MOST_ATTRIBUTES

VALUE = {"type": ["string", "number", "boolean", "null"], "maxLength": LONGEST_VALUE}


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": VALUE,
        "maxProperties": MOST_ATTRIBUTES,
        "example": {"plan": "gold"},
    }
)
class Attributes(serializers.Field[Any, Any, Any, Any]):
    """Values by the keys of custom fields; null takes one away, those that are not named stay."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Returns the values."""
        if not isinstance(data, dict):
            raise serializers.ValidationError(_("Write names and values in braces."))
        if len(data) > MOST_ATTRIBUTES:
            raise serializers.ValidationError(_("At most %d attributes.") % MOST_ATTRIBUTES)
        return data


@extend_schema_field({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}})
class ShownAttributes(serializers.Field[Any, Any, Any, Any]):
    """Values by the keys of custom fields, or by names that channels and lists brought along."""

    def to_representation(self, value: Any) -> Any:
        """Returns the values."""
        return value


def tag_list(**kwargs: Any) -> serializers.ListField:
    """Returns the field of a list of tags."""
    return serializers.ListField(
        child=Text(max_length=LONGEST_TAG), max_length=MOST_TAGS, required=False, **kwargs
    )


class Tagged(Strict):
    """The tags of something: all of them, or those that come and go."""

    tags = tag_list(help_text="All of them, in this order; whoever wrote last wins, unless If-Match is sent.")
    add_tags = tag_list(help_text="Only these are added: of two who add at once nobody loses theirs.")
    remove_tags = tag_list(help_text="Only these are taken away, whatever their case.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuses both ways at once."""
        if "tags" in attrs and (also := {"add_tags", "remove_tags"} & set(attrs)):
            raise serializers.ValidationError(
                {name: _("Say either all tags, or which change.") for name in also}
            )
        return attrs
