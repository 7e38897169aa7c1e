"""Evaluations: a suite is read, played through the product, judged, recorded and replayed."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection

from agents.evaluation import apart
from agents.evaluation.cases import Case, Kind
from agents.evaluation.comparing import compare, differences
from agents.evaluation.reading import read_suite, wanted
from agents.evaluation.report import as_json, figure, write_report
from agents.evaluation.running import FAILED, KNOWN, LEFT_OUT, MENDED, PASSED, Verdict, Way, run_cases
from agents.evaluation.yaml_fields import BadSuite
from agents.models import Run
from conversations.models import Contact, Conversation, Message
from tests.fakes.openai_server import OpenAIServer, Reply
from tickets.models import Ticket

SUITE = Path(__file__).parents[2] / "agents" / "suite"
BUILTIN, FAKE = Way(), "custom/main"
# A case without search: nothing has to be indexed for it.
SMALL = """
- id: small
  title: A small case
  kind: grounding
  language: en
  knowledge: []
  model: scripted
  others: [{name: Marina, says: ["canary-said"], note: "canary-noted", ticket: "canary-ticket"}]
  turns:
    - says: I need a lamp for my kitchen
      script:
        - {tool: create_ticket, arguments: {subject: "A lamp", description: "For the kitchen"}}
        - {text: "I opened a ticket for our team. They will write to you."}
      expect: {EXPECT}
"""
ASKED = """
id: asked
title: What a model is asked
kind: multi_turn
language: en
knowledge: []
turns:
  - says: Where is my order?
  - says: And the other one?
