"""What the description allows and forbids, asked of a running server: `make contract` asks more of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.schema import description
from helpdesk import demo
from tests.live import LiveServer
from tools import contract


@pytest.mark.django_db(transaction=True)
def test_the_server_answers_as_it_is_described(settings: Any, tmp_path: Path, capfd: Any) -> None:
    for name, value in contract.WITHOUT_PACE.items():
        setattr(settings, name, int(value))
    demo.load()
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps(description()), encoding="utf-8")
    with LiveServer(worker=True) as server:
        credentials = contract.signed_in(server.url)
        failed = [
            caller
            for caller in contract.CALLERS
            if not contract.judged(
                server.url,
                described,
                credentials[caller],
                contract.turns_of(["fuzzing"], tmp_path, seconds=0, customer=""),
                "--max-examples=1",
                "--seed=1",
            )
        ]
    assert failed == [], capfd.readouterr().out


def _walks(turn: list[str]) -> bool:
    return "--phases=stateful" in turn


def test_walks_along_links_have_a_time_to_fill_and_know_no_farewell(tmp_path: Path) -> None:
    """Without one, a walk is over at the first answer that is not the one from before."""
    turns = list(contract.turns_of(contract.PHASES, tmp_path, seconds=7, customer="1"))
    first, *walks, last = turns
    assert [_walks(turn) for turn in turns] == [False, True, True, True, False]
    assert all("--max-time=7" in turn for turn in walks)
    assert all(f"--include-operation-id={name}" in last for name in contract.FAREWELLS)
    assert all(f"--exclude-operation-id={name}" in first for name in contract.FAREWELLS)


def test_walks_alone_are_followed_by_no_turn_in_which_nothing_is_left(tmp_path: Path) -> None:
    turns = contract.turns_of(["stateful"], tmp_path, seconds=7, customer="1")
    assert all(_walks(turn) for turn in turns)


def test_names_that_walks_are_told_by_are_described() -> None:
    paths = description()["paths"]
    named = {operation["operationId"] for path in paths.values() for operation in path.values()}
    assert named.issuperset([*contract.FAREWELLS, *contract.OWN])
    assert [path for path in paths if re.match(contract.CUSTOMERS, path)]
