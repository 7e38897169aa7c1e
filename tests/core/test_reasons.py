"""What is stored in no language is read in the reader's, and a stranger's words are never more than words."""

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from core.reasons import LONGEST, MARK, in_english, reason, said

NOBODY = "This number is not on WhatsApp."


def test_reason_is_read_in_the_language_of_its_reader() -> None:
    """It was translated when a worker stored it, in the worker's language."""
    with translation.override("es"):
        stored = reason(NOBODY)
    with translation.override("pt-br"):
        assert said(stored) == "Este número não está no WhatsApp."
    with translation.override("en"):
        assert said(stored) == NOBODY
    assert in_english(stored) == NOBODY


def test_what_is_filled_in_follows_the_words_of_the_language() -> None:
    stored = reason("WhatsApp takes %s characters at most.", 4096)
    with translation.override("pt-br"):
        assert said(stored) == "O WhatsApp aceita no máximo 4096 caracteres."


def test_reason_within_a_reason_is_translated_as_well() -> None:
    stored = reason("Given up after a day: %s", reason(NOBODY))
    with translation.override("pt-br"):
        assert said(stored).endswith("Este número não está no WhatsApp.")
    assert in_english(stored) == f"Given up after a day: {NOBODY}"


def test_words_of_others_stay_as_they_are_and_names_are_put_in_place() -> None:
    with translation.override("pt-br"):
        assert said(NOBODY) == NOBODY
        assert said("100%s (%(x)s)") == "100%s (%(x)s)"
    assert in_english(reason("%(a)s, %(b)s: 5%%", b="second\n", a="%s")) == "%s, second\n: 5%"


def test_lines_are_read_one_by_one() -> None:
    stored = f"bad JSON\n{reason(NOBODY)}\n{reason(NOBODY)}"
    assert in_english(stored) == f"bad JSON\n{NOBODY}\n{NOBODY}"


def test_reason_that_was_cut_off_keeps_its_words() -> None:
    stored = reason("Given up after a day: %s", "x" * 100)
    assert in_english(stored[:60]) == f"Given up after a day: {'x' * 33}"
    assert in_english(stored[:26]) == "Given up after a day: …"


def test_long_words_are_shortened_so_that_the_whole_fits() -> None:
    inner = reason("Given up after a day: %s", "é" * 1000)
    stored = reason("Given up after a day: %s", inner)
    assert len(stored) < 500
    assert in_english(stored).startswith("Given up after a day: Given up after a day: ééé")
    assert LONGEST < 500


@pytest.mark.parametrize("hostile", ["%999999999d", "%(a", "%n", "%*d", "{0.__class__}"])
def test_strangers_words_ask_for_nothing(hostile: str) -> None:
    """A wide number in the place of a source would have taken all memory."""
    assert in_english(f'{hostile}{MARK}["x"]') == hostile
    assert said(f'{hostile}{MARK}["x"]') == hostile


@given(st.text())
def test_whatever_is_stored_can_be_shown(text: str) -> None:
    assert MARK not in said(text)
    assert in_english(reason("A %s.", text)) == f"A {text}." or len(text) > LONGEST or MARK in text
