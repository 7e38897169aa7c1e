import asyncio
import json
import random
from typing import Any

import aiohttp
import pytest

from benchmarks import resume
from benchmarks.faults import tabs
from benchmarks.faults.tabs import Room, Snapshot, Stage, StreamTab, Tab, Tally
from benchmarks.prepare import visitors
from conversations.models import Event, Inbox
from integrations.web import session
from tests.live import LiveServer


@pytest.fixture
def rooms(quiet_server: LiveServer, inbox: Inbox) -> list[Room]:
    """Two visitors who have written once."""
    known = visitors(inbox, 2)
    return [Room(inbox.key, visitor["token"], visitor["conversation"]) for visitor in known]


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Cuts come ten times as often, little is already too much to be told, and nobody has to write less."""
    monkeypatch.setattr(tabs, "ASLEEP_SHARE", 0.3)
    for module in (tabs, session):
        monkeypatch.setattr(module, "REPLAY_LIMIT", 30)
    monkeypatch.setattr(tabs, "CUT_AFTER", (0.1, 0.5))
    monkeypatch.setattr(tabs, "HALF_OPEN", (0.5, 1.0))
    settings.CHAT_MESSAGES_PER_MINUTE = 1_000_000


def truth() -> resume.Stored:
    found: resume.Stored = {}
    for event in Event.objects.select_related("message"):
        message = event.message
        said = (str(message.pk), message.text) if message else ("", "")
        found.setdefault(str(event.conversation_id), {})[event.seq] = said
    return found


@pytest.mark.usefixtures("_hasty")
@pytest.mark.parametrize(("kind", "events"), [(Tab, 1_200), (StreamTab, 1_000)])
def test_tabs_that_are_cut_hear_each_event_once_and_in_order(
    quiet_server: LiveServer, rooms: list[Room], kind: type[Tab], events: int
) -> None:
    stage = Stage([quiet_server.url], random.Random(1))
    everybody = [kind(stage, rooms[number % 2], f"tab.{number}") for number in range(12)]

    async def play() -> None:
        async with aiohttp.ClientSession() as stage.http:
            await resume.play(stage, everybody, events)

    asyncio.run(play())
    verdict = resume.judge(stage.tally, everybody, rooms, truth())
    verdict.decide(events)
    assert verdict.failures == []
    assert stage.tally.cuts > 24
    assert stage.tally.half_open > 0
    assert stage.tally.snapshots


def tab(*, seq: int = 1) -> Tab:
    stage = Stage([], random.Random(1), is_ending=True)
    made = Tab(stage, Room("key", "token", "c"), "tab.1")
    made.seq = seq
    return made


def event(seq: int, text: str = "") -> bytes:
    message = {"id": f"m{seq}", "seq": seq, "text": text or f"text {seq}"}
    return json.dumps({"type": "event", "seq": seq, "event": "message.created", "message": message}).encode()


@pytest.mark.parametrize(
    ("heard", "figures"),
    [
        ([2, 3, 4], (0, 0, 0)),
        ([2, 4, 5], (1, 0, 0)),
        ([2, 3, 3], (0, 1, 0)),
        ([3, 2, 4], (0, 0, 1)),
        ([5, 3, 3], (2, 1, 1)),
    ],
)
def test_tab_counts_gaps_doubles_and_disorder(heard: list[int], figures: tuple[int, int, int]) -> None:
    listening = tab()
    for seq in heard:
        listening.hear(event(seq), 0.0)
    tally = listening.stage.tally
    assert (tally.gaps, tally.doubles, tally.disorder) == figures
    assert (tally.events, listening.seq) == (len(heard), max(heard))


def test_two_tabs_that_hear_different_things_under_a_number_are_seen() -> None:
    one = tab()
    other = Tab(one.stage, one.room, "tab.2")
    one.hear(event(2, "yes"), 0.0)
    other.hear(event(2, "no"), 0.0)
    assert one.stage.tally.unlike == 1


@pytest.mark.parametrize(("seq", "needless"), [(501, 0), (500, 1)])
def test_snapshot_is_needless_for_a_tab_that_missed_little(seq: int, needless: int) -> None:
    listening = tab()
    listening.hear(json.dumps({"type": "snapshot", "seq": seq, "messages": []}).encode(), 0.0)
    assert (listening.stage.tally.needless, listening.seq) == (needless, seq)
    listening.hear(event(seq + 1), 0.0)
    assert listening.stage.tally.gaps == 0


ROWS = {seq: (f"m{seq}", f"text {seq}") for seq in range(1, 301)}


def verdict_on(room: Room, listening: Tab, tally: Tally | None = None) -> list[str]:
    found = resume.judge(tally or Tally(), [listening], [room], {"c": ROWS})
    found.decide(0)
    return found.failures


def heard_all() -> tuple[Room, Tab]:
    listening = tab(seq=300)
    listening.room.heard = {seq: said for seq, said in ROWS.items() if seq > 1}
    listening.room.written = 300
    return listening.room, listening


def test_judge_lets_a_whole_run_pass() -> None:
    room, listening = heard_all()
    assert verdict_on(room, listening) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"written": 299}, "messages stored too many or too few"),
        ({"written": 301}, "messages stored too many or too few"),
        ({"heard": {7: ("m7", "something else")}}, "events that are not what is stored"),
        ({"heard": {301: ("m301", "never stored")}}, "events that are not what is stored"),
    ],
)
def test_judge_sees_what_is_not_as_stored(change: dict[str, Any], words: str) -> None:
    room, listening = heard_all()
    for name, value in change.items():
        setattr(room, name, value)
    assert [words in line for line in verdict_on(room, listening)] == [True]


def test_judge_sees_a_tab_that_did_not_hear_the_end() -> None:
    room, listening = heard_all()
    listening.seq = 299
    assert verdict_on(room, listening) == ["1 tabs that did not hear the end"]


def test_judge_sees_too_few_events() -> None:
    room, listening = heard_all()
    found = resume.judge(Tally(events=5), [listening], [room], {"c": ROWS})
    found.decide(6)
    assert found.failures == ["5 of 6 events heard"]


@pytest.mark.parametrize(
    ("messages", "is_wrong"),
    [
        ([(seq, ROWS[seq]) for seq in range(51, 251)], False),
        ([(seq, ROWS[seq]) for seq in range(52, 251)], True),
        ([(seq, ROWS[seq]) for seq in range(51, 250)], True),
        ([(seq, ROWS[1]) for seq in range(51, 251)], True),
    ],
)
def test_judge_holds_snapshots_against_what_is_stored(messages: list[Any], *, is_wrong: bool) -> None:
    room, listening = heard_all()
    tally = Tally(snapshots=[Snapshot("c", 250, messages)])
    assert (verdict_on(room, listening, tally) != []) is is_wrong
