"""`manage.py replay_inbound`: any folder of payloads, as often and in whatever order."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from conversations.enums import Verdict
from conversations.models import InboundEvent, Inbox, Message
from tests.conversations.lines import event, incoming, told
from tests.conversations.scripted import ScriptedAdapter

pytestmark = pytest.mark.django_db


def replay(*arguments: Any, **options: Any) -> dict[str, Any]:
    out = io.StringIO()
    call_command("replay_inbound", *arguments, stdout=out, **options)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight payloads with two messages each, and four that nobody can read."""
    (tmp_path / "deep").mkdir()
    for number in range(8):
        items = [incoming(number, f"t{number}"), incoming("shared", "in each of them")]
        where = tmp_path / ("deep" if number % 2 else ".")
        (where / f"{number}.json").write_text(json.dumps({"items": items}))
    for name, content in (
        ("a.eml", b"From: x\r\n\r\nhi"),
        ("b.json", b"{"),
        ("c", b""),
        ("d.bin", b"\xff\x00" * 9),
    ):
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("options", [{}, {"shuffle": True, "seed": 7}])
def test_folder_fed_three_times_is_stored_once_and_loses_nothing(
    line: Inbox, folder: Path, options: Any
) -> None:
    said = replay(str(folder), inbox="Line", times=3, **options)
    assert (said["files"], said["fed"], said["stored"], said["repeated"]) == (12, 36, 12, 24)
    assert (said["done"], said["quarantined"], said["failed"], said["waiting"]) == (8, 4, 0, 0)
    assert said["messages"] == Message.objects.count() == 9
    assert said["peak_mib"] > 0
    again = replay(str(folder), inbox=str(line.pk))
    assert (again["stored"], again["messages"]) == (0, 0)


def test_file_comes_with_its_type(line: Inbox, folder: Path) -> None:
    replay(str(folder), inbox=line.key)
    types = {
        bytes(row.body)[:4]: row.headers for row in InboundEvent.objects.filter(verdict=Verdict.QUARANTINED)
    }
    assert types[b"From"] == {"content-type": "message/rfc822"}
    assert types[b"{"] == {"content-type": "application/json"}


def test_quarantine_is_replayed_once_it_can_be_read(line: Inbox, monkeypatch: Any) -> None:
    told(line, body=b"{")
    parse = ScriptedAdapter.parse
    with monkeypatch.context() as patch:
        patch.setattr(ScriptedAdapter, "parse", lambda *_: 1 / 0)
        told(line, incoming(1))
    assert replay() == {"replayed": 2, "quarantined": 1}
    assert ScriptedAdapter.parse is parse
    assert Message.objects.get().external_id == "m1"


def test_quarantine_of_one_inbox_is_replayed_alone(line: Inbox) -> None:
    other = Inbox.objects.create(name="Other", channel="scripted")
    for inbox in (line, other):
        told(inbox, body=b"{")
    assert replay(inbox="Other")["replayed"] == 1


def test_what_was_understood_is_not_replayed(line: Inbox) -> None:
    told(line, incoming(1))
    event(line, incoming(2))
    assert replay() == {"replayed": 0, "quarantined": 0}
    assert Message.objects.count() == 1


@pytest.mark.parametrize("name", ["Nobody", "999999", ""])
def test_inbox_that_is_not_there_is_said_with_those_that_are(line: Inbox, tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match="Line" if name else "--inbox"):
        replay(str(tmp_path), inbox=name)


def test_folder_that_is_not_there_is_said(line: Inbox, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not a folder"):
        replay(str(tmp_path / "nowhere"), inbox="Line")


def test_receipt_that_comes_before_what_it_tells_of_is_looked_at_again(line: Inbox, tmp_path: Path) -> None:
    edited = {"kind": "edited", "external_id": "m1", "text": "better"}
    for name, item in (("1.json", edited), ("2.json", incoming(1, "good"))):
        (tmp_path / name).write_text(json.dumps({"items": [item]}))
    said = replay(str(tmp_path), inbox="Line")
    assert (said["done"], said["waiting"]) == (2, 0)
    assert Message.objects.get().text == "better"


def test_reasons_are_counted(line: Inbox, tmp_path: Path) -> None:
    for number in range(2):
        ignored = {"kind": "ignored", "reason": "a typing sign"}
        (tmp_path / f"{number}.json").write_text(json.dumps({"id": f"i{number}", "items": [ignored]}))
    said = replay(str(tmp_path), inbox="Line")
    assert (said["ignored"], said["why"]) == (2, {"a typing sign": 2})
