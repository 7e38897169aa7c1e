"""Telling the language of a text."""

import pytest

from knowledge.enums import Language
from knowledge.languages import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("qual o prazo de entrega?", Language.PT),
        ("nao recebi meu pedido", Language.PT),
        ("vc pode me ajudar", Language.PT),
        ("COMO TROCO A SENHA", Language.PT),
        ("cuánto tarda el envío", Language.ES),
        ("no me llego el paquete", Language.ES),
        ("olvidé mi contraseña", Language.ES),
        ("quiero cambiar la talla", Language.ES),
        ("how long does shipping take", Language.EN),
        ("where's my order", Language.EN),
        ("track my parcel", Language.EN),
    ],
)
def test_detect_reads_everyday_questions(text: str, language: Language) -> None:
    assert detect(text) == language


@pytest.mark.parametrize("text", ["", "   ", "12345", "???", "🎉", "Привет, как дела"])
def test_detect_says_nothing_where_there_is_nothing_to_tell(text: str) -> None:
    assert detect(text) is None


def test_detect_reads_the_beginning_of_a_long_text_only() -> None:
    assert (
        detect("the order is with you and it was sent to the shop. " * 100 + "não você " * 10_000)
        == Language.EN
    )
