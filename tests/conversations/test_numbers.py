"""Mobile numbers in two ways of writing: the same telephone, and nothing else is."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.numbers import other_way
from integrations.evolution.people import other_jid


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5215512345678", "525512345678"),  # Mexico City
        ("5219981234567", "529981234567"),  # Cancún
        ("5491123456789", "541123456789"),  # Buenos Aires
        ("5492214567890", "542214567890"),  # La Plata
        ("5511987654321", "551187654321"),  # São Paulo
        ("5592981234567", "559281234567"),  # Manaus
    ],
)
def test_both_ways_lead_to_each_other(one: str, other: str) -> None:
    assert (other_way(one), other_way(other)) == (other, one)
    assert other_jid(f"{one}@s.whatsapp.net") == f"{other}@s.whatsapp.net"


@pytest.mark.parametrize(
    "number",
    [
        "551132654321",  # a landline of São Paulo
        "5511932654321",  # a mobile that never had eight digits
        "5511887654321",  # nine digits that begin with 8 are none
        "5501987654321",  # no area begins with 0
        "14155550100", "34600123456", "351912345678", "5215012345", "52551234567890", "549", "",
        "MX.5512345678", "+5215512345678",
    ],
)  # fmt: skip
def test_what_is_written_in_one_way_has_no_other(number: str) -> None:
    assert other_way(number) == ""
    assert other_jid(number) == ""
    assert other_jid(f"{number}@lid") == ""


@given(st.from_regex(r"(52|54|55)[0-9]{8,11}", fullmatch=True))
def test_other_way_of_the_other_way_is_the_number_in_the_same_country(number: str) -> None:
    if other := other_way(number):
        assert other_way(other) == number
        assert other[:2] == number[:2]
        assert other[-8:] == number[-8:]
        assert abs(len(other) - len(number)) == 1


@pytest.mark.parametrize("region", ["MX", "AR", "BR"])
def test_mobile_numbers_of_these_countries_have_two_ways(region: str) -> None:
    kind = phonenumbers.PhoneNumberType.MOBILE
    example = phonenumbers.example_number_for_type(region, kind)
    assert example
    written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
    assert other_way(written)
