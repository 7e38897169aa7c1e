"""The proof itself, small enough for every run of the tests: 50 kills while customers write."""

import json
import subprocess
import sys

import pytest

from benchmarks.processes import ROOT

# Minutes on a busy machine; the proof gives up by itself before.
LONGEST_SECONDS = 1_700

pytestmark = pytest.mark.redis


@pytest.mark.parametrize("seed", [11])
def test_nothing_is_lost_doubled_or_disordered_through_fifty_kills(seed: int) -> None:
    command = [sys.executable, "benchmarks/fault.py", f"--seed={seed}", "--msgs=1200", "--kills=50"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}"
    row = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    nothing = ("lost", "duplicated", "ghosts", "out_of_order", "mangled", "sent_lost", "unknown_left")
    assert {name: row[name] for name in nothing} == dict.fromkeys(nothing, 0)
    assert row["acked"] >= 1_200
    assert row["kills"] >= 50
    assert row["stored"] >= row["acked"]
    assert {"web", "worker"} <= set(row["killed"])
    assert row["seed"] == seed
