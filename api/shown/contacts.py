"""Customers as they are shown."""

from rest_framework import serializers

from api.attributes import ShownAttributes
from api.shapes import Shown


class ContactFactsSerializer(Shown):
    """What is known of a customer."""

    id = serializers.UUIDField()
    name = serializers.CharField(help_text="May be empty.")
    display_name = serializers.CharField(help_text="Something to call them by; never empty.")
    email = serializers.CharField(help_text="May be empty.")
    phone = serializers.CharField(help_text="May be empty.")
    language = serializers.CharField(source="locale", help_text="May be empty.")
    timezone = serializers.CharField(help_text="May be empty.")
    tags = serializers.ListField(child=serializers.CharField())
    attributes = ShownAttributes()
    merged_into = serializers.UUIDField(
        source="merged_into_id", allow_null=True, help_text="The customer who stands for this one."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
