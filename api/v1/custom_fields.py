"""Custom fields: list, define, read, change, take away."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.fields import Count, PageQuery, Strict, Text
from api.queries import narrowed
from api.routes import both
from api.shapes import Shown
from conversations.actions import create_field, delete_field, edit_field
from conversations.actions.fields import LAST_POSITION, LONGEST_LABEL, MOST_CHOICES
from conversations.enums import FieldEntity, FieldKind
from conversations.models import CustomField
from conversations.models.fields import KEY, LONGEST_CHOICE
from core.errors import NotFound


class FieldQuery(PageQuery):
    """Which fields, in which order."""

    entity = serializers.ChoiceField(choices=FieldEntity.choices, required=False)
    ordering = serializers.ChoiceField(choices=["position", "-created_at", "created_at"], default="position")


class FieldChange(Strict):
    """What shall be different; key and kind stay, since values hang on them."""

    label = Text(  # type: ignore[assignment]
        max_length=LONGEST_LABEL, required=False, help_text="Left out, the key."
    )
    choices = serializers.ListField(
        child=Text(max_length=LONGEST_CHOICE),
        required=False,
        max_length=MOST_CHOICES,
        help_text="Of a field of kind `choice`, and only there.",
    )
    position = Count(required=False, min_value=0, max_value=LAST_POSITION, help_text="Lower comes first.")


class NewField(FieldChange):
    """A field to be defined."""

    entity = serializers.ChoiceField(choices=FieldEntity.choices)
    key = serializers.RegexField(KEY, max_length=40, help_text="How `attributes` name it.")
    kind = serializers.ChoiceField(choices=FieldKind.choices)


class FieldSerializer(Shown):
    """A custom field; its values stand in the `attributes` of what it is about, by its key."""

    id = serializers.IntegerField()
    entity = serializers.ChoiceField(choices=FieldEntity.choices)
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.ChoiceField(choices=FieldKind.choices)
    choices = serializers.ListField(child=serializers.CharField())
    position = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class CustomFields(ApiViewSet):
    """What the team notes beyond our own fields. Everybody reads them, administrators define them."""

    queries: ClassVar = {"list": FieldQuery}
    admin_actions: ClassVar = frozenset({"create", "partial_update", "destroy"})
    conflicts: ClassVar = frozenset({"create"})

    @extend_schema(summary="List custom fields", responses=FieldSerializer(many=True))
    def list(self, request: Request) -> Response:
        """All of them, or those about customers, conversations or tickets."""
        del request
        rows = narrowed(CustomField.objects.all(), self.query, {"entity": "entity"}, actor=self.actor)
        return self.page(rows, FieldSerializer)

    @extend_schema(summary="Define a custom field", request=NewField, responses={201: FieldSerializer})
    def create(self, request: Request) -> Response:
        """Defines a field. Values that stand under its key already stay as they are."""
        del request
        return self.show(create_field(by=self.actor, **self.body(NewField)), FieldSerializer, status=201)

    @extend_schema(
        operation_id="custom_fields_read", summary="Read a custom field", responses=FieldSerializer
    )
    def retrieve(self, request: Request, field_id: int) -> Response:
        """One field."""
        del request
        return self.show(_field(field_id), FieldSerializer)

    @extend_schema(
        operation_id="custom_fields_change",
        summary="Change a custom field",
        request=FieldChange,
        responses=FieldSerializer,
    )
    def partial_update(self, request: Request, field_id: int) -> Response:
        """Changes how it is called and what can be chosen. Values that can no longer be chosen stay."""
        del request
        wanted = self.body(FieldChange)
        row = edit_field(field=_field(field_id), by=self.actor, expected=self.expected, **wanted)
        return self.show(row, FieldSerializer)

    @extend_schema(
        operation_id="custom_fields_delete", summary="Take a custom field away", responses={204: None}
    )
    def destroy(self, request: Request, field_id: int) -> Response:
        """Takes the field away. Its values stay, and come back with a field of the same key."""
        del request
        delete_field(field=_field(field_id), by=self.actor, expected=self.expected)
        return Response(status=204)


def _field(pk: int) -> CustomField:
    found = CustomField.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


ONE = "custom-fields/<int:field_id>"
addresses = [
    *both("custom-fields", CustomFields.as_view({"get": "list", "post": "create"}), "custom-fields"),
    *both(
        ONE,
        CustomFields.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        "custom-field",
    ),
]
