"""An Evolution API instance as a channel."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field, SecretStr, field_validator

from conversations.adapters import BaseAdapter
from conversations.channels import Capabilities, ChannelConfig, Repeat
from conversations.exchange import Check, File, Media, Outgoing, Parsed, Sender, Sent, Webhook
from integrations.evolution import connection, events, media, people, proof, sending

SHORTEST_SECRET = 32


class EvolutionConfig(ChannelConfig):
    """Where the server is, which of its instances, and what proves us to each other."""

    sent_to: ClassVar = {"base_url": ("api_key", "webhook_secret")}

    base_url: str = Field(
        title=gettext_noop("Server address"),
        description=gettext_noop(
            "Such as http://evolution:8080. In a private network, allow it with OUTBOUND_ALLOW."
        ),
        pattern=r"^https?://[^\s?#]+$",
        max_length=500,
    )
    instance: str = Field(
        title=gettext_noop("Instance"),
        description=gettext_noop("Its name on the server; it is made if there is none."),
        min_length=1,
        max_length=100,
    )
    api_key: SecretStr = Field(
        title=gettext_noop("API key"),
        description=gettext_noop("The server's AUTHENTICATION_API_KEY, or the key of the instance alone."),
        min_length=1,
    )
    webhook_secret: SecretStr = Field(
        title=gettext_noop("Webhook secret"),
        description=gettext_noop("At least 32 random characters. The server sends it with each webhook."),
        min_length=SHORTEST_SECRET,
    )
    allow_groups: bool = Field(
        default=False,
        title=gettext_noop("Take in groups"),
        description=gettext_noop("Each group becomes one conversation. Otherwise groups are ignored."),
    )

    @field_validator("base_url")
    @classmethod
    def _is_root(cls, value: str) -> str:
        # People copy the address of the server's own manager page.
        return value.rstrip("/").removesuffix("/manager").rstrip("/")


class EvolutionAdapter(BaseAdapter):
    """WhatsApp by way of a paired phone: no templates and no window, and no promise of WhatsApp either."""

    label = gettext_lazy("WhatsApp (Evolution API)")
    config = EvolutionConfig
    capabilities = Capabilities(
        text_limit=4096,
        # A number that writes faster than a person risks being blocked.
        per_second=5.0,
        file_limit=16 * 1024 * 1024,
        receipts=True,
        quotes=True,
        opens=True,
        marks_read=True,
        repeat=Repeat.ECHO,
    )

    def setup_steps(self, *, key: str, public_url: str) -> Sequence[str]:
        """Four steps; the webhook is set for the owner."""
        url = self.setup_text(key=key, public_url=public_url)
        return [
            _("Enter the address of the server, a name for the instance, and the API key."),
            _("Make a webhook secret, such as the output of “openssl rand -hex 32”, and enter it."),
            _("Save and choose Connect: the server is told to send to %s with the secret.") % url,
            _("Scan the QR code with the phone: WhatsApp, Settings, Linked devices. Test the connection."),
        ]

    def verify(self, webhook: Webhook, config: Any) -> None:
        """By the header that `connect` has set, or a token signed with the same secret."""
        proof.check(webhook, config.webhook_secret.get_secret_value())

    def stored(self, webhook: Webhook) -> Webhook:
        """All but our secret and the instance's key, which every body repeats."""
        return proof.redacted(super().stored(webhook))

    def for_any_account(self, config: EvolutionConfig) -> EvolutionConfig:
        """Of no instance, and so of all."""
        return config.model_copy(update={"instance": ""})

    def parse(self, webhook: Webhook, config: Any) -> Iterable[Parsed]:
        """Every entry of every event."""
        return events.read(webhook.body, config.instance, groups=config.allow_groups)

    def send(self, outgoing: Outgoing, config: Any) -> Sent:
        """Text or one file."""
        return sending.send(outgoing, config)

    def mark_read(self, external_ids: Sequence[str], config: Any, *, to: str, typing: bool = False) -> None:
        """Shows the blue ticks. That somebody writes is not told: the server holds such calls open."""
        del typing
        sending.read_receipt(external_ids, to, config)

    def fetch(self, file: File, config: Any, *, max_bytes: int) -> Media:
        """From the server, which decrypts it."""
        return media.fetched(file, config, max_bytes=max_bytes)

    def recipient(self, address: str, config: EvolutionConfig) -> Sender | None:
        """Whoever has a number with its country, such as +55 11 98765-4321."""
        del config
        return people.typed(address)

    def other_id(self, external_id: str) -> str:
        """The number as it is written without, or with, the digit that some countries put before mobiles."""
        return people.other_jid(external_id)

    def test(self, config: Any) -> Check:
        """Whether the phone is connected."""
        return connection.test(config)

    def connect(self, config: Any, *, url: str, secret: str) -> Check:
        """Makes the instance, sets the webhook, returns the QR code to scan."""
        del secret
        return connection.connect(config, url=url)
