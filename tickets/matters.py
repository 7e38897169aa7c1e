"""When two texts are about one matter. Pure; the measure itself is pg_trgm's and lives in the query."""

import re
import unicodedata

# Above this share of common trigrams two subjects count as one matter. Of 36 pairs of short subjects in pt,
# es and en, every pair of different matters stayed below it ("Problema no pagamento com boleto" and "... com
# cartão": 0.68) and two of three pairs of one matter above ("Pedido não chegou" and "Meu pedido não chegou":
# 0.82). It errs towards a second ticket: people can see and close that one, a swallowed matter nobody sees.
ALIKE = 0.70
# Shorter descriptions ("não funciona") say too little to be compared.
TELLING_LENGTH = 40
_REFERENCE = re.compile(r"\d\D*\d\D*\d")


def normalised(text: str) -> str:
    """Returns the words of a text in lower case, without accents and punctuation."""
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)
    )
    # Folded last: some letters have capitals only when they are taken apart (㎏, ℡).
    return " ".join(re.findall(r"\w+", plain.casefold()))


def references(text: str) -> frozenset[str]:
    """Returns what looks like the number of an order or an invoice: words with three digits or more."""
    return frozenset(word for word in re.findall(r"\w+", text.casefold()) if _REFERENCE.search(word))


def contradict(one: str, other: str) -> bool:
    """True when both texts name references and have none in common: order 4512 is not order 9981."""
    first, second = references(one), references(other)
    return bool(first and second and not first & second)
