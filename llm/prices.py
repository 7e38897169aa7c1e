"""Prices of models that no table knows: one's own server, a gateway, a contract of one's own."""

from decimal import Decimal, InvalidOperation
from functools import cache
from types import MappingProxyType


@cache
def prices(text: str) -> MappingProxyType[str, tuple[Decimal, Decimal]]:
    """Reads `LLM_PRICES`: `model=in/out`, in US dollars for a million tokens, separated by commas.

    The model's name is the one that runs show, such as `custom/llama-3.3-70b`. Raises ValueError with what
    cannot be read.
    """
    return MappingProxyType(dict(_price(part.strip()) for part in text.split(",") if part.strip()))


def _price(part: str) -> tuple[str, tuple[Decimal, Decimal]]:
    name, _, both = part.rpartition("=")
    first, _, second = both.partition("/")
    try:
        found = Decimal(first), Decimal(second)
    except InvalidOperation:
        raise ValueError(part) from None
    if not name or not all(one.is_finite() and one >= 0 for one in found):
        raise ValueError(part)
    return name.strip(), found
