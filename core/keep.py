"""The value of an argument that says: leave this as it is. None is a value of its own."""

from enum import Enum
from typing import Literal


class Keep(Enum):
    """A set of one, which no other value equals."""

    KEEP = "keep"


KEEP = Keep.KEEP
Kept = Literal[Keep.KEEP]
