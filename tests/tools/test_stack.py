"""The four processes on the loopback interface."""

import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpdesk import embedded
from tools.stack import Stack, StackError


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="helpdesk-stack-")).resolve()
    path.chmod(0o755)
    yield path
    embedded.destroy(path)
    shutil.rmtree(path)


@pytest.mark.redis
def test_stack_starts_loses_a_part_and_ends(home: Path) -> None:
    with Stack(home, environment={"HELPDESK_DEMO": "0"}) as stack:
        with urllib.request.urlopen(f"{stack.base_url}/health/ready", timeout=30) as answer:
            assert answer.status == 200
        with pytest.raises(StackError, match="runs already"):
            stack.start("worker")
        stack.kill("worker")
        assert stack.died() is None
        stack.start("worker")
        assert stack.stop("worker") == 0
        assert embedded.running(home)
    assert not embedded.running(home)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(stack.base_url, timeout=5)


def test_part_that_cannot_start_shows_its_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stack, "parts", ("web",))
    nowhere = "postgres://nobody@127.0.0.1:1/nothing"
    with (
        pytest.raises(StackError, match=r"web did not come up:\n(.|\n)*refused"),
        Stack(home, database_url=nowhere),
    ):
        pass


def test_missing_redis_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home))
    stack = Stack(home, database_url="postgres://nobody@127.0.0.1:1/nothing")
    with pytest.raises(StackError, match="redis-server is missing"), stack:
        pass
