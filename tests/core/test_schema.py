"""Whether the database is the one this code was written for."""

import pytest
from django.core.management import call_command
from django.db import connection

from core.schema import migrations_on_disk, missing_migrations

pytestmark = pytest.mark.django_db


def test_every_app_with_tables_has_its_migrations_on_disk() -> None:
    apps = {app for app, _name in migrations_on_disk()}
    assert {"accounts", "conversations", "tickets", "knowledge", "agents", "llm", "auth"} <= apps
    assert ("conversations", "0001_initial") in migrations_on_disk()
    assert not any(name.startswith("_") for _app, name in migrations_on_disk())


def test_migrated_database_misses_nothing() -> None:
    assert missing_migrations() == frozenset()


def test_migration_the_database_has_not_seen_is_named() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'conversations' AND name = '0001_initial'")
    assert missing_migrations() == {("conversations", "0001_initial")}


def test_migration_that_only_the_database_knows_does_not_matter() -> None:
    """A newer release has been here before: nothing is missing."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('old', '0001', now())")
    assert missing_migrations() == frozenset()


def test_everything_is_missing_in_an_empty_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO gone")
    assert missing_migrations() == migrations_on_disk()


def test_asking_costs_two_queries(django_assert_num_queries) -> None:
    with django_assert_num_queries(2):
        missing_migrations()


def test_models_and_migrations_agree() -> None:
    call_command("makemigrations", "accounts", "conversations", "--check", "--dry-run", verbosity=0)
