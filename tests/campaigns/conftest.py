"""What the tests of campaigns share beyond the cast: a number on WhatsApp, and people to write to."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.enums import Role
from accounts.models import Team, User
from campaigns import actions
from campaigns.actions import Wording
from campaigns.models import Campaign
from conversations.models import Contact, ContactIdentity, Inbox, MessageTemplate
from core.actor import Actor
from tests.campaigns.pages import BACKEND
from tests.conftest import make_user

CONFIG = {
    "phone_number_id": "106540352242922",
    "business_account_id": "102290129340398",
    "access_token": "EAA-token",
    "app_secret": "app-secret-of-the-tests",
    "verify_token": "verify",
}
Draft = Callable[..., Campaign]


@pytest.fixture
def lead(team: Team) -> Actor:
    """Elsa, who leads the support team."""
    return make_user("elsa", Role.LEAD, team).as_actor()


@pytest.fixture
def elsa(lead: Actor) -> User:
    """The same as a member of staff."""
    return User.objects.get(pk=lead.id)


@pytest.fixture
def as_elsa(client: Client, elsa: User) -> Client:
    """Her browser."""
    client.force_login(elsa, backend=BACKEND)
    return client


@pytest.fixture
def number(team: Team) -> Inbox:
    """The team's number on WhatsApp."""
    return Inbox.objects.create(
        name="Aurora", channel="whatsapp_cloud", team=team, title="Aurora", config=CONFIG
    )


@pytest.fixture
def offer(number: Inbox) -> MessageTemplate:
    """An approved template with two places."""
    return MessageTemplate.objects.create(
        inbox=number, name="offer", language="pt_BR", status="APPROVED", category="MARKETING",
        body="Oi {{1}}, {{2}} de desconto.", variables=["1", "2"], synced_at=timezone.now(),
    )  # fmt: skip


def people(inbox: Inbox, count: int, *, start: int = 0, **fields: Any) -> list[Contact]:
    """Makes customers whom the inbox knows by their numbers."""
    made = Contact.objects.bulk_create(
        Contact(**{"name": f"Maria {start + n}", "phone": f"+55119{start + n:08}", **fields})
        for n in range(count)
    )
    ContactIdentity.objects.bulk_create(
        ContactIdentity(inbox=inbox, contact=contact, external_id=f"55119{start + n:08}")
        for n, contact in enumerate(made)
    )
    return made


@pytest.fixture
def draft(number: Inbox, offer: MessageTemplate, lead: Actor) -> Draft:
    """Makes a campaign of the template, as fast as the channel takes it unless told otherwise."""

    def make(**fields: Any) -> Campaign:
        wording = Wording(template=offer, values={"1": "{{first_name|amiga}}", "2": "10%"})
        given = {"inbox": number, "name": "Natal", "wordings": [wording], "per_minute": 100_000, **fields}
        return actions.create_campaign(by=lead, **given)

    return make
