"""Mobile numbers that are written in two ways and are one telephone. Pure."""

import re

# What the two ways have in common stands in brackets, and between them what only one of them has.
WAYS = (
    # Mexico: the 1 of mobiles, without which people dial since August 2019.
    (re.compile(r"(52)(1?)([2-9]\d{9})"), "1"),
    # Argentina: the 9 of mobiles, before an area that begins with 1, 2 or 3.
    (re.compile(r"(54)(9?)([1-3]\d{9})"), "9"),
    # Brazil: the ninth digit, before what had eight and began with 6 to 9; landlines never got one.
    (re.compile(r"(55[1-9][1-9])(9?)([6-9]\d{7})"), "9"),
)


def other_way(number: str) -> str:
    """Returns the other way to write a mobile number, in digits with its country; "" where there is none.

    WhatsApp knows Mexicans as 52 1 … and Argentines as 54 9 … (its help: "About international phone number
    format"), and Brazilians as they were when they came: with or without the digit that Anatel's resolution
    553/2010 put in front, state by state until November 2016. In Mexico people dial without the 1 since the
    IFT's numbering plan of August 2019.
    """
    for pattern, digit in WAYS:
        if found := pattern.fullmatch(number):
            before, told, after = found.groups()
            return f"{before}{'' if told else digit}{after}"
    return ""
