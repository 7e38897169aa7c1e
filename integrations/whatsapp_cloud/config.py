"""What one business phone number needs to be reached and believed."""

from typing import ClassVar

from django.utils.translation import gettext_noop as _
from pydantic import Field, SecretStr, field_validator

from conversations.channels import ChannelConfig

API_URL = "https://graph.facebook.com/v25.0"


class WhatsAppConfig(ChannelConfig):
    """Ids and secrets as Meta's pages name them; titles are translated where they are shown."""

    sent_to: ClassVar = {"api_url": ("access_token",)}

    phone_number_id: str = Field(
        pattern=r"^\d{1,40}$",
        title=_("Phone number ID"),
        description=_("Meta for Developers > your app > WhatsApp > API setup. Not the number itself."),
    )
    business_account_id: str = Field(
        pattern=r"^\d{1,40}$",
        title=_("WhatsApp Business Account ID"),
        description=_("On the same page, below the phone number ID."),
    )
    access_token: SecretStr = Field(
        min_length=1,
        title=_("Access token"),
        description=_("A permanent token of a system user with both WhatsApp permissions."),
    )
    app_secret: SecretStr = Field(
        min_length=1,
        title=_("App secret"),
        description=_("Your app > App settings > Basic. Signs every webhook."),
    )
    verify_token: SecretStr = Field(
        min_length=1,
        title=_("Verify token"),
        description=_("Any word of your choice; the same one goes into Meta's webhook form."),
    )
    api_url: str = Field(
        default=API_URL,
        pattern=r"^https?://",
        title=_("Address of the Graph API"),
        description=_("With its version. Leave it as it is unless Meta retires that version."),
    )

    @field_validator("api_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")
