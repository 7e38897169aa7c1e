"""The simulated provider's ledger of a campaign: what it was given, when, and whom it refused."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass
class Book:
    """What the provider was given and whom it refused."""

    rows: list[Row]
    refused: set[str]

    @property
    def campaign(self) -> list[Row]:
        """The campaign's messages."""
        return [row for row in self.rows if row["kind"] == "template"]

    @property
    def said(self) -> list[Row]:
        """What was said to customers beside them."""
        return [row for row in self.rows if row["kind"] == "text"]

    @classmethod
    def read(cls, path: Path) -> "Book":
        """Reads the ledger; its last line may be half written while the run goes on."""
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        rows = [json.loads(line) for line in lines if line.endswith("}")]
        refusals = path.with_suffix(".refused")
        return cls(rows, set(refusals.read_text(encoding="utf-8").split()) if refusals.exists() else set())

    def rate(self) -> Row:
        """Returns the campaign's messages a minute, over the whole run and in its busiest minute.

        By the provider's clock.
        """
        times = sorted(row["at"] for row in self.campaign)
        if len(times) < 2:
            return {"mean": 0.0, "busiest": 0}
        # What was held up at the end (429, a call in doubt) says nothing of the pace.
        steady = times[: int(len(times) * 0.99)]
        busiest, first = 0, 0
        for place, at in enumerate(times):
            while at - times[first] >= 60:
                first += 1
            busiest = max(busiest, place - first + 1)
        return {"mean": (len(steady) - 1) / (steady[-1] - steady[0]) * 60, "busiest": busiest}


class Tail:
    """The end of a ledger that is still being written."""

    def __init__(self, path: Path) -> None:
        self.path, self.place = path, 0

    def news(self) -> list[Row]:
        """Returns what was written since the last time; half a line is left for the next."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self.place)
            whole = file.read().rpartition(b"\n")[0]
        self.place += len(whole) + 1 if whole else 0
        return [json.loads(line) for line in whole.splitlines()]
