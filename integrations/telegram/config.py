"""What the owner of an inbox tells about the bot."""

import hashlib
import hmac
import re
from enum import StrEnum
from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import Field, SecretStr, field_validator

from conversations.channels import ChannelConfig

TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}")
# https://core.telegram.org/bots/api#setwebhook: what a secret token may consist of.
SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")
PURPOSE = b"helpdesk telegram webhook 1"


class Mode(StrEnum):
    """How updates come: Telegram calls us, or we ask."""

    WEBHOOK = "webhook"
    POLLING = "polling"


class TelegramConfig(ChannelConfig):
    """Settings of one bot."""

    sent_to: ClassVar = {"api_url": ("bot_token", "secret_token")}

    bot_token: SecretStr = Field(
        title=gettext_noop("Bot token"),
        description=gettext_noop("As @BotFather gave it: digits, a colon, letters."),
    )
    mode: Mode = Field(
        default=Mode.WEBHOOK,
        title=gettext_noop("How messages come"),
        description=gettext_noop("`polling` works without a public address; `webhook` needs one with https."),
    )
    secret_token: SecretStr = Field(
        default=SecretStr(""),
        title=gettext_noop("Secret of the webhook"),
        description=gettext_noop(
            "Leave empty: one is derived from the bot token. 16 to 256 letters, digits, _ and -."
        ),
    )
    allow_groups: bool = Field(
        default=False,
        title=gettext_noop("Answer in groups"),
        description=gettext_noop("Each group becomes one customer. Otherwise groups are ignored."),
    )
    api_url: str = Field(
        default="https://api.telegram.org",
        title=gettext_noop("Address of the Bot API"),
        description=gettext_noop("Change it only for a Bot API server of your own."),
    )

    @field_validator("bot_token")
    @classmethod
    def _is_token(cls, value: SecretStr) -> SecretStr:
        token = SecretStr(value.get_secret_value().strip())
        if not TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError(_("This is not a bot token; it looks like 123456789:AAE…"))
        return token

    @field_validator("secret_token")
    @classmethod
    def _is_secret(cls, value: SecretStr) -> SecretStr:
        secret = value.get_secret_value()
        if secret and not SECRET.fullmatch(secret):
            raise ValueError(_("Use 16 to 256 letters, digits, underscores and hyphens, or leave it empty."))
        return value

    @field_validator("api_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError(_("This is not a web address."))
        return value.rstrip("/")

    def webhook_secret(self) -> str:
        """Returns what Telegram must send with each webhook; never empty.

        Without one of the owner's it is derived from the bot token (HMAC-SHA256), so that nothing has to be
        generated, kept or copied, and whoever knows it still does not know the token.
        """
        if own := self.secret_token.get_secret_value():
            return own
        return hmac.new(self.bot_token.get_secret_value().encode(), PURPOSE, hashlib.sha256).hexdigest()

    def scrubbed(self, text: str) -> str:
        """Returns the text without the secrets: the token is part of every address of the Bot API."""
        for secret in (self.bot_token.get_secret_value(), self.webhook_secret()):
            text = text.replace(secret, "…")
        return text
