"""What is prepared before the first request, and what is left alone the second time."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connection

from conversations.models import Inbox
from helpdesk import startup


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that startup calls, which then do nothing."""
    made: list[str] = []
    monkeypatch.setattr(startup, "call_command", lambda name, **_options: made.append(name))
    return made


@pytest.fixture
def source(tmp_path: Path, settings: Any) -> Path:
    """A directory that holds the only static files there are."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a.css").write_text("p {}")
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "static"
    return folder


def quiet(_line: str) -> None:
    """Nobody listens."""


def test_prepare_migrates_and_loads_the_demo_once(db: None, source: Path, calls: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app='conversations'")
    (source.parent / "static").mkdir()
    said: list[str] = []
    startup.prepare(said.append, demo=True)
    assert calls == ["migrate", "load_demo", "collectstatic"]
    assert len(said) == 3


def test_prepare_does_nothing_when_nothing_is_missing(db: None, source: Path, calls: list[str]) -> None:
    (source.parent / "static").mkdir()
    startup.collect_static(quiet)
    calls.clear()
    Inbox.objects.create(name="Shop")
    startup.prepare(quiet, demo=True)
    assert calls == []


def test_prepare_leaves_an_empty_database_empty_when_told(db: None, source: Path, calls: list[str]) -> None:
    (source.parent / "static").mkdir()
    startup.prepare(quiet, demo=False)
    assert "load_demo" not in calls


def test_prepare_lets_others_in_afterwards_even_when_it_fails(
    db: None, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, **_options: object) -> None:
        raise CommandError(name)

    (source.parent / "static").mkdir()
    (source.parent / "static" / ".stamp").write_text(startup.static_state())
    monkeypatch.setattr(startup, "call_command", fail)
    with pytest.raises(CommandError, match="load_demo"):
        startup.prepare(quiet, demo=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype='advisory' AND objid=%s", [startup.LOCK])
        assert cursor.fetchone() == (0,)


def test_static_files_are_collected_again_only_after_a_change(source: Path) -> None:
    said: list[str] = []
    startup.collect_static(said.append)
    assert (source.parent / "static" / "a.css").exists()
    startup.collect_static(said.append)
    assert len(said) == 1
    (source / "a.css").write_text("p { margin: 0 }")
    startup.collect_static(said.append)
    assert len(said) == 2


def test_home_can_be_claimed_by_one_server_only(tmp_path: Path, settings: Any) -> None:
    settings.HELPDESK_HOME = tmp_path / "home"
    claim = startup.claim_home()
    with pytest.raises(CommandError, match="Another server already works in"):
        startup.claim_home()
    os.close(claim)
    os.close(startup.claim_home())
