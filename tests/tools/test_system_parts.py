"""What is said and done about programs that pip cannot give."""

import stat
from pathlib import Path

import pytest

from tools import run_checks, run_tests, system_parts

CHROMIUM, REDIS = system_parts.CHROMIUM, system_parts.REDIS


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(
        system_parts, "PARTS", (system_parts.Part("redis", "redis-server", ("redis-server",)),)
    )
    return tmp_path


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_missing_parts_are_those_not_on_the_path(empty_path: Path) -> None:
    assert [part.package for part in system_parts.missing()] == ["redis-server"]
    program(empty_path / "redis-server", "exit 0")
    assert system_parts.missing() == []


def test_install_calls_apt_as_root_only(empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(empty_path / "apt-get", f'echo "$@" >>{empty_path}/log')
    monkeypatch.setattr(Path, "exists", lambda _path: True)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert not system_parts.install([REDIS])
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert system_parts.install([CHROMIUM, REDIS])
    log = (empty_path / "log").read_text().splitlines()
    assert log == ["-qq update", "-qq install -y --no-install-recommends chromium redis-server"]


def test_install_that_fails_says_so(empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(empty_path / "apt-get", "exit 100")
    monkeypatch.setattr(Path, "exists", lambda _path: True)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert not system_parts.install([REDIS])


def test_main_names_the_command_when_it_cannot_install(
    empty_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert system_parts.main() == 1
    assert "sudo apt-get install redis-server" in capsys.readouterr().err
    program(empty_path / "redis-server", "exit 0")
    assert system_parts.main() == 0


@pytest.mark.parametrize(
    ("platform", "command"),
    [("linux", "sudo apt-get install chromium redis-server"), ("darwin", "brew install chromium redis")],
)
def test_advice_is_one_command(platform: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", platform)
    assert system_parts.advice([CHROMIUM, REDIS]) == command


def test_closing_line_names_what_was_left_out() -> None:
    assert "browser and redis" in run_tests.closing_line([CHROMIUM, REDIS], 0, complete=True)
    assert run_tests.closing_line([], 0, complete=True) == "No test was left out."
    assert run_tests.closing_line([], 1, complete=True) == "Not everything passed."
    assert run_tests.closing_line([], 0, complete=False) == "Only the tests asked for were run."
    assert "did not run to their end" in run_tests.closing_line([], 4, complete=True)


def test_tests_that_need_missing_parts_are_deselected() -> None:
    assert run_tests._deselected([]) == []
    assert run_tests._deselected([CHROMIUM, REDIS]) == ["-m", "not browser and not redis"]


def test_checks_report_what_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    python = run_checks.PYTHON
    checks = {
        "good": [python, "-c", "print('quiet')"],
        "bad": [python, "-c", "print('reason'); raise SystemExit(3)"],
    }
    monkeypatch.setattr(run_checks, "CHECKS", checks)
    assert run_checks.main(["good"]) == 0
    assert "quiet" not in capsys.readouterr().out
    assert run_checks.main([]) == 1
    printed = capsys.readouterr().out
    assert "FAILED bad" in printed
    assert "reason" in printed
    assert printed.endswith("1 checks passed, 1 failed.\n")
    assert run_checks.main(["nonsense"]) == 2
