"""Telephone numbers as people write them, and the time zones behind them."""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import timezone as zones_of_numbers

from conversations.numbers import other_way
from core.zones import time_zones

# As long as an id may be that an inbox knows somebody by.
LONGEST_ADDRESS = 200
# A number that may be anywhere (a toll-free one of North America has forty) tells nothing.
MOST_ZONES = 4
# How WhatsApp begins the numbers of Mexican mobiles.
MEXICOS = "521"
# Where our languages are spoken, by the language that people are answered in.
PORTUGUESE = ("BR", "PT", "AO", "MZ", "CV", "GW", "ST", "TL")
SPANISH = (
    *("ES", "MX", "AR", "CO", "CL", "PE", "VE", "EC", "GT", "CU", "BO"),
    *("DO", "HN", "PY", "SV", "NI", "CR", "PA", "UY", "GQ"),
)
ENGLISH = ("US", "GB", "IE", "AU", "NZ", "ZA", "IN", "NG", "KE", "GH")
LANGUAGES = {
    region: language
    for language, of in (("pt-br", PORTUGUESE), ("es", SPANISH), ("en", ENGLISH))
    for region in of
}
# Digits of a number that can hardly be one without the code of a country.
WITH_CODE = 12


def full_number(text: str, region: str = "") -> str:
    """Returns a number in full, as +5511999990001; "" for what is none.

    One of Mexico as WhatsApp writes it, which nobody else does any more, is given as it is dialled.

    `region`: the country (ISO 3166, such as BR) in which one without a country code is meant. None of letters
    (0800 FLOWERS, 5,5E+12), and none that lacks the code of its town: such would reach somebody else.
    """
    plain = text.strip().lower().removeprefix("tel:").strip()
    if any(sign.isalpha() for sign in plain):
        return ""
    # In some countries 00 does not lead abroad; people write it all the same.
    plain = re.sub(r"^\D{0,3}00(?=[1-9])", "+", plain)
    digits = re.sub(r"\D", "", plain)
    if digits.startswith(MEXICOS) and (other := other_way(digits)):
        return _number(f"+{other}", "")
    if plain.lstrip("'\"=( ").startswith("+"):
        return _number(plain, "")
    code = str(phonenumbers.country_code_for_region(region.upper())) if region else ""
    if len(digits) >= WITH_CODE and digits.startswith(code):
        return _number(f"+{digits}", "", surely=not region)
    return _number(plain, region, surely=True) if region else ""


def _number(text: str, region: str, *, surely: bool = False) -> str:
    """Returns a number in full; `surely`: only one that its country gives to somebody."""
    try:
        found = phonenumbers.parse(text, region.upper() or None)
    except phonenumbers.NumberParseException:
        return ""
    is_it = phonenumbers.is_valid_number if surely else phonenumbers.is_possible_number
    return str(phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)) if is_it(found) else ""


@lru_cache(maxsize=10_000)
def zones_of(number: str) -> str:
    """Returns the time zones that a number in full may be in, separated by spaces; "" when nobody knows.

    Of a number of no place, such as a satellite's, the library says Etc/Unknown, which is no zone.
    """
    try:
        found = phonenumbers.parse(f"+{number.lstrip('+')}")
    except phonenumbers.NumberParseException:
        return ""
    zones = [zone for zone in zones_of_numbers.time_zones_for_number(found) if zone in time_zones()]
    return " ".join(zones) if len(zones) <= MOST_ZONES else ""


def region_of(number: str) -> str:
    """Returns the country of a number in full, such as BR; "" where none is told."""
    digits = number.lstrip("+")
    try:
        found = phonenumbers.parse(f"+{digits}") if digits.isdecimal() else None
    except phonenumbers.NumberParseException:
        return ""
    region = phonenumbers.region_code_for_number(found) if found else None
    return region if region in phonenumbers.SUPPORTED_REGIONS else ""


def language_of(number: str) -> str:
    """Returns which of our languages is spoken where a number is from; "" for any other, or where none is."""
    return LANGUAGES.get(region_of(number), "")


def regions() -> frozenset[str]:
    """Returns the countries that have numbers."""
    return frozenset(phonenumbers.SUPPORTED_REGIONS)
