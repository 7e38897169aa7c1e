"""Words by which customers tell the machine, not people, that they want no more news, or want them again.

A command is a message of that word alone. Only channels that carry messages to people have them: whoever
writes in the widget of a site is not written to.
"""

import re
import unicodedata
from enum import StrEnum

from conversations.models import Inbox
from conversations.queries.windows import capabilities


class Command(StrEnum):
    """What is asked for."""

    STOP = "stop"
    START = "start"


# As people write them in Portuguese, Spanish and English, without accents. Not "cancelar" or "cancel": with
# that people cancel orders.
WORDS = {
    **dict.fromkeys(
        ("stop", "stopall", "unsubscribe", "opt out", "optout", "parar", "pare", "sair", "descadastrar"),
        Command.STOP,
    ),
    **dict.fromkeys(("remover", "baja", "dar de baja", "darme de baja", "salir"), Command.STOP),
    **dict.fromkeys(("start", "unstop", "voltar", "iniciar", "alta", "volver"), Command.START),
}
# Words that are of one language only.
LANGUAGES = {
    **dict.fromkeys(("stop", "stopall", "unsubscribe", "opt out", "optout", "start", "unstop"), "en"),
    **dict.fromkeys(("pare", "sair", "descadastrar", "voltar"), "pt-br"),
    **dict.fromkeys(("baja", "dar de baja", "darme de baja", "salir", "alta", "volver"), "es"),
}
LONGEST = max(map(len, WORDS))
# What keyboards and mail programs put around a word: any sign but a slash, which leads a bot's own commands.
AROUND = re.compile(r"^(?:[^\w/]|_)+|(?:[^\w/]|_)+$")


def command_in(inbox: Inbox, text: str) -> Command | None:
    """Returns what a customer's message asks of the machine; None for all but such a word by itself."""
    if len(text) > LONGEST * 4 or not capabilities(inbox).sends:
        return None
    return WORDS.get(_word(text))


def language_of_word(text: str) -> str:
    """Returns the language in which a command was given; "" where the word is one of several."""
    return LANGUAGES.get(_word(text), "")


def _word(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    # Neither accents nor signs that nobody sees, such as a joiner of no width.
    letters = "".join(sign for sign in plain if unicodedata.category(sign) not in {"Mn", "Cf"})
    return " ".join(AROUND.sub("", letters).split())
