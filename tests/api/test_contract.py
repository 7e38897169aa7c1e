"""What the description allows and forbids, asked of a running server: `make contract` asks more of it."""

import json
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
                server.url, described, credentials[caller], "--max-examples=1", "--phases=fuzzing", "--seed=1"
            )
        ]
    assert failed == [], capfd.readouterr().out
