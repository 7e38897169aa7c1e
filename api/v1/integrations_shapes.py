"""What may be said of inboxes, and what is shown of them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.fields import Count, Flag, PageQuery, Strict, TeamSlug, Text
from api.shapes import Shown, moment
from conversations import channel_settings
from conversations.enums import Light
from conversations.models import Inbox, InboxState
from conversations.models.inboxes import MOST_PER_MINUTE
from conversations.queries.health import paused_until, refused_of_late, state_of
from conversations.queries.inboxes import setup_steps, webhook_url, widget_tag
from core.reasons import said

MOST_ORIGINS = 50
CONFIG = "Settings of the channel; `GET /integrations/channels` describes them. "


@extend_schema_field({"type": "object", "additionalProperties": True})
class Settings(serializers.DictField):
    """Settings by their names; which there are, and what they take, is the channel's to say."""

    default_error_messages = {"not_a_dict": _("Send an object with settings by their names.")}


class IntegrationQuery(PageQuery):
    """Which integrations, in which order."""

    channel = serializers.CharField(required=False, max_length=24)
    team = serializers.SlugField(required=False, help_text="Short name of a team, or `none`.")
    is_active = serializers.ChoiceField(choices=("true", "false"), required=False)
    ordering = serializers.ChoiceField(choices=["id", "-id", "created_at", "-created_at"], default="id")


class Words(Strict):
    """What may be said of any integration."""

    team = TeamSlug(required=False, allow_null=True, help_text="Whose conversations begin here.")
    is_active = Flag(required=False, help_text="Off, it takes nothing in and holds what is to be sent.")
    agent_name = Text(max_length=40, required=False, allow_blank=True, help_text="What customers read.")
    title = Text(max_length=60, required=False, allow_blank=True, help_text="Of the chat widget.")
    greeting = Text(max_length=300, required=False, allow_blank=True, help_text="Of the chat widget.")
    color = Text(max_length=7, required=False, help_text="Of the chat widget: `#4f46e5`.")
    position = serializers.ChoiceField(
        choices=Inbox.Position.choices, required=False, help_text="Of the chat widget."
    )
    allowed_origins = serializers.ListField(
        child=Text(max_length=200),
        max_length=MOST_ORIGINS,
        required=False,
        help_text="Sites that may show the chat widget, such as `https://shop.example`; empty: any.",
    )
    chat_per_minute = Count(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MOST_PER_MINUTE,
        help_text="Messages that one customer may send in a chat in a minute; null: as the server says.",
    )
    identity_secret = Text(
        min_length=16,
        max_length=64,
        required=False,
        help_text="Of the chat widget: signs who your customers are. Never shown again.",
    )


class NewIntegration(Words):
    """An integration to be made."""

    channel = Text(max_length=24, help_text="One of `GET /integrations/channels`; it stays.")
    name = Text(max_length=80)
    config = Settings(required=False, help_text=f"{CONFIG}What is required must be there.")


class IntegrationChange(Words):
    """What shall be different; what is left out stays."""

    name = Text(max_length=80, required=False)
    config = Settings(
        required=False,
        help_text=f"{CONFIG}Those left out stay, secrets too; null puts the default back.",
    )


class HealthSerializer(Shown):
    """How an integration stands with its provider."""

    light = serializers.ChoiceField(choices=Light.choices)
    detail = serializers.SerializerMethodField(help_text="The last error; empty where there is none.")
    failures = serializers.IntegerField(help_text="In a row.")
    checked_at = serializers.DateTimeField(allow_null=True, help_text="When it was tested last.")
    last_received_at = serializers.DateTimeField(allow_null=True)
    last_sent_at = serializers.DateTimeField(allow_null=True)
    paused_until = serializers.SerializerMethodField(help_text="Nothing is sent until then.")
    refused_at = serializers.SerializerMethodField(
        help_text="When a webhook came, of late, that did not prove whose it is."
    )

    def get_detail(self, state: InboxState) -> str:
        """Returns the reason in the language of the request."""
        return said(state.detail)

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_paused_until(self, state: InboxState) -> Any:
        """Returns when the pause ends."""
        paused = paused_until(state)
        return moment(paused) if paused else None

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_refused_at(self, state: InboxState) -> Any:
        """Returns the time of the refusal."""
        refused = refused_of_late(state)
        return moment(refused) if refused else None


class IntegrationSerializer(Shown):
    """An inbox: one configured endpoint. Settings are null for whoever may not change them."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    channel = serializers.CharField()
    team = TeamSlug(allow_null=True)
    is_active = serializers.BooleanField()
    health = serializers.SerializerMethodField()
    key = serializers.CharField(help_text="Names it in addresses; it is no secret.")
    agent_name = serializers.CharField(help_text="May be empty.")
    title = serializers.CharField(help_text="May be empty.")
    greeting = serializers.CharField(help_text="May be empty.")
    color = serializers.CharField()
    position = serializers.ChoiceField(choices=Inbox.Position.choices)
    allowed_origins = serializers.ListField(child=serializers.CharField())
    chat_per_minute = serializers.IntegerField(allow_null=True)
    script = serializers.SerializerMethodField(help_text="For your pages; empty for all but the chat widget.")
    webhook_url = serializers.SerializerMethodField(
        help_text="For the provider; empty for the chat widget. null where settings are."
    )
    config = serializers.SerializerMethodField(help_text="Settings of the channel, but no secrets.")
    secrets_set = serializers.SerializerMethodField(help_text="Names of the secrets that are stored.")
    setup_steps = serializers.SerializerMethodField(help_text="What is left to do, in order.")
    created_at = serializers.DateTimeField()

    @extend_schema_field(HealthSerializer)
    def get_health(self, inbox: Inbox) -> dict[str, Any]:
        """Returns how it stands."""
        return HealthSerializer.told(state_of(inbox))

    def get_script(self, inbox: Inbox) -> str:
        """Returns the line of HTML."""
        return widget_tag(inbox)

    def get_webhook_url(self, inbox: Inbox) -> str | None:
        """Returns the address of our door."""
        return ("" if widget_tag(inbox) else webhook_url(inbox)) if _is_open(inbox) else None

    def get_config(self, inbox: Inbox) -> dict[str, Any] | None:
        """Returns the settings."""
        return channel_settings.shown(inbox.channel, inbox.config) if _is_open(inbox) else None

    @extend_schema_field(serializers.ListField(child=serializers.CharField(), allow_null=True))
    def get_secrets_set(self, inbox: Inbox) -> Any:
        """Returns which secrets there are."""
        return channel_settings.secrets_set(inbox.channel, inbox.config) if _is_open(inbox) else None

    @extend_schema_field(serializers.ListField(child=serializers.CharField(), allow_null=True))
    def get_setup_steps(self, inbox: Inbox) -> Any:
        """Returns the steps."""
        return setup_steps(inbox) if _is_open(inbox) else None


class ChannelSerializer(Shown):
    """A kind of integration, and what has to be said of one."""

    channel = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    sends = serializers.BooleanField(help_text="Messages are handed to a provider.")
    templates = serializers.BooleanField(help_text="The provider approves templates.")
    opens = serializers.BooleanField(help_text="Somebody who never wrote can be written to.")
    config_schema = serializers.DictField(help_text="JSON schema of `config`; a password is write-only.")


def _is_open(inbox: Inbox) -> bool:
    """Says whether whoever asks may see the settings, as `api.queries.integrations_for` found."""
    return bool(getattr(inbox, "shows_settings", False))
