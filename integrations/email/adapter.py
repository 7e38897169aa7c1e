"""A mailbox as a channel."""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.adapters import BaseAdapter, bright
from conversations.channels import Capabilities, InboxBroken, Repeat
from conversations.exchange import Batch, Check, Details, Outgoing, Parsed, Sender, Sent, Webhook
from core.reasons import reason
from integrations.email import imap, providers, smtp
from integrations.email.config import EmailConfig
from integrations.email.incoming import parse_mail
from integrations.email.outgoing import compose, reachable
from integrations.email.webhooks import handed, is_notice, max_body, verify

# What most servers take, files encoded.
FILE_LIMIT = 18 * 1024 * 1024


class EmailAdapter(BaseAdapter):
    """Reads by IMAP or a provider's webhook, sends by SMTP or a provider's interface."""

    label = gettext_lazy("E-mail")
    capabilities = Capabilities(
        text_limit=100_000,
        per_second=2.0,
        file_limit=FILE_LIMIT,
        whole=True,
        receipts=True,
        quotes=True,
        copies=True,
        opens=True,
        subjects=True,
        # The same Message-ID each time: mail programs and our own parser know it again (but see `repeat`).
        repeat=Repeat.SAFE,
    )
    config: ClassVar[type[EmailConfig]] = EmailConfig

    def setup_steps(self, *, key: str, public_url: str) -> Sequence[str]:
        """For a mailbox, and for a provider that hands mail over."""
        return [
            _("Enter the address and the IMAP and SMTP servers of the mailbox, with its app password."),
            _("Test the connection: mail that comes from now on appears in the inbox."),
            _("With Mailgun, Postmark or SendGrid instead: let it post the raw mail to %s")
            % self.setup_text(key=key, public_url=public_url),
            _("Write to support+test@… of your address. If it does not arrive, switch reply addresses off."),
        ]

    def verify(self, webhook: Webhook, config: EmailConfig) -> None:
        """By the proof of the provider that this mailbox is set to."""
        verify(webhook, config)

    def max_body(self, config: EmailConfig) -> int:
        """The largest mail that this mailbox takes, in the form in which it is handed over."""
        return max_body(config)

    def pulls(self, config: EmailConfig) -> bool:
        """By IMAP."""
        return config.incoming == "imap" and bool(config.imap_host)

    def pull(self, config: EmailConfig, cursor: Details) -> Iterator[Batch]:
        """Raw mails by UID."""
        return imap.pull(config, cursor)

    def parse(self, webhook: Webhook, config: EmailConfig) -> Iterable[Parsed]:
        """One mail, or a provider's notices of what became of ours."""
        if is_notice(webhook):
            return providers.told(webhook.body, config)
        mail = handed(webhook, config)
        return parse_mail(mail.raw, config, whole_size=mail.whole_size, to=mail.to)

    def send(self, outgoing: Outgoing, config: EmailConfig) -> Sent:
        """One mail, with everything in it; its Message-ID is what answers and bounces will name."""
        letter = compose(outgoing, config)
        if config.outgoing != "smtp":
            return providers.send(letter, config, key=outgoing.key)
        refused = smtp.send(letter, config)
        note = reason("No copy went to %s", "; ".join(refused)) if refused else ""
        return Sent(letter.message_id, note=note)

    def recipient(self, address: str, config: EmailConfig) -> Sender | None:
        """Whoever has an address that a mail can go to, in whatever case it is written."""
        return reachable(address, config)

    def repeat(self, config: EmailConfig) -> Repeat:
        """Freely, unless the provider gives each mail an id of its own: nobody knows the second again."""
        return self.capabilities.repeat if providers.keeps_id(config) else Repeat.DOUBTFUL

    def test(self, config: EmailConfig) -> Check:
        """Signs in wherever this mailbox reads and sends."""
        if config.incoming == "imap":
            if not config.imap_host:
                raise InboxBroken(reason("The IMAP server is missing."))
            imap.look(config)
        elif not config.webhook_secret.get_secret_value():
            raise InboxBroken(reason("The webhook secret is missing."))
        if config.outgoing != "smtp":
            if not config.api_key.get_secret_value():
                raise InboxBroken(reason("The key of the mail provider is missing."))
            return bright(reason("Reading works. Whether sending does shows with the first answer."))
        with smtp.opened(config) as connection:
            connection.noop()
        return bright(reason("Reading and sending work."))
