"""The report of a run: `report.json` for machines and `report.html`, one file that needs nothing else.

Neither holds the time of its making: the same suite replayed from the same recordings gives the same bytes.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from django.template import Context, Engine

from agents.evaluation.running import FAILED, KNOWN, LEFT_OUT, MENDED, PASSED, Verdict, Way
from agents.evaluation.stage import Played
from agents.evaluation.tape import unchanging

PAGES = Path(__file__).parent / "pages"
JSON_NAME, HTML_NAME = "report.json", "report.html"
STATES = (FAILED, KNOWN, MENDED, PASSED, LEFT_OUT)
BAR = 320  # the longest bar, in units of its drawing
# How the page calls them.
NAMES = {KNOWN: "known faults", MENDED: "known faults mended"}
UNITS = {"tokens": "tokens", "cost": "dollars", "steps": "steps", "seconds": "seconds of the model"}
Json = dict[str, Any]


def as_json(verdicts: Sequence[Verdict], way: Way) -> Json:
    """Returns the whole report as plain data."""
    return {
        "model": way.model,
        "way": "record" if way.records else "replay",
        "counts": _counts(verdicts),
        "rates": {
            "kind": _rates(verdicts, lambda one: str(one.case.kind)),
            "language": _rates(verdicts, lambda one: one.case.language),
        },
        "totals": {
            "tokens": sum(one.tokens for one in verdicts),
            "cost": round(sum(one.cost for one in verdicts), 6),
            "steps": sum(one.steps for one in verdicts),
            "seconds": round(sum(one.seconds or 0 for one in verdicts), 3),
        },
        "cases": [_case(one) for one in verdicts],
    }


def _counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    found = Counter(one.state for one in verdicts)
    return {state: found[state] for state in STATES}


def _rates(verdicts: Iterable[Verdict], group: Callable[[Verdict], str]) -> list[Json]:
    """Returns, for each group, how many cases were played and how many passed; known faults did not."""
    played, passed = Counter[str](), Counter[str]()
    for verdict in verdicts:
        if verdict.state != LEFT_OUT:
            played[group(verdict)] += 1
            passed[group(verdict)] += verdict.state in {PASSED, MENDED}
    return [{"name": name, "played": played[name], "passed": passed[name]} for name in sorted(played)]


def _case(verdict: Verdict) -> Json:
    case = verdict.case
    told: Json = {
        "id": case.id,
        "title": case.title,
        "kind": str(case.kind),
        "language": case.language,
        "state": verdict.state,
        "model": verdict.model,
        "faults": verdict.faults,
        "reason": verdict.reason,
        "difference": verdict.difference,
        "tokens": verdict.tokens,
        "cost": verdict.cost,
        "steps": verdict.steps,
        "asked": len(verdict.performance.exchanges),
        "seconds": verdict.seconds,
        "turns": [_turn(played) for played in verdict.performance.turns],
    }
    plain: Json = unchanging(told)
    return plain


def _turn(played: Played) -> Json:
    return {
        "says": played.says,
        "said": [
            {"text": one.text, "cites": list(one.cites), "offers": list(one.offers)} for one in played.said
        ],
        "calls": [
            {"tool": one.tool, "arguments": one.arguments, "result": one.result, "failed": one.failed}
            for one in played.calls
        ],
        "status": played.status,
        "runs": played.runs,
        "details": played.details,
    }


def write_report(folder: Path, verdicts: Sequence[Verdict], way: Way) -> None:
    """Writes both files into a folder, which is made where it is missing."""
    told = as_json(verdicts, way)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(told, ensure_ascii=False, indent=1)
    (folder / JSON_NAME).write_text(f"{text}\n", encoding="utf-8")
    (folder / HTML_NAME).write_text(rendered("report.html", _page(told)), encoding="utf-8")


def _page(told: Json) -> Json:
    """Returns what the page shows: figures as people read them, and first what has to be looked at."""
    order = {state: number for number, state in enumerate(STATES)}
    cases = [{**case, "class": case["state"].replace(" ", "-")} for case in told["cases"]]
    rates = [
        {"name": f"Passed by {name}", "bars": [_bar(row) for row in rows]}
        for name, rows in told["rates"].items()
    ]
    return {
        **told,
        "cards": _cards(told),
        "charts": [*rates, *_takings(told["cases"])],
        "cases": sorted(cases, key=lambda case: order[case["state"]]),
    }


def _cards(told: Json) -> list[Json]:
    states = [
        {"state": state.replace(" ", "-"), "value": number, "name": NAMES.get(state, state)}
        for state, number in told["counts"].items()
        if number
    ]
    totals = [
        {"value": figure(value), "name": UNITS[name]} for name, value in told["totals"].items() if value
    ]
    return [*states, *totals]


def figure(value: float) -> str:
    """Returns a number as people read it: 298,608, and no more digits behind the point than say something."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6f}".rstrip("0").rstrip(".")


def rendered(page: str, values: Json) -> str:
    """Returns a page with everything escaped that was said."""
    return Engine(dirs=[str(PAGES)]).get_template(page).render(Context(values))


def _bar(row: Json) -> Json:
    share = row["passed"] / row["played"]
    value = f"{row['passed']} of {row['played']}"
    return {
        "name": row["name"].replace("_", " "),
        "width": round(BAR * share),
        "value": value,
        "share": f"{share:.0%}",
    }


def _takings(cases: Sequence[Json]) -> list[Json]:
    """Returns what the dearest cases took, for the charts behind the first two."""
    charts = []
    for name, unit in UNITS.items():
        rows = sorted((one for one in cases if one[name]), key=lambda one: (-one[name], one["id"]))[:10]
        if rows:
            most = rows[0][name]
            bars = [
                {"name": one["id"], "width": round(BAR * one[name] / most), "value": figure(one[name])}
                for one in rows
            ]
            charts.append({"name": f"Most {unit}", "bars": bars})
    return charts


def summary(verdicts: Sequence[Verdict]) -> str:
    """Returns a few lines that say how the run went."""
    counts = _counts(verdicts)
    told = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    tokens, cost = sum(one.tokens for one in verdicts), sum(one.cost for one in verdicts)
    return f"\n{len(verdicts)} cases: {told or 'none'}\n{tokens} tokens, {cost:.4f} dollars"
