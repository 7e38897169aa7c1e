"""Every example of the API's pages runs as it is written, and runs again, against the server of `make run`.

Fenced blocks marked `sh`, `python` and `js` are run; what is only to be read is marked otherwise. The shell
blocks of a page are one session, each other block is a program of its own. An answer that is a refusal fails.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.actions import create_api_key
from accounts.enums import Scope
from core.actor import Actor
from tests.live import LiveServer

PAGES = Path(__file__).parents[2] / "docs" / "api"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What curl says of a refusal would be an answer like any other.
SHELL = 'set -euo pipefail\ncurl() { command curl --fail-with-body --silent --show-error "$@"; }\n'
SECONDS = 120


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(page.read_text(encoding="utf-8")) if name == language]


def programs(page: Path) -> Iterator[tuple[str, list[str], str]]:
    """Yields what to run: its language, the command, and the text that it reads."""
    if session := blocks(page, "sh"):
        yield "sh", ["bash", "-s"], SHELL + "\n".join(session)
    for text in blocks(page, "python"):
        yield "python", [sys.executable, "-"], text
    if node := shutil.which("node"):
        for text in blocks(page, "js"):
            yield "js", [node, "--input-type=module", "-"], text


@pytest.fixture
def shop(transactional_db: None) -> Iterator[dict[str, str]]:
    """The demonstration on a running server, and what the pages take for granted."""
    call_command("load_demo", verbosity=0)
    _row, key = create_api_key(name="Docs", by=Actor.system(), scopes=[Scope.ADMIN], all_teams=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with LiveServer(worker=True) as server:
        yield {"API": f"{server.url}/api/v1", "URL": server.url, "KEY": key, "PATH": path}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_examples_run_as_written_and_run_again(page: Path, shop: dict[str, str], tmp_path: Path) -> None:
    failed = []
    for turn in ("first", "second"):
        for language, command, text in programs(page):
            done = subprocess.run(
                command,
                input=text,
                cwd=tmp_path,
                env=shop,
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
            if done.returncode != 0:
                failed.append(f"{turn} {language}:\n{text}\n{done.stdout}\n{done.stderr}")
    assert not failed, "\n\n".join(failed)


def test_every_page_has_an_example() -> None:
    pages = sorted(PAGES.glob("*.md"))
    assert pages
    assert [page.stem for page in pages if not list(programs(page))] == []