"""


def suite(folder: Path, text: str) -> list[Case]:
    folder.mkdir(exist_ok=True)
    (folder / "cases.yaml").write_text(text.strip(), encoding="utf-8")
    return read_suite(folder)


def small(folder: Path, expect: str = "", **replaced: str) -> list[Case]:
    text = SMALL.replace("EXPECT", expect)
    for old, new in replaced.items():
        text = text.replace(old, new)
    return suite(folder, text)


async def played(cases: Sequence[Case], folder: Path, way: Way = BUILTIN) -> list[Verdict]:
    return [verdict async for verdict in run_cases(cases, folder, way)]


# --- Reading -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id: a\ntitle: b\nkind: nonsense", "cases.yaml, line 3: kind: must be one of grounding"),
        ("title: b\nkind: refusal", "line 1: id: is missing"),
        ("id: a\nid: b", "id is told twice"),
        ("- id: a\n  title: b\n  kind: refusal\n  language: en\n  turns: []", "line 5: turns: a case needs"),
        ("id: 'a/../b'", "line 1: id: may only hold"),
        ("id: [", "cases.yaml: "),
        ("just text", "line 1: case: must be a mapping"),
        (SMALL.replace("EXPECT", "answer: yes"), "line 13: answer: a expect has no such field"),
        (SMALL.replace("EXPECT", "answers: perhaps"), "answers: must be one of yes, no, silent"),
        (SMALL.replace("EXPECT", "tickets: -1"), "tickets: must be a whole number"),
        (SMALL.replace("EXPECT", "says: [no]"), "says: must be a text or a list of texts"),
        (SMALL.replace("EXPECT", "at_most: {cost: much}"), "cost: must be a number"),
        (
            SMALL.replace("model: scripted", "persona: x"),
            "script: only a case with `model: scripted` has one",
        ),
        (SMALL.replace("canary-said", "x") + SMALL, "id: small is the id of a case"),
    ],
)
def test_mistake_is_told_with_file_line_and_field(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadSuite) as error:
        suite(tmp_path, text.replace("{EXPECT}", "{}"))
    assert told in str(error.value)


def test_folder_without_cases_and_unknown_case_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadSuite, match="no YAML files"):
        read_suite(tmp_path)
    with pytest.raises(BadSuite, match="no case nowhere"):
        wanted(small(tmp_path), ["nowhere"])


def test_shipped_suite_has_every_kind_and_language() -> None:
    cases = read_suite(SUITE)
    assert len(cases) >= 60
    assert {case.kind for case in cases} == set(Kind)
    assert {case.language for case in cases} == {"pt", "es", "en"}
    for kind in (Kind.GROUNDING, Kind.REFUSAL, Kind.HAND_OVER):
        assert {case.language for case in cases if case.kind == kind} == {"pt", "es", "en"}


# --- Playing and judging -----------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
async def test_shipped_suite_comes_out_as_it_has_to() -> None:
    verdicts = await played(read_suite(SUITE), SUITE)
    failed = {verdict.case.id: verdict.faults for verdict in verdicts if verdict.state != PASSED}
    known = {verdict.case.id for verdict in verdicts if verdict.state == KNOWN}
    assert {name: faults for name, faults in failed.items() if name not in known} == {}
    # Each is marked with its reason, and a fault that is mended loses its mark.
    assert len(known) <= 14


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("expect", "fault"),
    [
        ("answers: yes", "should answer from what we know"),
        ("answers: silent", "should say nothing"),
        ("cites: [Prices]", "should cite “Prices”"),
        ("says: prices", "should say “prices”"),
        ("says: {any: [prices, dates]}", "should say one of"),
        ("says_not: TICKET", "should not say “TICKET”"),
        ("offers: Open a ticket", "should offer “Open a ticket”"),
        ("language: pt", "should speak pt"),
        ("calls: hand_over", "should call hand_over"),
        ("calls: {create_ticket: {subject: sofa}}", "should call create_ticket"),
        ("calls_not: create_ticket", "should not call create_ticket"),
        ("status: open", "should be open, but is bot"),
        ("tickets: 0", "there should be 0 tickets, but there are 1"),
        ("tickets: {count: 1, subject: sofa}", "subject should hold “sofa”"),
        ("never: kitchen", "must never reach the model"),
        ("never: write to you", "must never reach the customer"),
        ("at_most: {steps: 0}", "at most 0 steps"),
        ("at_most: {tokens: 1}", "at most 1 tokens"),
    ],
)
async def test_every_expectation_can_fail(tmp_path: Path, expect: str, fault: str) -> None:
    (verdict,) = await played(small(tmp_path, expect), tmp_path)
    assert verdict.state == FAILED
    assert any(fault in told for told in verdict.faults), verdict.faults


@pytest.mark.django_db(transaction=True)
async def test_case_passes_with_what_really_came_of_it(tmp_path: Path) -> None:
    expect = (
        "says: TICKET, calls: {create_ticket: {subject: lamp}}, tickets: {count: 1, description: Kitchen},"
        " language: en, status: bot, cites: [], never: [canary-said, canary-noted, canary-ticket],"
        " at_most: {steps: 1, cost: 0}"
    )
    (verdict,) = await played(small(tmp_path, expect), tmp_path)
    assert (verdict.state, verdict.faults) == (PASSED, [])


@pytest.mark.django_db(transaction=True)
async def test_known_fault_is_counted_apart_and_a_mended_one_told(tmp_path: Path) -> None:
    mark = "model: scripted\n  known: {scripted: not yet}"
    (known,) = await played(small(tmp_path, "tickets: 0", **{"model: scripted": mark}), tmp_path)
    (mended,) = await played(small(tmp_path, "tickets: 1", **{"model: scripted": mark}), tmp_path)
    assert (known.state, known.reason, mended.state) == (KNOWN, "not yet", MENDED)
    (other,) = await played(
        small(tmp_path, "tickets: 0", **{"model: scripted": mark.replace("{scripted", "{other")}), tmp_path
    )
    assert other.state == FAILED


@pytest.mark.django_db(transaction=True)
async def test_change_of_what_belongs_to_others_fails_any_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agents.evaluation import stage

    real = stage._tickets

    def meddles() -> list[dict[str, str]]:
        Ticket.objects.filter(requester__name="Marina").update(subject="Taken over")
        return real()

    monkeypatch.setattr(stage, "_tickets", meddles)
    (verdict,) = await played(small(tmp_path), tmp_path)
    assert verdict.faults == ["end: the matters of Marina were changed"]


# --- Recording and replaying -------------------------------------------------------------------------------
@pytest.fixture
async def recorded(tmp_path: Path, provider: OpenAIServer) -> list[Case]:
    """Two turns, as a server answered them: in words, and with a tool."""
    provider.script(
        Reply(text="I do not know."),
        Reply(tool_calls=(("create_ticket", '{"subject": "The other order"}'),)),
        Reply(text="I opened a ticket."),
    )
    cases = suite(tmp_path, ASKED)
    (verdict,) = await played(cases, tmp_path, Way(FAKE, records=True))
    assert len(provider.chats) == 3, verdict.faults
    provider.reset()
    return cases


@pytest.mark.django_db(transaction=True)
async def test_replay_says_the_same_and_asks_nobody(
    tmp_path: Path, recorded: list[Case], provider: OpenAIServer
) -> None:
    first, second = [await played(recorded, tmp_path, Way(FAKE)) for _ in range(2)]
    assert first[0].state == PASSED
    assert [said.text for turn in first[0].performance.turns for said in turn.said] == [
        "I do not know.", "I opened a ticket.",
    ]  # fmt: skip
    assert [ticket["subject"] for ticket in first[0].performance.turns[-1].tickets] == ["The other order"]
    assert provider.chats == []
    for name, verdicts in (("a", first), ("b", second)):
        write_report(tmp_path / name, verdicts, Way(FAKE))
    for file in ("report.json", "report.html"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.django_db(transaction=True)
async def test_request_that_changed_fails_and_says_what_changed(tmp_path: Path, recorded: list[Case]) -> None:
    del recorded
    changed = suite(
        tmp_path, ASKED.replace("knowledge: []", "knowledge: []\npersona: Be brief as a sparrow.")
    )
    (verdict,) = await played(changed, tmp_path, Way(FAKE))
    assert verdict.state == FAILED
    assert "record it again" in verdict.faults[0]
    assert "+Be brief as a sparrow." in verdict.difference
    (lenient,) = await played(changed, tmp_path, Way(FAKE, lenient=True))
    assert lenient.state == PASSED


@pytest.mark.django_db(transaction=True)
async def test_recording_is_readable_and_holds_no_key(tmp_path: Path, recorded: list[Case]) -> None:
    (file,) = (tmp_path / "recordings").rglob("*.jsonl")
    assert file.name == f"{recorded[0].id}.jsonl"
    text = file.read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert [(row["turn"], row["step"]) for row in rows] == [(1, 1), (2, 1), (2, 2)]
    assert "Where is my order?" in rows[0]["request"]["messages"][1]["content"]
    assert "sk-secret" not in text


@pytest.mark.django_db(transaction=True)
async def test_failure_of_a_provider_is_recorded_and_fails_again(
    tmp_path: Path, provider: OpenAIServer
) -> None:
    provider.script(Reply(status=400))
    cases = suite(tmp_path, ASKED.replace("  - says: And the other one?\n", ""))
    (live,) = await played(cases, tmp_path, Way(FAKE, records=True))
    (again,) = await played(cases, tmp_path, Way(FAKE))
    assert live.performance.turns[0].runs == again.performance.turns[0].runs == ["failed"]
    assert live.performance.turns[0].status == again.performance.turns[0].status == "open"


@pytest.mark.django_db(transaction=True)
async def test_case_without_a_recording_is_left_out_and_not_passed(tmp_path: Path) -> None:
    (verdict,) = await played(suite(tmp_path, ASKED), tmp_path, Way(FAKE))
    assert verdict.state == LEFT_OUT


@pytest.mark.django_db(transaction=True)
async def test_shipped_recordings_can_be_replayed() -> None:
    for folder in sorted((SUITE / "recordings").iterdir()):
        way = Way(folder.name.replace("-", "/", 1))
        verdicts = await played(read_suite(SUITE), SUITE, way)
        assert [verdict.difference for verdict in verdicts if verdict.difference] == []
        assert sum(verdict.state != LEFT_OUT for verdict in verdicts) > len(list(folder.iterdir()))


# --- Apart -------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_command_leaves_no_trace_and_ends_with_one(tmp_path: Path, conversation: Conversation) -> None:
    small(tmp_path / "suite", "tickets: 5")
    before, databases_before = rows(), databases()
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("evaluate_agent", tmp_path / "suite", out=tmp_path / "out", stdout=out)
    assert ended.value.code == 1
    assert "FAILED    small" in out.getvalue()
    assert rows() == before
    assert Conversation.objects.get() == conversation
    assert databases() <= databases_before
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert told["counts"][FAILED] == 1
    assert "there should be 5 tickets" in (tmp_path / "out" / "report.html").read_text()


def databases() -> set[str]:
    """Those of evaluations; another may be running on the same server."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [apart.PREFIX])
        return {name for (name,) in cursor.fetchall()}


