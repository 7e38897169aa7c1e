"""Fields of campaigns: who it is for, and what is filled into its words."""

import re
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.fields import Id, Strict, Text
from api.queries import contacts_for
from campaigns.people import MOST_VALUES, Named, is_taken, value_names
from campaigns.segments import read_segment
from conversations.models import Contact, Inbox, MessageTemplate
from core.errors import Invalid

AT_ONCE = 1_000
# A place in a text can have no other name.
_VALUE_NAME = re.compile(r"\w[\w .-]{0,59}")


@extend_schema_field({"$ref": "#/components/schemas/Segment"})
class SegmentField(serializers.Field[Any, Any, Any, Any]):
    """Rules about customers, as `campaigns.segments` has them."""

    default_error_messages = {"invalid": gettext_lazy("These are no rules.")}

    def to_internal_value(self, data: Any) -> Any:
        """Returns the rules as they are stored."""
        if not isinstance(data, dict):
            self.fail("invalid")
        try:
            return read_segment(data).model_dump(mode="json")
        except Invalid as error:
            raise serializers.ValidationError(error.detail) from error

    def to_representation(self, value: Any) -> Any:
        """Returns the rules, told in full."""
        return read_segment(value).model_dump(mode="json")


class Values(serializers.DictField):
    """Texts by name."""

    child = Text(max_length=1_000, allow_blank=True)
    default_error_messages = {
        "name": gettext_lazy("A value is named by letters, digits, spaces and _ . -, at most 60 of them."),
        "many": gettext_lazy("That are too many values."),
    }

    def to_internal_value(self, data: Any) -> Any:
        """Returns the values."""
        if isinstance(data, dict):
            if len(data) > MOST_VALUES:
                self.fail("many")
            if not all(isinstance(name, str) and _VALUE_NAME.fullmatch(name) for name in data):
                self.fail("name")
        return super().to_internal_value(data)


class TemplateName(Strict):
    """A template of the inbox as the provider knows it."""

    name = Text(max_length=512)
    language = Text(
        max_length=16, required=False, help_text="Such as `pt_BR`; needed where there are several."
    )


def template_named(inbox: Inbox, wanted: dict[str, str]) -> MessageTemplate:
    """Returns the template of that name; a ValidationError where there is none, or more than one."""
    rows = MessageTemplate.objects.filter(inbox=inbox, name=wanted["name"])
    if "language" in wanted:
        rows = rows.filter(language=wanted["language"])
    found = list(rows[:2])
    if not found:
        raise serializers.ValidationError({"template": [_("This inbox has no such template.")]})
    if len(found) > 1:
        raise serializers.ValidationError({"template": {"language": [_("Say in which language.")]}})
    return found[0]


class NamedPerson(Strict):
    """Somebody at an address of the inbox's channel."""

    address = Text(max_length=254, help_text="A telephone number with its country, an e-mail address …")
    name = Text(max_length=120, required=False, allow_blank=True)
    language = Text(max_length=12, required=False, allow_blank=True, help_text="Such as `pt-BR`.")
    timezone = Text(max_length=64, required=False, allow_blank=True, help_text="Such as `America/Sao_Paulo`.")
    values = Values(required=False, help_text="For the places of the text, by their names.")

    def validate_values(self, values: dict[str, str]) -> dict[str, str]:
        """Refuses names that a list would take for something else."""
        for name in values:
            if is_taken(name):
                raise serializers.ValidationError(_("A value cannot be called %s.") % name)
        return values

    def to_internal_value(self, data: Any) -> Named:
        """Returns the person."""
        return Named(**super().to_internal_value(data))


class People(serializers.ListField):
    """Up to a thousand people."""

    child = NamedPerson()

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        super().__init__(min_length=1, max_length=AT_ONCE, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """Returns the people."""
        people = super().to_internal_value(data)
        if len(value_names(people)) > MOST_VALUES:
            raise serializers.ValidationError(_("At most %d different values.") % MOST_VALUES)
        return people


class ContactIds(serializers.ListField):
    """Up to a thousand customers that the actor may see, by their ids."""

    child = Id()
    default_error_messages = {"missing": gettext_lazy("There is no such customer, or you may not see them.")}

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        super().__init__(min_length=1, max_length=AT_ONCE, **kwargs)

    def to_internal_value(self, data: Any) -> list[Contact]:
        """Returns the customers, each once."""
        ids = super().to_internal_value(data)
        found = {one.pk: one for one in contacts_for(self.context["actor"]).filter(pk__in=ids)}
        missing = [number for number, pk in enumerate(ids) if pk not in found]
        if missing:
            message = serializers.ErrorDetail(str(self.error_messages["missing"]), code="missing")
            raise serializers.ValidationError({str(number): [message] for number in missing[:10]})
        return list(found.values())
