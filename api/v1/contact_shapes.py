"""Customers as they come and go: bodies, queries, shapes."""

from typing import Any

from rest_framework import serializers

from api.attributes import Attributes, Tagged, tag_list
from api.bulk import Rows
from api.fields import LARGEST_ID, Count, InboxId, Moment, PageQuery, SeenContactId, Strict, Text
from api.shapes import Shown
from api.shown.common import InboxSerializer
from api.shown.contacts import ContactFactsSerializer
from campaigns.enums import ConsentSource, ConsentState
from conversations.actions import Known
from conversations.actions.contacts import LENGTHS
from conversations.actions.knowing import LONGEST_ID

AT_ONCE = 1_000
FEWEST_SIGNS = 3


class ContactQuery(PageQuery):
    """Which customers, in which order."""

    q = Text(
        required=False,
        min_length=FEWEST_SIGNS,
        max_length=100,
        help_text="Part of the name, the e-mail address or the telephone number.",
    )
    email = Text(required=False, max_length=254, help_text="Whatever its case.")
    phone = Text(required=False, max_length=32, help_text="However it is written.")
    inbox = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    external_id = Text(required=False, max_length=LONGEST_ID, help_text="As an inbox knows them.")
    tag = Text(required=False, max_length=40)
    created_since = Moment(required=False)
    updated_since = Moment(required=False)
    ordering = serializers.ChoiceField(
        choices=["-created_at", "created_at", "-updated_at", "updated_at"], default="-created_at"
    )


class NewIdentity(Strict):
    """An id under which an inbox knows somebody."""

    inbox = InboxId()
    external_id = Text(
        max_length=LONGEST_ID,
        help_text="The address, where the channel has addresses; else the id that its program uses.",
    )

    def to_internal_value(self, data: Any) -> Known:
        """Returns the id."""
        return Known(**super().to_internal_value(data))


class ContactFields(Strict):
    """What is known of a customer; what is left out stays."""

    name = Text(required=False, allow_blank=True, max_length=LENGTHS["name"])
    email = Text(required=False, allow_blank=True, max_length=LENGTHS["email"])
    phone = Text(required=False, allow_blank=True, max_length=LENGTHS["phone"])
    language = Text(
        required=False,
        allow_blank=True,
        max_length=LENGTHS["locale"],
        source="locale",
        help_text="Such as `pt-BR`.",
    )
    timezone = Text(
        required=False,
        allow_blank=True,
        max_length=LENGTHS["timezone"],
        help_text="Such as `America/Sao_Paulo`.",
    )
    attributes = Attributes(required=False)


class NewContact(ContactFields):
    """A customer to be written down."""

    tags = tag_list()
    identities = serializers.ListField(
        child=NewIdentity(),
        required=False,
        max_length=20,
        help_text="Needed for keys and people of single teams: by these they see the customer.",
    )


class ContactChange(ContactFields, Tagged):
    """What shall be different."""


class BulkContact(ContactFields):
    """A customer, named by `inbox` and `external_id`, else by `email`."""

    inbox = Count(required=False, min_value=1, max_value=LARGEST_ID)
    external_id = Text(required=False, max_length=LONGEST_ID)
    tags = tag_list(help_text="Are added.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Wants both parts of a name or none."""
        if ("inbox" in attrs) != ("external_id" in attrs):
            missing = "external_id" if "inbox" in attrs else "inbox"
            raise serializers.ValidationError({missing: self.fields[missing].error_messages["required"]})
        return attrs


class BulkContacts(Strict):
    """Customers to be made or brought up to date."""

    contacts = Rows(child=BulkContact(), max_length=AT_ONCE)


class Merging(Strict):
    """Who else this customer is."""

    other = SeenContactId(help_text="Id of the customer whose conversations and ids go over.")


class NewConsent(Strict):
    """What somebody said of messages through a channel."""

    channel = Text(max_length=24, help_text="Such as `whatsapp_cloud`.")
    state = serializers.ChoiceField(choices=ConsentState.choices)


class NewConsents(Strict):
    """What somebody said; channels that are not named stay as they are."""

    consents = serializers.ListField(child=NewConsent(), min_length=1, max_length=20)


class IdentitySerializer(Shown):
    """By which id an inbox knows a customer."""

    id = serializers.IntegerField()
    inbox = InboxSerializer()
    external_id = serializers.CharField()
    verified = serializers.BooleanField(source="is_verified", help_text="They have proven to be it.")
    unreachable_since = serializers.DateTimeField(
        allow_null=True, help_text="Since when the provider says that nothing reaches it."
    )


class ContactWholeSerializer(ContactFactsSerializer):
    """A customer with the ids by which those inboxes know them that you may see."""

    identities = IdentitySerializer(source="known_as", many=True)


class ConsentSerializer(Shown):
    """What a customer last said of messages through a channel."""

    channel = serializers.CharField()
    state = serializers.ChoiceField(choices=ConsentState.choices, allow_null=True, help_text="null: nothing.")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=ConsentSource.choices, allow_null=True, help_text="How we know."
    )
    changed_at = serializers.DateTimeField(allow_null=True)


class ConsentsSerializer(Shown):
    """A customer's word for each channel in which they are known."""

    consents = ConsentSerializer(many=True)