def rows() -> list[int]:
    return [model.objects.count() for model in (Contact, Conversation, Message, Run)]


def test_command_tells_what_is_wrong_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no YAML files"):
        call_command("evaluate_agent", tmp_path)
    with pytest.raises(CommandError, match="Name the folder"):
        call_command("evaluate_agent")


@pytest.mark.django_db(transaction=True)
def test_server_that_makes_no_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: str) -> None:
        raise ProgrammingError("permission denied to create database")

    monkeypatch.setattr(apart, "_create", refuse)
    small(tmp_path)
    before = connection.settings_dict["NAME"]
    with pytest.raises(CommandError, match="permission denied"):
        call_command("evaluate_agent", tmp_path)
    assert connection.settings_dict["NAME"] == before


@pytest.mark.django_db
def test_live_database_is_never_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "NAME", "helpdesk")
    with pytest.raises(apart.NotApart):
        apart.empty(keep_knowledge=False)


# --- Reports -----------------------------------------------------------------------------------------------
def told(state: str, text: str, **more: Any) -> dict[str, Any]:
    turn = {"says": "Hi", "said": [{"text": text, "cites": [], "offers": []}]}
    return {"id": "a", "title": "A", "state": state, "faults": [], "turns": [turn]} | more


def report(*cases: dict[str, Any]) -> dict[str, Any]:
    totals = {"tokens": 1, "cost": 0, "steps": 0, "seconds": 0}
    return {"model": "m", "cases": list(cases), "totals": totals}


