"""Everybody who may knock: people by session, programs by key, strangers."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.actions import create_api_key
from accounts.enums import Role, Scope
from accounts.models import ApiKey, Team, User
from accounts.queries import hash_key
from campaigns import actions
from campaigns.actions import Listing, Wording
from campaigns.models import Campaign
from campaigns.people import Named
from conversations.models import Conversation, Inbox, MessageTemplate
from core.actor import Actor
from tests.campaigns.conftest import CONFIG
from tests.campaigns.conftest import lead as lead  # noqa: PLC0414 (fixtures, as those below)
from tests.campaigns.conftest import number as number  # noqa: PLC0414
from tests.campaigns.conftest import offer as offer  # noqa: PLC0414
from tests.conftest import make_user
from tickets.actions import create_ticket
from tickets.models import Ticket


class KeyClient(APIClient):
    """A program that sends its key with every request."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")

    @property
    def row(self) -> ApiKey:
        return ApiKey.objects.get(key_hash=hash_key(self.key))


KeyMaker = Callable[..., KeyClient]


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient()


def signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


@pytest.fixture
def as_ana(ana: User) -> APIClient:
    return signed_in(ana)


@pytest.fixture
def as_bruno(bruno: User) -> APIClient:
    return signed_in(bruno)


@pytest.fixture
def as_clara(clara: User) -> APIClient:
    return signed_in(clara)


@pytest.fixture
def as_elsa(team: Team) -> APIClient:
    """Elsa, who leads the support team."""
    return signed_in(make_user("elsa", Role.LEAD, team))


@pytest.fixture
def with_key(db: None) -> KeyMaker:
    def make(*scopes: str, teams: Iterable[Team] = ()) -> KeyClient:
        by = Actor.system()
        _row, key = create_api_key(name="Shop", by=by, scopes=scopes, teams=teams, all_teams=not teams)
        return KeyClient(key)

    return make


@pytest.fixture
def key(with_key: KeyMaker) -> KeyClient:
    return with_key(Scope.READ, Scope.WRITE)


@pytest.fixture
def admin(with_key: KeyMaker) -> KeyClient:
    return with_key(Scope.ADMIN)


@pytest.fixture
def app(team: Team) -> Inbox:
    """The inbox through which the support team's programs write."""
    return Inbox.objects.create(name="App", channel="api", team=team)


@pytest.fixture
def ticket(conversation: Conversation) -> Ticket:
    return create_ticket(by=Actor.system(), subject="Pedido atrasado", conversation=conversation)


def put_up(team: Team, *, name: str) -> Campaign:
    """A campaign of a team's number: a draft with one recipient, made of a list with one bad line."""
    inbox = Inbox.objects.create(name=name, channel="whatsapp_cloud", team=team, config=CONFIG)
    offer = MessageTemplate.objects.create(
        inbox=inbox, name="offer", language="pt_BR", status="APPROVED", body=name, synced_at=timezone.now()
    )
    campaign = actions.create_campaign(
        by=Actor.system(), inbox=inbox, name=name, wordings=[Wording(template=offer)]
    )
    people = [Named("+5511999990001", name=name), Named(name)]
    actions.give_people(campaign=campaign, by=Actor.system(), listing=Listing(people))
    actions.read_lists(campaign)
    return campaign


@pytest.fixture
def campaign(team: Team) -> Campaign:
    return put_up(team, name="Natal")


def fields_of(refused: Any) -> list[str]:
    """The fields that a refusal names."""
    assert refused.status_code == 422, refused.content
    return [error["field"] for error in refused.json()["errors"]]


def results(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["results"]
    return found
