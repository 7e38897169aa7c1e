"""Two reports beside each other: what got better, what got worse, what is said differently, what it costs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.evaluation.report import JSON_NAME, UNITS, figure, rendered
from agents.evaluation.running import KNOWN, MENDED, PASSED
from agents.evaluation.yaml_fields import BadSuite

HTML_NAME = "comparison.html"
GOOD = {PASSED, MENDED}
TOTALS = ("tokens", "cost", "steps", "seconds")
Json = dict[str, Any]


def compare(first: Path, second: Path, out: Path | None) -> str:
    """Returns in words what changed from one report to the other; with `out`, a page is written there, too.

    Reports are given as files or as the folders they lie in. Raises BadSuite where one cannot be read.
    """
    before, after = read_report(first), read_report(second)
    found = differences(before, after)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / HTML_NAME).write_text(rendered("comparison.html", _page(found)), encoding="utf-8")
    return in_words(found)


def _page(found: Json) -> Json:
    first, second = found["models"]
    figures = [
        {"name": UNITS[row["name"]], "before": figure(row["before"]), "after": figure(row["after"])}
        for row in found["totals"]
        if row["before"] or row["after"]
    ]
    heading = f"{first}, before and after" if first == second else f"From {first} to {second}"
    return {**found, "heading": heading, "figures": figures}


def read_report(path: Path) -> Json:
    """Reads a report; raises BadSuite."""
    file = path / JSON_NAME if path.is_dir() else path
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        told = told if isinstance(told, dict) and "cases" in told else None
    except (OSError, ValueError) as error:
        message = f"{file} cannot be read: {error}"
        raise BadSuite(message) from error
    if told is None:
        message = f"{file} is no report"
        raise BadSuite(message)
    return told


def differences(before: Json, after: Json) -> Json:
    """Returns what changed; a case that stands in one report only is named apart."""
    old = {case["id"]: case for case in before["cases"]}
    new = {case["id"]: case for case in after["cases"]}
    both = [(old[name], new[name]) for name in new if name in old]
    return {
        "models": [before["model"], after["model"]],
        "better": [_pair(a, b) for a, b in both if a["state"] not in GOOD and b["state"] in GOOD],
        "worse": [_pair(a, b) for a, b in both if a["state"] in {*GOOD, KNOWN} and _is_worse(a, b)],
        "changed": [
            _pair(a, b)
            for a, b in both
            if (a["state"] in GOOD) == (b["state"] in GOOD) and _said(a) != _said(b)
        ],
        "added": [name for name in new if name not in old],
        "gone": [name for name in old if name not in new],
        "totals": [
            {"name": name, "before": before["totals"][name], "after": after["totals"][name]}
            for name in TOTALS
        ],
    }


def _is_worse(before: Json, after: Json) -> bool:
    """A case that passed and does not, or whose fault was known and is another now."""
    if before["state"] in GOOD:
        return after["state"] not in GOOD
    return bool(after["state"] == "failed")


def _pair(before: Json, after: Json) -> Json:
    turns = []
    for number in range(max(len(before["turns"]), len(after["turns"]))):
        sides = [case["turns"][number] if number < len(case["turns"]) else None for case in (before, after)]
        says = next(side["says"] for side in sides if side)
        turns.append({"says": says, "before": _answer(sides[0]), "after": _answer(sides[1])})
    return {
        "id": after["id"],
        "title": after["title"],
        "states": [before["state"], after["state"]],
        "faults": after["faults"],
        "turns": [turn for turn in turns if turn["before"] != turn["after"]],
    }


def _answer(turn: Mapping[str, Any] | None) -> str:
    return "\n\n".join(said["text"] for said in turn["said"]) if turn else ""


def _said(case: Json) -> list[str]:
    return [_answer(turn) for turn in case["turns"]]


def in_words(found: Json) -> str:
    """Returns the differences as lines of text."""
    lines = [f"from {found['models'][0]} to {found['models'][1]}"]
    for name in ("worse", "better", "changed"):
        pairs = found[name]
        lines.append(f"{name}: {len(pairs)}")
        for pair in pairs:
            lines.append(f"  {pair['id']} ({pair['states'][0]}, then {pair['states'][1]})")
            for turn in pair["turns"]:
                lines += [f"    < {_one_line(turn['before'])}", f"    > {_one_line(turn['after'])}"]
    lines += [f"{name}: {', '.join(found[name])}" for name in ("added", "gone") if found[name]]
    lines += [f"{row['name']}: {row['before']}, then {row['after']}" for row in found["totals"]]
    return "\n".join(lines)


def _one_line(text: str) -> str:
    flat = " ".join(text.split())
    return f"{flat[:160]}…" if len(flat) > 160 else flat or "(nothing)"  # noqa: PLR2004 (a line)
