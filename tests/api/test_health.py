"""Health: up, ready, and which part is not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from channels.layers import InMemoryChannelLayer
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from api import health
from conversations.models import Conversation, Delivery, InboundEvent, InboxState
from conversations.tasks import deliver_later
from core.queue import defer
from core.schema import migrations_on_disk, missing_migrations


def ready(client: Client) -> tuple[int, dict[str, Any]]:
    response = client.get("/health/ready")
    body = response.json()
    assert (body["status"] == "unavailable") == (response.status_code == 503)
    return response.status_code, body["checks"]


def age_jobs(seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_events SET at = now() - make_interval(secs => %s)", [seconds])


@pytest.mark.django_db
def test_ready_names_every_part(client: Client) -> None:
    status, checks = ready(client)
    assert status == 200
    assert client.get("/health/ready").json()["status"] == "ok"
    assert checks == {
        "database": {"ok": True},
        "migrations": {"ok": True, "missing": 0},
        "queue": {"ok": True, "waiting": 0, "oldest_seconds": 0.0, "workers": 0},
        "inbound": {"ok": True, "waiting": 0, "oldest_seconds": 0.0},
        "outbound": {"ok": True, "waiting": 0, "oldest_seconds": 0.0},
        "channel_layer": {"ok": True},
    }
    assert client.get("/health").json()["checks"] == checks


@pytest.mark.django_db
def test_ready_is_cheap(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(7):
        client.get("/health/ready")


def test_live_asks_nobody(client: Client) -> None:
    # Without the `db` fixture any query would fail the test.
    response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_answer_is_not_kept(client: Client, db: None) -> None:
    assert client.get("/health/ready")["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_database_that_is_away_makes_unready(client: Client) -> None:
    with patch("api.health.connection") as away:
        away.cursor.side_effect = OperationalError("password=secret")
        status, checks = ready(client)
    assert status == 503
    assert [checks[name]["ok"] for name in ("database", "migrations", "queue", "channel_layer")] == [
        False, False, False, True
    ]  # fmt: skip
    assert "secret" not in str(checks)


@pytest.mark.django_db
def test_missing_migration_makes_unready(client: Client) -> None:
    assert ("tickets", "0001_initial") in migrations_on_disk()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'tickets'")
    missing = missing_migrations()
    assert {app for app, _name in missing} == {"tickets"}
    assert ("tickets", "0001_initial") in missing
    status, checks = ready(client)
    assert (status, checks["migrations"]) == (503, {"ok": False, "missing": len(missing)})


@pytest.mark.django_db
def test_migration_of_other_code_does_not(client: Client) -> None:
    """In a rolling deployment the database is ahead of the old processes, which go on serving."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('x', '0009', now())")
    assert ready(client)[0] == 200


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "status"), [(50, 200), (70, 503)])
def test_job_that_lies_about_makes_unready(client: Client, seconds: int, status: int) -> None:
    defer(deliver_later, conversation_id="x")
    age_jobs(seconds)
    answered, checks = ready(client)
    assert (answered, checks["queue"]["waiting"]) == (status, 1)
    assert seconds <= checks["queue"]["oldest_seconds"] < seconds + 10


def in_future() -> None:
    defer(deliver_later, conversation_id="x", delay=3600)


def behind_another() -> None:
    defer(deliver_later, conversation_id="x", lock="one")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    defer(deliver_later, conversation_id="x", lock="one")


def done() -> None:
    defer(deliver_later, conversation_id="x")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")


@pytest.mark.django_db
@pytest.mark.parametrize("situation", [in_future, behind_another, done])
def test_job_that_has_no_business_yet_does_not(client: Client, situation: Callable[[], None]) -> None:
    situation()
    age_jobs(600)
    status, checks = ready(client)
    assert (status, checks["queue"]["waiting"]) == (200, 0)


@pytest.mark.django_db
def test_only_workers_that_give_a_sign_of_life_count(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now() - interval '1 hour')"
        )
    assert ready(client)[1]["queue"]["workers"] == 1


class BrokenLayer(InMemoryChannelLayer):
    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        raise ConnectionError("redis://:secret@host")


@pytest.mark.django_db
@pytest.mark.parametrize("layer", [BrokenLayer(), None])
def test_channel_layer_that_is_away_is_named_and_takes_nobody_out_of_service(
    client: Client, layer: Any
) -> None:
    with patch.object(health, "get_channel_layer", return_value=layer):
        status, checks = ready(client)
        assert client.get("/health/ready").json()["status"] == "degraded"
    assert (status, checks["channel_layer"]["ok"]) == (200, False)
    assert "secret" not in str(checks)


@pytest.mark.django_db
def test_layer_that_knows_of_its_redis_being_away_is_named(client: Client) -> None:
    layer = InMemoryChannelLayer()
    layer.is_away = True
    with patch("core.layer.get_channel_layer", return_value=layer):
        status, checks = ready(client)
    assert (status, checks["channel_layer"]) == (200, {"ok": False, "detail": "Redis is away."})


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "said"), [(50, "ok"), (70, "degraded")])
def test_receipts_and_messages_that_lie_about_are_named_and_take_nobody_out_of_service(
    client: Client, conversation: Conversation, seconds: int, said: str
) -> None:
    message, inbox = conversation.messages.get(), conversation.inbox
    InboundEvent.objects.create(inbox=inbox, provider_event_id="1")
    Delivery.objects.create(message=message, conversation=conversation, inbox=inbox, seq=1)
    InboxState.objects.create(inbox=inbox)
    then = timezone.now() - timedelta(seconds=seconds)
    InboundEvent.objects.update(received_at=then)
    Delivery.objects.update(created_at=then)
    status, checks = ready(client)
    assert status == 200
    assert checks["inbound"]["ok"] == checks["outbound"]["ok"] == (said == "ok")
    assert checks["inbound"]["waiting"] == checks["outbound"]["waiting"] == 1
    assert client.get("/health/ready").json()["status"] == said
