"""The settings of a mailbox."""

from typing import Literal

from django.utils.translation import gettext_lazy as _
from pydantic import Field, SecretStr, field_validator

from conversations.channels import ChannelConfig
from integrations.email.headers import ADDRESS

Security = Literal["tls", "starttls", "none"]
# What mails come by, and what they go by.
Incoming = Literal["imap", "webhook", "mailgun", "postmark", "sendgrid"]
Outgoing = Literal["smtp", "mailgun", "postmark", "brevo", "resend", "mailjet", "sparkpost"]
MEGABYTE = 1024 * 1024


class EmailConfig(ChannelConfig):
    """One address, how mail to it is read and how mail from it is sent."""

    address: str = Field(title=str(_("Address")), description=str(_("Such as support@shop.example.")))
    display_name: str = Field("", title=str(_("Name shown to customers")))
    incoming: Incoming = Field("imap", title=str(_("Mail comes by")))
    imap_host: str = Field("", title=str(_("IMAP server")))
    imap_port: int = Field(993, ge=1, le=65535, title=str(_("IMAP port")))
    imap_security: Security = Field("tls", title=str(_("IMAP encryption")))
    imap_user: str = Field("", title=str(_("IMAP user")), description=str(_("Empty: the address.")))
    imap_password: SecretStr = Field(SecretStr(""), title=str(_("IMAP password")))
    folder: str = Field("INBOX", title=str(_("Folder")))
    import_days: int = Field(
        0,
        ge=0,
        le=3650,
        title=str(_("Days to import")),
        description=str(_("How far back the very first look goes. 0: only what comes from now on.")),
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        title=str(_("Webhook secret")),
        description=str(_("Mailgun: its signing key. Postmark and SendGrid: user:password of the address.")),
    )
    outgoing: Outgoing = Field("smtp", title=str(_("Mail goes by")))
    smtp_host: str = Field("", title=str(_("SMTP server")))
    smtp_port: int = Field(465, ge=1, le=65535, title=str(_("SMTP port")))
    smtp_security: Security = Field("tls", title=str(_("SMTP encryption")))
    smtp_user: str = Field("", title=str(_("SMTP user")), description=str(_("Empty: as for IMAP.")))
    smtp_password: SecretStr = Field(
        SecretStr(""), title=str(_("SMTP password")), description=str(_("Empty: as for IMAP."))
    )
    api_key: SecretStr = Field(SecretStr(""), title=str(_("Key of the mail provider")))
    api_secret: SecretStr = Field(SecretStr(""), title=str(_("Second key (Mailjet)")))
    provider_domain: str = Field("", title=str(_("Sending domain (Mailgun)")))
    provider_url: str = Field("", title=str(_("Address of the provider’s interface, if not the usual one")))
    plus_addressing: bool = Field(
        default=True,
        title=str(_("Reply addresses of their own")),
        description=str(_("Needs a server that delivers support+anything@… to support@…")),
    )
    subject_token: bool = Field(default=False, title=str(_("Mark of the conversation in the subject")))
    signature: str = Field("", title=str(_("Signature")), description=str(_("{author} stands for the name.")))
    html_template: str = Field(
        "", title=str(_("HTML template")), description=str(_("{content} and {signature} are filled in."))
    )
    trusted_authserv_id: str = Field(
        "",
        title=str(_("Name of the server whose checks are trusted")),
        description=str(_("The first word of Authentication-Results in mails that you receive.")),
    )
    max_mail_bytes: int = Field(40 * MEGABYTE, ge=64 * 1024, le=100 * MEGABYTE, title=str(_("Largest mail")))

    @field_validator("address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not ADDRESS.fullmatch(value):
            raise ValueError(_("This is no e-mail address."))
        return value.lower()

    @property
    def local(self) -> str:
        """What stands before the @."""
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        """What stands behind it."""
        return self.address.rpartition("@")[2]

    def imap_login(self) -> tuple[str, str]:
        """User and password for reading."""
        return self.imap_user or self.address, self.imap_password.get_secret_value()

    def smtp_login(self) -> tuple[str, str]:
        """User and password for sending; an empty password means that none is asked for."""
        user, password = self.imap_login()
        return self.smtp_user or user, self.smtp_password.get_secret_value() or password
