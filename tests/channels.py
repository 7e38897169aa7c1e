"""Channels with rules of their own, for tests of what the spine and the desk make of them."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from accounts.models import Team
from conversations.actions import receive
from conversations.channels import Capabilities
from conversations.exchange import Sender
from conversations.models import Conversation, Inbox, MessageTemplate
from tests.conversations.scripted import ScriptedAdapter, ScriptedConfig

DAY, WEEK = timedelta(days=1), timedelta(days=7)


class PostAdapter(ScriptedAdapter):
    """Takes free text for a day, and templates at any time."""

    label = "Post"
    capabilities: ClassVar[Capabilities] = Capabilities(
        text_limit=100,
        window=DAY,
        templates=True,
        receipts=True,
        quotes=True,
        copies=True,
        opens=True,
    )

    def recipient(self, address: str, config: ScriptedConfig) -> Sender | None:
        del config
        return Sender(address.strip().lower()) if "@" in address and "@post." not in address else None


class PatientAdapter(PostAdapter):
    """An inbox of this one may say that it waits for a week."""

    def window(self, config: ScriptedConfig) -> timedelta | None:
        return WEEK if config.is_pulled else DAY


ADAPTERS = {
    "web": "integrations.web.adapter.WebAdapter",
    "email": "integrations.email.adapter.EmailAdapter",
    "post": "tests.channels.PostAdapter",
    "patient": "tests.channels.PatientAdapter",
}


@pytest.fixture
def post(settings: Any, team: Team) -> Inbox:
    """An inbox whose channel has a window and templates."""
    settings.CHANNEL_ADAPTERS = ADAPTERS
    return Inbox.objects.create(name="Post office", channel="post", team=team, title="Aurora")


@pytest.fixture
def mailbox(post: Inbox, team: Team) -> Inbox:
    """A mailbox beside it."""
    return Inbox.objects.create(
        name="Mail", channel="email", team=team, config={"address": "support@shop.example"}
    )


@pytest.fixture
def letter(post: Inbox) -> Conversation:
    """Eva's conversation there; she has just written."""
    return receive(inbox=post, sender=Sender("eva", name="Eva"), text="Is it here?").conversation


@pytest.fixture
def template(post: Inbox) -> MessageTemplate:
    """A template with two places."""
    return MessageTemplate.objects.create(
        inbox=post, name="parcel_here", language="en", status="APPROVED", category="UTILITY",
        body="Hello {{1}}, your parcel {{ 2 }} is here.", variables=["1", "2"], synced_at=timezone.now(),
    )  # fmt: skip


def silent_for(row: Conversation, silence: timedelta) -> Conversation:
    """The customer wrote last so long ago."""
    Conversation.objects.filter(pk=row.pk).update(last_contact_at=timezone.now() - silence)
    row.refresh_from_db()
    return row
