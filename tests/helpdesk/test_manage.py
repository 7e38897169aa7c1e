"""The management entry: when it brings a database along, and when it must not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import manage
from helpdesk import embedded

ROOT = Path(manage.__file__).parent


def run(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env={**variables, "HELPDESK_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["help"],
        ["--version"],
        ["check"],
        ["makemigrations", "--check"],
        ["migrate", "--help"],
        ["serve", "-h"],
    ],
)
def test_command_without_need_starts_no_database(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("HELPDESK_HOME", str(tmp_path / "home"))
    with manage._database(arguments) as started:
        assert not started
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_FILE"])
def test_given_database_is_used_alone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("HELPDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(name, "somewhere")
    with manage._database(["migrate"]) as started:
        assert not started
    assert not (tmp_path / "home").exists()


def test_command_with_need_brings_the_server_and_takes_it_along(tmp_path: Path) -> None:
    try:
        first = run(tmp_path, "migrate", "contenttypes")
        assert first.returncode == 0, first.stderr
        assert not embedded.running(tmp_path)
        second = run(tmp_path, "inspectdb", "django_content_type")
        # Nothing but what the command prints may be on standard output: people pipe it.
        assert second.stdout.startswith("# This is an auto-generated")
    finally:
        embedded.destroy(tmp_path)


def test_database_that_cannot_start_is_one_message_on_stderr(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("9.6\n")
    result = run(tmp_path, "migrate")
    assert result.returncode == 1
    assert result.stdout == ""
    assert "was written by PostgreSQL 9.6" in result.stderr
    assert "Traceback" not in result.stderr


def test_env_file_fills_in_what_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    monkeypatch.delenv("LLM_MODEL", raising=False)
    file = tmp_path / ".env"
    manage._read_env_file(file)
    file.write_text("# comment\nPORT=2\nLLM_MODEL=openai/small\n")
    manage._read_env_file(file)
    try:
        assert os.environ["PORT"] == "1"
        assert os.environ["LLM_MODEL"] == "openai/small"
    finally:
        del os.environ["LLM_MODEL"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "abc", "PORT=abc cannot be read"),
        ("KNOWLEDGE_ANSWER_AT", "high", "KNOWLEDGE_ANSWER_AT=high cannot be read"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL=LOUD is none of"),
        ("DATABASE_URL", "nonsense", "DATABASE_URL must look like postgres://"),
    ],
)
def test_value_that_cannot_be_read_is_named_in_one_line(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    result = run(tmp_path, "check", **{name: value})
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_command_where_no_helpdesk_is_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    try:
        done = run(tmp_path, "create_api_key", "Shop")
    finally:
        embedded.destroy(tmp_path)
    assert done.returncode == 1
    assert "There is no helpdesk yet in" in done.stderr
    assert "Traceback" not in done.stderr
