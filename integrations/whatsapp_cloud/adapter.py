"""WhatsApp Cloud API as a channel."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.adapters import BaseAdapter
from conversations.channels import Capabilities, Repeat
from conversations.exchange import Check, File, Media, Outgoing, Parsed, Sender, Sent, Template, Webhook
from conversations.numbers import other_way
from integrations.meta import signature
from integrations.whatsapp_cloud import account, parsing, people, sending
from integrations.whatsapp_cloud.config import WhatsAppConfig


class WhatsAppCloudAdapter(BaseAdapter):
    """One business phone number. Free text for 24 hours after the customer's last message, then templates."""

    label = gettext_lazy("WhatsApp (Cloud API)")
    capabilities = Capabilities(
        text_limit=sending.TEXT_LIMIT,
        per_second=80.0,
        window=timedelta(hours=24),
        templates=True,
        file_limit=sending.DOCUMENT_LIMIT,
        captions=True,
        caption_limit=sending.CAPTION_LIMIT,
        receipts=True,
        marks_read=True,
        quotes=True,
        opens=True,
        unwanted=frozenset({"131050"}),
        repeat=Repeat.CALLBACK,
    )
    config = WhatsAppConfig

    def setup_steps(self, *, key: str, public_url: str) -> Sequence[str]:
        """From the app at Meta to the first message."""
        address = self.setup_text(key=key, public_url=public_url)
        return [
            _("At developers.facebook.com create an app of the type Business and add WhatsApp to it."),
            _("Under WhatsApp > API setup copy the phone number ID and the WhatsApp Business Account ID."),
            _(
                "In the Business settings create a system user with full control of the app and the account, "
                "and a token for it that never expires, with whatsapp_business_messaging and "
                "whatsapp_business_management."
            ),
            _("Copy the app secret from App settings > Basic, invent a verify token, and save the inbox."),
            _(
                "Under WhatsApp > Configuration set the callback URL to %s with the same verify token, and "
                "subscribe to messages, user_preferences, account_update, account_alerts, "
                "phone_number_quality_update and message_template_status_update."
            )
            % address,
            _("Press Connect here, then write to the number from a phone."),
        ]

    def handshake(self, webhook: Webhook, config: WhatsAppConfig) -> str | None:
        """Returns the challenge to whoever knows the verify token."""
        return signature.challenge(webhook, config.verify_token.get_secret_value())

    def verify(self, webhook: Webhook, config: WhatsAppConfig) -> None:
        """Checks Meta's signature of the raw bytes, made with the app secret."""
        signature.verify(webhook, config.app_secret.get_secret_value())

    def for_any_account(self, config: WhatsAppConfig) -> WhatsAppConfig:
        """Of no number, and so of all."""
        return config.model_copy(update={"phone_number_id": "", "business_account_id": ""})

    def parse(self, webhook: Webhook, config: WhatsAppConfig) -> Iterable[Parsed]:
        """Reads every message and status for this number."""
        return parsing.items(webhook.body, config)

    def send(self, outgoing: Outgoing, config: WhatsAppConfig) -> Sent:
        """Sends one text, file, set of buttons or template."""
        return sending.send(outgoing, config)

    def mark_read(
        self, external_ids: Sequence[str], config: WhatsAppConfig, *, to: str, typing: bool = False
    ) -> None:
        """Shows the customer the blue ticks, and on wish that somebody is writing. Raises as `send`."""
        del to
        sending.read_receipt(external_ids[-1], config, typing=typing)

    def fetch(self, file: File, config: WhatsAppConfig, *, max_bytes: int) -> Media:
        """Fetches by media id."""
        return account.fetch(file, config, max_bytes=max_bytes)

    def test(self, config: WhatsAppConfig) -> Check:
        """Asks for the number and its subscription."""
        return account.check(config)

    def connect(self, config: WhatsAppConfig, *, url: str, secret: str) -> Check:
        """Subscribes the app and sets our address for this number; Meta's secret is the app's own."""
        del secret
        return account.connect(config, url=url)

    def recipient(self, address: str, config: WhatsAppConfig) -> Sender | None:
        """Whoever has a number with its country, such as +55 11 98765-4321, or an id that WhatsApp made."""
        del config
        return people.typed(address)

    def other_id(self, external_id: str) -> str:
        """The number as it is written without, or with, the digit that some countries put before mobiles."""
        return other_way(external_id)

    def templates(self, config: WhatsAppConfig) -> Sequence[Template]:
        """Returns all of them, approved or not."""
        return account.templates(config)
