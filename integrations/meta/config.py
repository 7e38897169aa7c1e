"""Settings that both channels ask for."""

from abc import abstractmethod
from typing import ClassVar

from django.utils.translation import gettext_noop
from pydantic import Field, SecretStr

from conversations.channels import ChannelConfig

FACEBOOK = "https://graph.facebook.com/v25.0"
# Ids go into addresses.
ID = r"^[0-9]+$"
NO_ID = r"^[0-9]*$"


class MetaConfig(ChannelConfig):
    """Tokens and secrets; a channel adds whose they are.

    `account` is whose webhooks are read, `node` where messages are sent.
    """

    sent_to: ClassVar = {"api_url": ("access_token",)}

    access_token: SecretStr = Field(
        title=gettext_noop("Access token"),
        description=gettext_noop("A token that does not expire: of a system user or of the page."),
        min_length=1,
    )
    app_secret: SecretStr = Field(
        title=gettext_noop("App secret"),
        description=gettext_noop("From the app's basic settings; it signs what Meta sends here."),
        min_length=8,
    )
    verify_token: SecretStr = Field(
        title=gettext_noop("Verify token"),
        description=gettext_noop("Make one up, and give the same to Meta beside the webhook's address."),
        min_length=8,
    )
    human_agent_tag: bool = Field(
        default=False,
        title=gettext_noop("People may answer for seven days"),
        description=gettext_noop("Only where Meta has granted the app the permission “Human Agent”."),
    )
    take_standby: bool = Field(
        default=False,
        title=gettext_noop("Read along"),
        description=gettext_noop("Take in messages while another app has control of the conversation."),
    )
    api_url: str = Field(
        default="",
        title=gettext_noop("Address of the Graph API"),
        description=gettext_noop("Leave it empty, unless you need another version."),
        pattern=r"^(https?://[^?#\s]+)?$",
    )

    @property
    @abstractmethod
    def account(self) -> str:
        """The id under which webhooks come."""

    @property
    def node(self) -> str:
        """The id to which calls go."""
        return self.account

    @property
    def base_url(self) -> str:
        """Where the API is, with its version and without a slash at the end."""
        return (self.api_url or FACEBOOK).rstrip("/")

    @property
    def proves(self) -> bool:
        """Whether calls carry the proof that we know the app's secret."""
        return True