def test_comparison_says_what_got_better_worse_and_other(tmp_path: Path) -> None:
    before = report(
        told(PASSED, "old"), told(FAILED, "x", id="b"), told(PASSED, "x", id="c"), told(KNOWN, "x", id="d")
    )
    after = report(
        told(PASSED, "<b>new</b>"),
        told(PASSED, "x", id="b"),
        told(FAILED, "x", id="c"),
        told(FAILED, "x", id="d"),
    )
    found = differences(before, after)
    ids = {name: [pair["id"] for pair in found[name]] for name in ("better", "worse", "changed")}
    assert ids == {"better": ["b"], "worse": ["c", "d"], "changed": ["a"]}
    for name, whole in (("a", before), ("b", after)):
        (tmp_path / f"{name}.json").write_text(json.dumps(whole))
    text = compare(tmp_path / "a.json", tmp_path / "b.json", tmp_path)
    assert "    < old\n    > <b>new</b>" in text
    page = (tmp_path / "comparison.html").read_text()
    assert "&lt;b&gt;new" in page
    assert "<b>new" not in page


def test_comparison_of_what_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("[]")
    with pytest.raises(BadSuite, match="is no report"):
        compare(tmp_path, tmp_path, None)


@pytest.mark.django_db(transaction=True)
async def test_report_counts_by_kind_and_escapes_what_was_said(tmp_path: Path) -> None:
    cases = small(tmp_path, "", **{"a lamp for my kitchen": "<script>alert(1)</script>"})
    verdicts = await played(cases, tmp_path)
    whole = as_json(verdicts, BUILTIN)
    assert whole["rates"]["kind"] == [{"name": "grounding", "played": 1, "passed": 1}]
    write_report(tmp_path, verdicts, BUILTIN)
    assert "<script>" not in (tmp_path / "report.html").read_text()


@pytest.mark.django_db(transaction=True)
async def test_report_shows_first_what_failed_and_nothing_that_was_not_measured(tmp_path: Path) -> None:
    good = small(tmp_path / "good")
    bad = small(tmp_path / "bad", "tickets: 5", small="zzz-fails")
    write_report(tmp_path, await played([*good, *bad], tmp_path), BUILTIN)
    page = (tmp_path / "report.html").read_text()
    assert page.index("zzz-fails ·") < page.index("small ·")
    assert "<strong>1</strong>failed" in page
    assert "seconds of the model" not in page
    assert "http" not in page.replace("https://site", "")


def test_figures_are_told_as_people_read_them() -> None:
    assert [figure(value) for value in (0, 298608, 0.5, 12.0, 1234.5, 0.0000004)] == [
        "0", "298,608", "0.5", "12", "1,234.5", "0",
    ]  # fmt: skip
