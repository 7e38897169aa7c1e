"""Everybody who may knock: people by session, programs by key, strangers."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.actions import create_api_key
from accounts.enums import Scope
from accounts.models import Team, User
from conversations.models import Conversation
from core.actor import Actor
from tickets.actions import create_ticket
from tickets.models import Ticket


class KeyClient(APIClient):
    """A program that sends its key with every request."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")


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
def with_key(db: None) -> KeyMaker:
    def make(*scopes: str, teams: Iterable[Team] = ()) -> KeyClient:
        _row, key = create_api_key(name="Shop", by=Actor.system(), scopes=scopes, teams=teams)
        return KeyClient(key)

    return make


@pytest.fixture
def key(with_key: KeyMaker) -> KeyClient:
    return with_key(Scope.READ, Scope.WRITE)


@pytest.fixture
def ticket(conversation: Conversation) -> Ticket:
    return create_ticket(by=Actor.system(), subject="Pedido atrasado", conversation=conversation)


def results(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["results"]
    return found
