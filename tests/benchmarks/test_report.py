import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import report


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (report.at_most(130, "memory", 130, "MiB"), True),
        (report.at_most(130, "memory", 130.1, "MiB"), False),
        (report.slower_by(3, "p50", 3, "ms", ceiling=1, beside="bare"), True),
        (report.slower_by(3, "p50", 3.1, "ms", ceiling=1, beside="bare"), False),
        (report.reaches(0.4, "rate", 40, "/s", ceiling=100, beside="bare"), True),
        (report.reaches(0.4, "rate", 39, "/s", ceiling=100, beside="bare"), False),
    ],
)
def test_target_is_met_up_to_its_limit(figure: report.Figure, *, met: bool) -> None:
    assert figure.met is met
    assert ("MISSED" in report.line(figure)) is not met


def test_line_names_ratio_ceiling_and_target() -> None:
    line = report.line(report.slower_by(3, "ack", 4.5, "ms", ceiling=1.5, beside="bare asyncpg"))
    assert "4.50 ms" in line
    assert "3.00 × 1.50 (bare asyncpg)" in line
    assert "≤ 3 ×: met" in line


@given(st.lists(st.floats(0, 10), min_size=1), st.floats(0, 1))
def test_percentile_is_one_of_the_samples_with_so_many_below(samples: list[float], part: float) -> None:
    found = report.percentile(samples, part)
    assert found in samples
    assert sum(value <= found for value in samples) >= part * len(samples)


def test_run_is_one_line_of_json() -> None:
    text = report.as_json({"desk": [report.Figure("shown", 5.0, "ms", 2.0, "group")]})
    assert "\n" not in text
    (figure,) = json.loads(text)["cases"]["desk"]
    assert (figure["name"], figure["ratio"]) == ("shown", 2.5)
