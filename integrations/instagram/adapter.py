"""Instagram as a channel.

https://developers.facebook.com/docs/instagram-platform
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field, SecretStr

from conversations.channels import Capabilities, Repeat, SendRefused
from conversations.exchange import Check, Outgoing, Sent
from core.reasons import reason
from integrations.meta.adapter import MetaAdapter, other_account
from integrations.meta.config import ID, NO_ID, MetaConfig
from integrations.meta.graph import graph
from integrations.meta.values import text

INSTAGRAM = "https://graph.instagram.com/v25.0"
IMAGE_LIMIT = 8 * 1024 * 1024


class InstagramConfig(MetaConfig):
    """A professional account, reached directly or through the page that it is linked with."""

    account_id: str = Field(
        title=gettext_noop("Account id"),
        description=gettext_noop("The number that begins with 17841, not the name."),
        pattern=ID,
    )
    page_id: str = Field(
        default="",
        title=gettext_noop("Page id"),
        description=gettext_noop("Only for a token of the linked page; leave it empty for Instagram Login."),
        pattern=NO_ID,
    )
    meta_app_secret: SecretStr = Field(
        default=SecretStr(""),
        title=gettext_noop("Second app secret"),
        description=gettext_noop("An app has one for Instagram and one for Meta; either may sign webhooks."),
    )

    @property
    def account(self) -> str:
        """The account, however it is reached."""
        return self.account_id

    @property
    def node(self) -> str:
        """The page, where there is one."""
        return self.page_id or self.account_id

    @property
    def base_url(self) -> str:
        """Instagram Login has an API of its own."""
        return super().base_url if self.page_id or self.api_url else INSTAGRAM

    @property
    def proves(self) -> bool:
        """Instagram's own API knows no proof."""
        return bool(self.page_id)


class InstagramAdapter(MetaAdapter):
    """Texts, quick replies, pictures, video and sound. Files are fetched from us by their address."""

    label = gettext_lazy("Instagram")
    config = InstagramConfig
    kind = "instagram"
    fields = (
        *("messages", "messaging_postbacks", "messaging_seen", "message_reactions"),
        *("messaging_referral", "standby"),
    )
    profile_fields = "name,username"
    capabilities = Capabilities(
        text_limit=1000,
        text_bytes=True,
        per_second=10.0,
        window=timedelta(hours=24),
        file_types=("image/", "video/", "audio/", "application/pdf"),
        file_limit=25 * 1024 * 1024,
        receipts=True,
        quotes=True,
        marks_read=True,
        repeat=Repeat.ECHO,
    )

    def secrets(self, config: Any) -> Iterable[str]:
        """Two: Meta's dashboard shows them on different pages, and not which of them signs."""
        return (*super().secrets(config), config.meta_app_secret.get_secret_value())

    def setup_steps(self, *, key: str, public_url: str) -> Sequence[str]:
        """From the app to the first message."""
        return [
            _("In the Instagram app, make the account a professional one, and allow access to its messages."),
            _("On developers.facebook.com, make an app with the use case “Manage messages on Instagram”."),
            _("Add the account there, make a token, and copy id, token and app secret here."),
            _("Make up a verify token and save this inbox."),
            _("As the webhook's address, give the app %(url)s and the same verify token.")
            % {"url": self.setup_text(key=key, public_url=public_url)},
            _("Press “Connect” here, then publish the app: before, Instagram sends nothing."),
            _("Write to the account; until Meta has reviewed the app, from one with a role in it."),
        ]

    def send_file(self, outgoing: Outgoing, config: Any) -> Sent:
        """Lets Instagram fetch the file; says at once what it would refuse."""
        file = outgoing.files[0]
        if not file.content_type.startswith(self.capabilities.file_types):
            raise SendRefused(reason("Instagram takes pictures, video, sound and PDF files only."))
        # Pictures have a limit of their own, smaller than the channel's.
        if file.content_type.startswith("image/") and file.size > IMAGE_LIMIT:
            raise SendRefused(reason("Instagram takes pictures of at most 8 MB."))
        return super().send_file(outgoing, config)

    def test(self, config: Any) -> Check:
        """Asks whose token it is, and whether the account's messages come.

        Instagram Login shows two ids of an account; webhooks carry `user_id`.
        """
        if config.page_id:
            found = text(graph("GET", config, config.account_id, query={"fields": "id,username"}).get("id"))
        else:
            found = text(graph("GET", config, "me", query={"fields": "user_id,username"}).get("user_id"))
        return (
            self.subscribed(config) if found == config.account_id else other_account(found, config.account_id)
        )

    def connect(self, config: Any, *, url: str, secret: str) -> Check:
        """Subscribes to the account, or to the linked page, whose fields have other names."""
        if not config.page_id:
            return super().connect(config, url=url, secret=secret)
        graph("POST", config, f"{config.page_id}/subscribed_apps", query={"subscribed_fields": "messages"})
        return self.test(config)
