"""The cast and the stage that all tests share.

Ana is an administrator, Bruno an operator of the support team, Clara one of the finance team, Davi a
customer with a conversation in the support inbox.
"""

import os
import shutil
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from django.utils import translation
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from accounts.enums import Role
from accounts.models import Team, User
from conversations.actions import Sender, receive
from conversations.models import Contact, Conversation, Inbox
from core.actor import Actor
from tests.browser import chromium as chromium  # noqa: PLC0414 (a fixture for all, as those below)
from tests.channels import letter as letter  # noqa: PLC0414
from tests.channels import mailbox as mailbox  # noqa: PLC0414
from tests.channels import post as post  # noqa: PLC0414
from tests.channels import template as template  # noqa: PLC0414
from tests.live import LiveServer, close_database_threads

# What a machine may lack: the marker of the tests that need it, and the program.
PROGRAMS = {"dovecot": "dovecot", "node": "npm"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs a program that is not here is left out of the run, and everything else takes place."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/usr/bin:/bin"
    lacking = [marker for marker, program in PROGRAMS.items() if not shutil.which(program, path=path)]
    needed = [item for item in items if any(item.get_closest_marker(marker) for marker in lacking)]
    if needed:
        config.hook.pytest_deselected(items=needed)
        items[:] = [item for item in items if item not in needed]


@pytest.fixture(scope="session", autouse=True)
def _no_thread_keeps_the_test_database(django_db_setup: None) -> Iterator[None]:
    """Threads keep their connections for good; the test database can only be dropped without them."""
    yield
    close_database_threads()


# Fewer examples where somebody waits; continuous integration tries Hypothesis' own hundred.
# Nowhere is slowness a failure: two cores may be shared by three tests and a browser.
PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=30, **PATIENT)
settings.register_profile("thorough", settings.default, **PATIENT)
settings.load_profile("thorough" if os.environ.get("CI") else "quick")

# Whose tests share a browser or a running product that takes long to start.
SHARING = ("_browser.py", "/test_widget_frames.py", "/test_survival.py", "/test_serve.py", "/test_fault.py")


class Scheduling(LoadScopeScheduling):
    """Deals tests out one by one, but those of a file that shares something together, and these first.

    xdist's own marks for this do nothing under pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith(SHARING) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Tells xdist who deals."""
    return Scheduling(config, log)


# Made once by migrating; Django makes them anew after each flush, which takes longer than most tests.
KEPT_TABLES = {"django_content_type", "auth_permission"}


@pytest.fixture(scope="session", autouse=True)
def _quick_flush() -> Iterator[None]:
    """Empties the database between tests by DELETE: TRUNCATE makes new files for fifty empty tables."""

    def sql_flush(_self: Any, _style: Any, tables: list[str], **_options: Any) -> list[str]:
        # Foreign keys are looked at when the transaction ends, so any order will do.
        return [f'DELETE FROM "{table}"' for table in tables if table not in KEPT_TABLES]  # noqa: S608 (names of ours)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        patch.setattr("django.core.management.commands.flush.emit_post_migrate_signal", lambda *_, **__: None)
        yield


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    """No test sees what another left in the cache."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _fresh_language() -> Iterator[None]:
    """A request leaves its language active in the thread until the next one comes."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _fresh_queue(request: pytest.FixtureRequest) -> Iterator[None]:
    """Jobs are no rows of Django's: flushing the test database leaves them, and a worker would run them."""
    yield
    marker = request.node.get_closest_marker("django_db")
    if "transactional_db" in request.fixturenames or (marker and marker.kwargs.get("transaction")):
        blocker = request.getfixturevalue("django_db_blocker")
        with blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_periodic_defers; DELETE FROM procrastinate_events")
            cursor.execute("DELETE FROM procrastinate_jobs; DELETE FROM procrastinate_workers")


@pytest.fixture
def still_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits count in one minute, of which 42 seconds are left, however long the test takes."""
    monkeypatch.setattr(
        "core.limits.time", SimpleNamespace(time=lambda: 1_800_000_018.0, monotonic=time.monotonic)
    )


@pytest.fixture
def team(db: None) -> Team:
    """The team Bruno works in."""
    return Team.objects.create(slug="support", name="Support")


@pytest.fixture
def other_team(db: None) -> Team:
    """The team Clara works in."""
    return Team.objects.create(slug="finance", name="Finance")


def make_user(name: str, role: Role, *teams: Team) -> User:
    """Makes a member of staff whose password is their name."""
    user = User.objects.create_user(
        name, f"{name}@example.com", name, first_name=name.title(), is_staff=True, role=role
    )
    user.teams.set(teams)
    return user


@pytest.fixture
def ana(team: Team) -> User:
    """The administrator."""
    user = make_user("ana", Role.ADMIN)
    user.is_superuser = True
    user.save(update_fields=["is_superuser"])
    return user


@pytest.fixture
def bruno(team: Team) -> User:
    """The operator who may see Davi's conversation."""
    return make_user("bruno", Role.OPERATOR, team)


@pytest.fixture
def clara(other_team: Team) -> User:
    """The operator of another team, who may not."""
    return make_user("clara", Role.OPERATOR, other_team)


@pytest.fixture
def inbox(team: Team) -> Inbox:
    """The support team's widget."""
    return Inbox.objects.create(name="Shop", team=team, title="Aurora", greeting="Hello", agent_name="Lia")


@pytest.fixture
def conversation(inbox: Inbox) -> Conversation:
    """Davi's conversation, with one message of his."""
    sender = Sender("davi", name="Davi Duarte", email="davi@example.com", locale="pt-br")
    return receive(inbox=inbox, sender=sender, text="Onde está meu pedido?").conversation


@pytest.fixture
def davi(conversation: Conversation) -> Contact:
    """The customer."""
    return conversation.contact


@pytest.fixture
def system() -> Actor:
    """The machine itself."""
    return Actor.system()


@pytest.fixture
def server(transactional_db: None) -> Iterator[LiveServer]:
    """The whole product on a port of its own, worker included, on the test database."""
    with LiveServer(worker=True) as running:
        yield running


@pytest.fixture
def quiet_server(transactional_db: None) -> Iterator[LiveServer]:
    """The product without a worker: nobody answers by itself."""
    with LiveServer(worker=False) as running:
        yield running
