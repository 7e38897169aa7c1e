"""Numbers that a page's scripts and hidden fields send, read within bounds."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from core.errors import Invalid

# What the columns for them hold.
LARGEST, LARGEST_KEY = 2**31 - 1, 2**63 - 1
LONGEST = len(str(LARGEST_KEY))
DEAREST = 100_000


def whole(value: Any, *, field: str, most: int = LARGEST) -> int:
    """Returns a number from nought on, sent as such or in digits; raises Invalid for anything else."""
    text = str(value).strip() if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    # More digits than these are not even read: that takes the longer, the more there are.
    number = int(text) if text.isdecimal() and len(text) <= LONGEST else -1
    if not 0 <= number <= most:
        raise Invalid(_("Enter a whole number."), field=field)
    return number


def money(value: Any, *, field: str) -> Decimal:
    """Returns a price as a campaign may have it; raises Invalid for anything else."""
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        price = Decimal(-1)
    if not (price.is_finite() and 0 <= price < DEAREST):
        raise Invalid(_("Enter a number."), field=field)
    return price
