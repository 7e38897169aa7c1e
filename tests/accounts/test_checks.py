"""What the settings of people are checked for, and what the database keeps of them."""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from accounts.links import end_of_new
from accounts.models import ApiKey, Invitation, Registration, User


def found() -> list[str]:
    # Django keeps its checks in a set.
    return sorted(str(each.id) for each in run_checks() if str(each.id).startswith("accounts."))


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({}, []),
        ({"REGISTRATION": "yes"}, ["accounts.E001", "accounts.W001"]),
        ({"ACCESS_TOKEN_MINUTES": 0}, ["accounts.E002"]),
        ({"REFRESH_TOKEN_DAYS": -1}, ["accounts.E002"]),
        ({"REGISTRATION": "invite"}, ["accounts.W001"]),
        ({"REGISTRATION": "open", "EMAIL_URL": "smtp://mail.example"}, []),
        ({"SECURE": True}, ["accounts.W001"]),
        ({"SECURE": True, "EMAIL_URL": "smtp://mail.example"}, []),
    ],
)
def test_settings_are_checked(settings: Any, values: dict[str, Any], ids: list[str]) -> None:
    settings.REGISTRATION = "off"
    for name, value in values.items():
        setattr(settings, name, value)
    assert found() == ids


def test_empty_hashes_and_shared_addresses_are_no_rows(db: None) -> None:
    User.objects.create_user("a", "a@example.com")
    User.objects.create_user("b", "")
    User.objects.create_user("c", "")
    for make in (
        lambda: User.objects.create_user("d", "A@example.com"),
        lambda: Invitation.objects.create(email="x@example.com", token_hash="", expires_at=end_of_new()),
        lambda: Registration.objects.create(email="x@example.com", token_hash="", expires_at=end_of_new()),
        lambda: ApiKey.objects.create(name="x", prefix="x", key_hash="x", per_minute=0),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            make()


@pytest.mark.django_db(transaction=True)
def test_upgrade_names_the_addresses_that_several_users_have() -> None:
    executor = MigrationExecutor(connection)
    newest = [("accounts", name) for app, name in executor.loader.graph.leaf_nodes("accounts")]
    before = executor.migrate([("accounts", "0002_apikey_all_teams")]).apps
    users = before.get_model("accounts", "User").objects
    try:
        for name in "ab":
            users.create(username=name, email=("x@example.com", "X@example.com")["ab".index(name)])
        with pytest.raises(RuntimeError, match=r"x@example\.com"):
            MigrationExecutor(connection).migrate(newest)
        users.filter(username="b").update(email="")
    finally:
        users.filter(username__in="ab").update(email="")
        MigrationExecutor(connection).migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())
    assert User.objects.filter(username__in="ab").count() == 2
