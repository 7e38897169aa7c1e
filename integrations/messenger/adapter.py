"""Messenger as a channel.

https://developers.facebook.com/docs/messenger-platform
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field

from conversations.channels import Capabilities, Repeat
from conversations.exchange import Check, Outgoing, Sent
from integrations.meta import sending
from integrations.meta.adapter import MetaAdapter, other_account
from integrations.meta.config import ID, NO_ID, MetaConfig
from integrations.meta.events import MARK
from integrations.meta.graph import graph
from integrations.meta.sending import Body
from integrations.meta.values import text


class MessengerConfig(MetaConfig):
    """A page, and the app that speaks for it."""

    page_id: str = Field(
        title=gettext_noop("Page id"),
        description=gettext_noop("The number of the page, as its “About” shows it."),
        pattern=ID,
    )
    app_id: str = Field(
        default="",
        title=gettext_noop("App id"),
        description=gettext_noop("With it, connecting tells Meta the webhook's address as well."),
        pattern=NO_ID,
    )

    @property
    def account(self) -> str:
        """The page."""
        return self.page_id


class MessengerAdapter(MetaAdapter):
    """Texts, quick replies and files; our key comes back in echoes, so that nothing is sent twice."""

    label = gettext_lazy("Messenger")
    config = MessengerConfig
    kind = "page"
    fields = (
        *("messages", "messaging_postbacks", "message_deliveries", "message_reads", "message_echoes"),
        *("message_edits", "message_reactions", "messaging_referrals", "standby"),
    )
    profile_fields = "name"
    capabilities = Capabilities(
        text_limit=2000,
        per_second=40.0,
        window=timedelta(hours=24),
        file_limit=25 * 1024 * 1024,
        receipts=True,
        quotes=True,
        marks_read=True,
        repeat=Repeat.CALLBACK,
    )

    def setup_steps(self, *, key: str, public_url: str) -> Sequence[str]:
        """From the app to the first message."""
        return [
            _("On developers.facebook.com, make an app with the use case for Messenger."),
            _("Connect your page to the app and make a token for it; copy the page's id and the token here."),
            _("Copy the app's secret from its basic settings, and make up a verify token; save this inbox."),
            _("As the webhook's address, give the app %(url)s and the same verify token.")
            % {"url": self.setup_text(key=key, public_url=public_url)},
            _("Press “Connect” here: the page then sends its messages to the app."),
            _("Write to the page; until Meta has reviewed the app, from an account with a role in it."),
        ]

    def send_file(self, outgoing: Outgoing, config: Any) -> Sent:
        """Sends the bytes along: Meta need not reach this machine, and there is no address to guess."""
        file = outgoing.files[0]
        attachment = {"type": sending.file_kind(file), "payload": {"is_reusable": False}}
        message = self.marked({"attachment": attachment}, outgoing)
        return sending.send(config, outgoing, message, upload=file)

    def marked(self, message: Body, outgoing: Outgoing) -> Body:
        """Puts our key where an echo returns it."""
        return {**message, "metadata": f"{MARK}{outgoing.key}"}

    def test(self, config: Any) -> Check:
        """Asks whose token it is, and whether the page's messages come."""
        page = text(graph("GET", config, "me", query={"fields": "id,name"}).get("id"))
        return self.subscribed(config) if page == config.page_id else other_account(page, config.page_id)

    def connect(self, config: Any, *, url: str, secret: str) -> Check:
        """Tells the app our address, where the app's id is known, and subscribes it to the page.

        https://developers.facebook.com/docs/graph-api/reference/app/subscriptions
        """
        # An app speaks for itself with a token made of its id and secret.
        if config.app_id:
            graph(
                "POST",
                config,
                f"{config.app_id}/subscriptions",
                payload={
                    "object": self.kind,
                    "callback_url": url,
                    "verify_token": config.verify_token.get_secret_value(),
                    "fields": ",".join(self.fields),
                },
                token=f"{config.app_id}|{config.app_secret.get_secret_value()}",
            )
        return super().connect(config, url=url, secret=secret)
