"""Words to the machine: as people type them, by themselves, and only where we write to people."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.models import Inbox
from conversations.queries.commands import LONGEST, WORDS, Command, command_in

NUMBER = Inbox(channel="whatsapp_cloud")
STOPS = [
    "STOP",
    "unsubscribe",
    "Opt out",
    "PARAR",
    "pare",
    "Sair",
    "descadastrar",
    "remover",
    "BAJA",
    "Salir",
]
STARTS = ["START", "unstop", "VOLTAR", "iniciar", "ALTA", "Volver"]


@pytest.mark.parametrize("text", [*STOPS, "dar de baja", "darme  de\nbaja", "stopall"])
def test_word_that_stops_is_known_in_three_languages(text: str) -> None:
    assert command_in(NUMBER, text) == Command.STOP


@pytest.mark.parametrize("text", STARTS)
def test_word_for_the_way_back_is_known_in_three_languages(text: str) -> None:
    assert command_in(NUMBER, text) == Command.START


@pytest.mark.parametrize(
    "text",
    [
        " stop ", "Stop.", "STOP!!!", "¡BAJA!", "¿baja?", "“PARAR”", "\u2018parar\u2019", "«sair»",
        "*STOP*", "_stop_", "*_stop_*", "stop…", "stop 🛑", "🛑 STOP 🛑", "párar", "PARÁR", "stop\u00a0",
        "stop.\u00a0", "\u200bstop", "st\u200dop", "\uff33\uff34\uff2f\uff30", "stop\n\n", "(stop)",
        "-stop-", "stop, ", "dar\u00a0de\u00a0baja",
    ],
)  # fmt: skip
def test_word_is_known_in_whatever_a_keyboard_puts_around_it(text: str) -> None:
    assert command_in(NUMBER, text) == Command.STOP


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "...", "stop it", "please stop", "não quero parar", "quero sair do plano", "cancelar",
        "cancel",
        "stop stop", "/start", "/stop", "stopped", "start-up", "стоп stop", "stop\nmy order", "s t o p",
        "dar de baja mi pedido", "x" * 10_000, "stop " * 100,
    ],
)  # fmt: skip
def test_sentence_is_for_people(text: str) -> None:
    assert command_in(NUMBER, text) is None


def test_widget_has_no_commands() -> None:
    assert command_in(Inbox(channel="web"), "stop") is None
    assert command_in(Inbox(channel="gone"), "stop") is None


AROUND = st.text(st.sampled_from(" \t\n.!?,;:'\"“”«»()[]*_-…\u00a0\u200b🛑❤️"), max_size=6)


@given(st.sampled_from(sorted(WORDS)), AROUND, AROUND, st.sampled_from([str.upper, str.title, str.lower]))
def test_word_is_the_same_with_any_signs_around_in_any_case(
    word: str, before: str, after: str, case: Callable[[str], str]
) -> None:
    assert command_in(NUMBER, before + case(word) + after) == WORDS[word]
    assert command_in(NUMBER, unicodedata.normalize("NFD", before + word + after)) == WORDS[word]


@given(
    st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=LONGEST),
    st.sampled_from(sorted(WORDS)),
)
def test_word_beside_another_is_none(other: str, word: str) -> None:
    assert command_in(NUMBER, f"{word} {other}") in {None, WORDS.get(f"{word} {other}".casefold())}
