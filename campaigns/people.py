"""People as a program names them, written as the list that `campaigns.lists` reads. Pure."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from campaigns.lists import ADDRESS, MEANINGS
from core.places import plain_name

TOLD = (ADDRESS, "name", "language", "timezone")
# Of all of them together: each is a column.
MOST_VALUES = 40


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody to be written to: the address, and what the text may say of them beside their name."""

    address: str
    name: str = ""
    language: str = ""
    timezone: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def is_taken(name: str) -> bool:
    """Says whether a list would take a value of that name for something else, such as a telephone."""
    return plain_name(name) in MEANINGS


def value_names(people: Sequence[Named]) -> list[str]:
    """Returns the names of all values, each once, as texts compare them."""
    return list(dict.fromkeys(plain_name(name) for one in people for name in one.values))


def as_list(people: Sequence[Named]) -> bytes:
    """Returns the list: a heading, and one line for each of them, so that the first stands in line 2.

    What was given on several lines is put on one.
    """
    names = value_names(people)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*TOLD, *names])
    for one in people:
        values = {plain_name(name): value for name, value in one.values.items()}
        told = (one.address, one.name, one.language, one.timezone, *(values.get(name, "") for name in names))
        writer.writerow([" ".join(cell.split()) for cell in told])
    return written.getvalue().encode()
