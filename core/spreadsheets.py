"""Tables as CSV that no spreadsheet takes for more than text."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any, Literal

# What a spreadsheet takes for the beginning of a formula.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
# Without it spreadsheets read letters with accents wrongly.
MARK = "\ufeff"


def safe(cell: Any) -> str:
    """Returns a cell that no spreadsheet takes for a formula: a stranger's name could be one."""
    text = str(cell)
    return f"'{text}" if text.startswith(FORMULAS) else text


def text_of(rows: Iterable[Sequence[Any]], quoting: Literal[0, 1] = csv.QUOTE_MINIMAL) -> str:
    """Returns rows as CSV."""
    out = StringIO()
    csv.writer(out, quoting=quoting).writerows([safe(cell) for cell in row] for row in rows)
    return out.getvalue()
