"""What was measured, beside what bounds it."""

import json
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `ratio` is value to ceiling; without a ceiling the target is about the value."""

    name: str
    value: float
    unit: str
    ceiling: float | None = None
    beside: str = ""
    target: str = ""
    met: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of its ceiling."""
        return self.value / self.ceiling if self.ceiling else None


def at_most(limit: float, name: str, value: float, unit: str, *, note: str = "") -> Figure:
    """A figure that may not be larger than a limit of its own unit."""
    return Figure(name, value, unit, target=f"≤ {limit:g} {unit}", met=value <= limit, note=note)


def slower_by(limit: float, name: str, value: float, unit: str, *, ceiling: float, beside: str) -> Figure:
    """A duration that may be so many times its ceiling."""
    return Figure(name, value, unit, ceiling, beside, f"≤ {limit:g} ×", value <= limit * ceiling)


def reaches(
    limit: float, name: str, value: float, unit: str, *, ceiling: float, beside: str, note: str = ""
) -> Figure:
    """A rate that must be so large a part of its ceiling."""
    return Figure(name, value, unit, ceiling, beside, f"≥ {limit:g} ×", value >= limit * ceiling, note)


def percentile(samples: Sequence[float], part: float) -> float:
    """Returns the nearest-rank percentile (`part` 0 to 1) of what is not empty."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def machine() -> dict[str, object]:
    """Returns what the figures depend on; other work on the machine shows in the load."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def line(figure: Figure) -> str:
    """Returns a figure as a line of text."""
    mark = {True: "met", False: "MISSED", None: ""}[figure.met]
    parts = [f"  {figure.name:<48}{_number(figure.value):>9} {figure.unit:<9}"]
    if figure.ceiling is not None and figure.ratio is not None:
        parts.append(f"{_number(figure.ratio):>6} × {_number(figure.ceiling)} ({figure.beside})")
    if figure.target:
        parts.append(f"  target {figure.target}: {mark}")
    if figure.note:
        parts.append(f"  [{figure.note}]")
    return " ".join(parts)


def as_json(cases: dict[str, list[Figure]]) -> str:
    """Returns the whole run as one line for programs."""
    figures = {
        case: [{**asdict(figure), "ratio": figure.ratio} for figure in rows] for case, rows in cases.items()
    }
    return json.dumps({"machine": machine(), "cases": figures}, ensure_ascii=False)


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
