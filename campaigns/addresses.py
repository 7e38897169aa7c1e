"""Telephone numbers as people write them, and the time zones behind them."""

from functools import lru_cache

import phonenumbers
from phonenumbers import timezone as zones_of_numbers

# A number that may be anywhere (a toll-free one of North America has forty) tells nothing.
MOST_ZONES = 4


def full_number(text: str, region: str = "") -> str:
    """Returns a number in full, as +5511999990001; "" for what is none.

    `region`: the country (ISO 3166, such as BR) in which one without a country code is meant.
    """
    try:
        found = phonenumbers.parse(text, region.upper() or None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(found):
        return ""
    return str(phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164))


@lru_cache(maxsize=10_000)
def zones_of(number: str) -> str:
    """Returns the time zones that a number in full may be in, separated by spaces; "" when nobody knows."""
    try:
        found = phonenumbers.parse(f"+{number.lstrip('+')}")
    except phonenumbers.NumberParseException:
        return ""
    zones = [zone for zone in zones_of_numbers.time_zones_for_number(found) if "/" in zone]
    return " ".join(zones) if len(zones) <= MOST_ZONES else ""


def regions() -> frozenset[str]:
    """Returns the countries that have numbers."""
    return frozenset(phonenumbers.SUPPORTED_REGIONS)
