"""A webhook, its receiver, and time that passes when it is told to."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.db.models import F

from api.actions import calling
from api.actions.answering import Answer
from api.actions.claiming import Claim
from api.actions.telling import tell_some
from api.actions.webhooks import create_webhook
from api.models import Webhook, WebhookAttempt, WebhookCall, WebhookState
from conversations.actions import Sender, receive
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor
from tests.fakes.receiver import Receiver

ADMIN = Actor.system()
MOMENTS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (WebhookCall, ("next_try_at", "claimed_at")),
    (WebhookState, ("not_before", "failing_since", "failed_at", "delivered_at")),
    (WebhookAttempt, ("at",)),
)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with Receiver() as running:
        yield running


@pytest.fixture
def webhook(receiver: Receiver, transactional_db: None) -> Webhook:
    """Hears of everything, notes as well."""
    return listen(receiver, events=["*", "note.created"])[0]


@pytest.fixture
def callers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of thread on which tests of webhooks waited for their receiver."""
    kinds: list[str] = []

    def made(claim: Claim) -> Answer:
        kinds.append(threading.current_thread().name.partition("-")[0])
        return calling.made(claim)

    monkeypatch.setattr("api.actions.replaying.made", made)
    return kinds


def listen(receiver: Receiver, **more: Any) -> tuple[Webhook, str]:
    return create_webhook(by=ADMIN, url=receiver.url, **more)


def secret_of(webhook: Webhook) -> str:
    return str(webhook.secrets[0]["secret"])


def write(inbox: Inbox, text: str, *, who: str = "davi") -> Message:
    message: Message = receive(inbox=inbox, sender=Sender(who, name=who.title()), text=text).message
    return message


def begun(inbox: Inbox, who: str) -> Conversation:
    """A conversation that nobody has told yet."""
    return write(inbox, f"{who} is here", who=who).conversation


def tell() -> None:
    """Makes calls of what happened."""
    while tell_some():
        pass


def call(webhook: Webhook) -> None:
    """Makes the calls that are due."""
    async_to_sync(calling.call)(str(webhook.pk))


def hand_out(*webhooks: Webhook) -> None:
    """Both."""
    tell()
    for webhook in webhooks:
        call(webhook)


def pass_time(**span: float) -> None:
    """Lets time pass for webhooks: `hours=2`."""
    delta = timedelta(**span)
    for model, names in MOMENTS:
        for name in names:
            model.objects.exclude(**{name: None}).update(**{name: F(name) - delta})


class Jobs:
    """The jobs that wait."""

    def names(self) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT task_name FROM procrastinate_jobs WHERE status = 'todo' ORDER BY task_name"
            )
            return [row[0] for row in cursor.fetchall()]

    def clear(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_events; DELETE FROM procrastinate_jobs")


@pytest.fixture
def procrastinate_jobs(transactional_db: None) -> Jobs:
    return Jobs()
