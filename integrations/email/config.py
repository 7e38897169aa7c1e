"""The settings of a mailbox."""

from typing import ClassVar, Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from pydantic import Field, SecretStr, field_validator
from pydantic.config import JsonDict

from conversations.channels import ChannelConfig
from integrations.email.headers import ADDRESS

Security = Literal["tls", "starttls", "none"]
# What mails come by, and what they go by.
Incoming = Literal["imap", "webhook", "mailgun", "postmark", "sendgrid"]
Outgoing = Literal["smtp", "mailgun", "postmark", "brevo", "resend", "mailjet", "sparkpost"]
MEGABYTE = 1024 * 1024
# As people write them; the others are words.
LABELS: JsonDict = {
    "labels": {
        "tls": "TLS",
        "starttls": "STARTTLS",
        "none": _("None"),
        "imap": "IMAP",
        "smtp": "SMTP",
        "webhook": _("Webhook"),
        "mailgun": "Mailgun",
        "postmark": "Postmark",
        "sendgrid": "SendGrid",
        "brevo": "Brevo",
        "resend": "Resend",
        "mailjet": "Mailjet",
        "sparkpost": "SparkPost",
    }
}


class EmailConfig(ChannelConfig):
    """One address, how mail to it is read and how mail from it is sent.

    Titles are translated where they are shown.
    """

    sent_to: ClassVar = {
        "imap_host": ("imap_password",),
        # The password for reading is used for sending where there is no other.
        "smtp_host": ("smtp_password", "imap_password"),
        "provider_url": ("api_key", "api_secret"),
    }

    address: str = Field(title=_("Address"), description=_("Such as support@shop.example."))
    display_name: str = Field("", title=_("Name shown to customers"))
    incoming: Incoming = Field("imap", title=_("Mail comes by"), json_schema_extra=LABELS)
    imap_host: str = Field("", title=_("IMAP server"))
    imap_port: int = Field(993, ge=1, le=65535, title=_("IMAP port"))
    imap_security: Security = Field("tls", title=_("IMAP encryption"), json_schema_extra=LABELS)
    imap_user: str = Field("", title=_("IMAP user"), description=_("Empty: the address."))
    imap_password: SecretStr = Field(SecretStr(""), title=_("IMAP password"))
    folder: str = Field("INBOX", title=_("Folder"))
    import_days: int = Field(
        0,
        ge=0,
        le=3650,
        title=_("Days to import"),
        description=_("How far back the very first look goes. 0: only what comes from now on."),
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        title=_("Webhook secret"),
        description=_("Mailgun: its signing key. Postmark and SendGrid: user:password of the address."),
    )
    outgoing: Outgoing = Field("smtp", title=_("Mail goes by"), json_schema_extra=LABELS)
    smtp_host: str = Field("", title=_("SMTP server"))
    smtp_port: int = Field(465, ge=1, le=65535, title=_("SMTP port"))
    smtp_security: Security = Field("tls", title=_("SMTP encryption"), json_schema_extra=LABELS)
    smtp_user: str = Field("", title=_("SMTP user"), description=_("Empty: as for IMAP."))
    smtp_password: SecretStr = Field(
        SecretStr(""), title=_("SMTP password"), description=_("Empty: as for IMAP.")
    )
    api_key: SecretStr = Field(SecretStr(""), title=_("Key of the mail provider"))
    api_secret: SecretStr = Field(SecretStr(""), title=_("Second key (Mailjet)"))
    provider_domain: str = Field("", title=_("Sending domain (Mailgun)"))
    provider_url: str = Field("", title=_("Address of the provider’s interface, if not the usual one"))
    plus_addressing: bool = Field(
        default=True,
        title=_("Reply addresses of their own"),
        description=_("Needs a server that delivers support+anything@… to support@…"),
    )
    subject_token: bool = Field(default=False, title=_("Mark of the conversation in the subject"))
    signature: str = Field("", title=_("Signature"), description=_("{author} stands for the name."))
    html_template: str = Field(
        "", title=_("HTML template"), description=_("{content} and {signature} are filled in.")
    )
    trusted_authserv_id: str = Field(
        "",
        title=_("Name of the server whose checks are trusted"),
        description=_("The first word of Authentication-Results in mails that you receive."),
    )
    max_mail_bytes: int = Field(40 * MEGABYTE, ge=64 * 1024, le=100 * MEGABYTE, title=_("Largest mail"))

    @field_validator("address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not ADDRESS.fullmatch(value):
            raise ValueError(gettext("This is no e-mail address."))
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
