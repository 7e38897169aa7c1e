"""What the built-in answerer takes for a wish, and what it does not."""

import pytest

from agents.builtin.intents import Intent, intent_of, is_person_button, without_request
from agents.builtin.phrases import language_of

PERSON = [
    "quero falar com uma pessoa",
    "Posso falar com um atendente?",
    "me passa pra um humano por favor",
    "atendente",
    "QUERO UM HUMANO",
    "gostaria de conversar com alguém da equipe",
    "quero atendimento humano",
    "quiero hablar con una persona",
    "necesito un agente",
    "pásame con un asesor",
    "I want to talk to a human",
    "can I speak with someone please",
    "connect me to a real person",
    "human",
    "Talk to a person",
]
TICKET = [
    "Meu aparelho chegou com a tampa quebrada. Abra um chamado por favor, confirmo.",
    "quero abrir uma reclamação",
    "pode abrir um chamado?",
    "sim, pode abrir o chamado",
    "abrir um ticket",
    "quiero levantar una queja",
    "abre un ticket por favor",
    "please open a ticket",
    "I want to file a complaint",
    "create a support ticket for me",
    "Não chegou. Abra um chamado.",
    "não chegou abra um chamado",
    "Estou sem água, abra um chamado",
    "o erro está no site, abra um chamado",
    "Como faço? Abra um chamado.",
]
QUESTION = [
    "qual o prazo de entrega?",
    "como abro um chamado?",
    "how do I open a ticket?",
    "como falo com uma pessoa?",
    "não quero falar com uma pessoa",
    "o motor queimou, ainda esta na garantia?",
    "para quantas pessoas serve a mesa?",
    "cuánto tarda el envío a Madrid",
    "where is my order 1234",
    "o pedido chegou para outra pessoa",
    "oi, queria saber do meu pedido 123 que não chega nunca",
    "no me llegó el pedido y quiero saber dónde está",
    "não precisa abrir um chamado",
    "no hace falta abrir un ticket",
    "I don't want to open a ticket",
    "sem precisar falar com um atendente",
    "não funciona",
    "no llegó",
    "não liga mais",
    "quero trocar o produto",
    "pode me dizer o preço",
]


@pytest.mark.parametrize("text", PERSON)
def test_intent_person(text: str) -> None:
    assert intent_of(text) == Intent.PERSON


@pytest.mark.parametrize("text", TICKET)
def test_intent_ticket(text: str) -> None:
    assert intent_of(text) == Intent.TICKET


@pytest.mark.parametrize("text", QUESTION)
def test_intent_question(text: str) -> None:
    assert intent_of(text) == Intent.QUESTION


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("sim", Intent.YES),
        ("Sí, por favor", Intent.YES),
        ("yes please", Intent.YES),
        ("ok", Intent.YES),
        ("Sim, por favor!", Intent.YES),
        ("quero sim", Intent.YES),
        ("pode ser", Intent.YES),
        ("claro que sí", Intent.YES),
        ("não", Intent.NO),
        ("no, gracias", Intent.NO),
        ("não, obrigado", Intent.NO),
        ("no thanks", Intent.NO),
        ("agora não", Intent.NO),
        ("oi", Intent.GREETING),
        ("Bom dia!", Intent.GREETING),
        ("hola", Intent.GREETING),
        ("good morning", Intent.GREETING),
        ("muito obrigada!", Intent.THANKS),
        ("thanks a lot", Intent.THANKS),
        ("gracias", Intent.THANKS),
    ],
)
def test_intent_short_words(text: str, intent: Intent) -> None:
    assert intent_of(text) == intent


def test_person_button_is_exactly_what_the_widget_sends() -> None:
    assert is_person_button("Falar com uma pessoa")
    assert not is_person_button("Falar com uma pessoa sobre o pedido")


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        (
            "Meu aparelho chegou com a tampa quebrada. Abra um chamado por favor, confirmo.",
            "Meu aparelho chegou com a tampa quebrada.",
        ),
        ("Please open a ticket. My lamp does not work!", "My lamp does not work!"),
        ("abrir um chamado", ""),
    ],
)
def test_without_request_leaves_the_matter(text: str, matter: str) -> None:
    assert without_request(text) == matter


@pytest.mark.parametrize(
    ("text", "locale", "language"),
    [
        ("qual o prazo de entrega?", "en", "pt"),
        ("cuánto tarda el envío?", "pt-br", "es"),
        ("how long does delivery take", "pt-br", "en"),
        ("12345", "es", "es"),
        ("", "pt-br", "pt"),
        ("ok", "", "en"),
    ],
)
def test_language_of_follows_the_words_then_the_locale(text: str, locale: str, language: str) -> None:
    assert language_of(text, locale) == language
