"""What can go wrong in a run: one case of docs/reliability.md each."""

import json
from dataclasses import dataclass, field
from typing import Any

from benchmarks.faults.cluster import KILLED, Cluster
from benchmarks.faults.payloads import ANSWER

# What the model does with its first requests; afterwards it answers properly.
_BROKEN_ANSWERS = [
    {"text": ANSWER, "cut_after": 3},
    {"text": ANSWER},
    {"text": ANSWER, "malformed_after": 2},
    {"text": ANSWER, "end_after": 4},
    {"status": 500},
    {"text": ANSWER, "error_after": 3},
    {"text": ANSWER, "delay": 0.3},
    {"status": 429, "retry_after": "1"},
    {"text": ANSWER, "stall_after": 2},
]


@dataclass(frozen=True)
class Case:
    """What goes wrong: kills (seconds between them, or none), providers, the model, a nuisance."""

    about: str
    kills: tuple[float, float] | None = (0.6, 1.8)
    kind: str = ""
    faults: dict[str, Any] = field(default_factory=dict)
    # A provider that cannot tell doubles makes one of each lost answer: that is counted in case I alone.
    spares_the_forgetful: bool = False
    # Arguments of the fake model; the name of one of `nuisances`.
    model: tuple[str, ...] = ("--tokens", "8")
    nuisance: str = ""
    # Whether a backup is taken when half of the messages are there, and restored at the end.
    backup: bool = False
    # Whether PostgreSQL lies on a disk of its own that can be filled (needs root, for a tmpfs).
    small_disk: bool = False
    # Whether the web processes live by clocks that jump (needs libfaketime).
    clocks: bool = False


CASES = {
    "mixed": Case(
        "everything at once",
        faults={"too_many": 0.03, "error": 0.03, "cut": 0.02, "duplicates": 2},
        spares_the_forgetful=True,
    ),
    "A": Case("web processes die", kind="web"),
    "B": Case("workers die", kind="worker"),
    "C": Case("PostgreSQL backends die", (2.5, 5), kind="backend"),
    "D": Case("the PostgreSQL postmaster dies", (3, 6), kind="postmaster"),
    "E": Case("Redis dies", kind="redis"),
    "F": Case("the power fails: everything dies at once", (8, 14), kind="all"),
    "G": Case("Redis, a backend or a web process freezes for 3 to 9 seconds", (4, 8), kind="freeze"),
    "H": Case(
        "providers say 429 and 500, cut and hang",
        None,
        faults={
            "too_many": 0.3,
            "retry_after": 1,
            "error": 0.1,
            "drop": 0.05,
            "hang": 0.02,
            "hang_seconds": 16,
        },
    ),
    "I": Case("providers accept and close without a word", None, faults={"cut": 0.1}),
    "J": Case(
        "the model refuses, or cuts, stalls and garbles an answer",
        None,
        model=("--script", json.dumps(_BROKEN_ANSWERS * 40)),
    ),
    "K": Case(
        "receipts come up to five times and in any order", None, faults={"duplicates": 5, "shuffle": 5}
    ),
    "M": Case(
        "the clocks of the web processes jump, two hours ahead and three days back",
        (4, 8),
        kind="clock",
        clocks=True,
    ),
    "N": Case("the disk of PostgreSQL is full for 3 to 8 seconds", (10, 15), kind="disk", small_disk=True),
    "O": Case("bodies of 100 MB", None, nuisance="huge bodies"),
    "P": Case(
        "clients that send a byte a second, and sockets that do not read", None, nuisance="slow clients"
    ),
    "Q": Case("500 sockets connect at once, again and again", None, nuisance="storm"),
    "S": Case("web processes and workers are told to end, one after the other", (3, 5), kind="deploy"),
    "U": Case("a backup is taken in the middle and restored elsewhere", None, backup=True),
}


# What a clock says compared with the truth.
CLOCKS = ("+0", "+2h", "-3d")


def strike(cluster: Cluster, kind: str) -> None:
    """Lets one thing go wrong; without a kind, whatever the weights say."""
    match kind:
        case "":
            cluster.kill()
        case "all":
            cluster.kill_everything()
        case "backend" | "postmaster":
            cluster.kill_database(all_of_it=kind == "postmaster")
        case "redis":
            cluster.kill_part("redis")
        case "freeze":
            cluster.freeze(cluster.random.uniform(3, 9))
        case "disk":
            cluster.fill_disk(cluster.random.uniform(3, 8))
        case "clock":
            cluster.turn_clock(cluster.random.choice(CLOCKS))
        case "deploy":
            cluster.stop_part(cluster.random.choice(KILLED))
        case _:
            cluster.kill_part(f"{kind}{cluster.random.randint(1, 2)}")
