"""Which of our languages a text is in, by its small words and its own spellings.

A vote rather than a model: it costs microseconds, needs nothing, and says "unknown" where a question is too
short to tell. Little depends on it: a small preference in search, and the label of an imported article.
"""

import re

from django.conf import settings

from knowledge.enums import Language

_WORD = re.compile(r"[^\W\d_]+")
_READ_CHARACTERS = 4_000

# A word that two languages share votes for both: it says only that the text is not in the third.
_WORDS = {
    Language.PT: """
        a o as os um uma uns umas e é ou que se de do da dos das em no na nos nas ao à aos às com sem
        por pelo pela para pra pro como onde quando quanto quanta quantos quantas quem qual quais porque
        pq oq não nao sim eu ele ela você voce vocês voces vc vcs me meu minha meus minhas seu sua seus
        suas isso isto esse essa este esta aqui ai aí lá já ja ainda também tambem tbm mais mas muito
        muita só até ate depois antes são sao está estou tô ta tá foi ser tem ter tenho vou vai vem dá
        da fazer faço faco faz posso pode podem consigo quero queria gostaria preciso cadê cade obrigado
        obrigada oi olá ola bom boa dia
        """,
    Language.ES: """
        a el la los las un una unos unas y o que qué se de del en al con sin por para como cómo dónde
        donde cuándo cuando cuánto cuanto cuánta cuántos cuántas quién quien cuál cual porque no sí si
        yo él ella usted ustedes me mi mis tu tus su sus lo le les nos te eso esto ese esa este esta
        aquí ahí ya aún todavía también tambien más mas muy pero solo hasta hay es son está estoy fue
        ser tiene tienen tengo tener voy va hacer hago hace puedo puede pueden quiero quisiera necesito
        gracias hola buenos buenas días desde
        """,
    Language.EN: """
        a i the an and or of to in on at by for with from is are was were be been it its this that these
        those my me you your we our they their he she do does did don't doesn't didn't can can't could
        will would should how what when where who which why not any some if there here have has had get
        got want need please thanks hello hi about after before still just no as but up out
        """,
}
# Endings and letter pairs that the other two do not have, or rarely: short questions have few small words.
_SPELLINGS = {
    Language.PT: r"[ãõ]|ç|[âêô]|nh|lh|ss|ções|ou\b|ei\b|em\b|am\b|agem\b|dade\b",
    Language.ES: r"[ñ¿¡]|ción|ll|ue|ie|dad\b|aje\b|é\b|ó\b|[aeo]n\b",
    Language.EN: r"th|wh|sh|ck|ee|oo|w|k|ing\b|ed\b|ly\b|y\b",
}
_VOTERS: dict[str, list[Language]] = {}
for _language, _words in _WORDS.items():
    for _word in _words.split():
        _VOTERS.setdefault(_word, []).append(_language)
_MARKS = {language: re.compile(pattern) for language, pattern in _SPELLINGS.items()}
# A whole word says more than a pair of letters.
_WORD_VOTES = 2


def detect(text: str) -> Language | None:
    """Returns the language, or None where the text does not say: too short, mixed, or none of ours."""
    read = text[:_READ_CHARACTERS].lower()
    votes = {language: len(marks.findall(read)) for language, marks in _MARKS.items()}
    for word in _WORD.findall(read):
        for language in _VOTERS.get(word, ()):
            votes[language] += _WORD_VOTES
    first, second, *_rest = sorted(Language, key=lambda language: votes[language], reverse=True)
    return first if votes[first] > votes[second] else None


def language_code(locale: str | None) -> str | None:
    """Returns the language of ours that a locale such as `pt-br` belongs to, or None."""
    code = (locale or "").replace("_", "-").partition("-")[0].lower()
    return code if code in Language.values else None


def language_or_default(locale: str | None) -> str:
    """Returns the language of ours that a locale belongs to, else the one of the installation."""
    return language_code(locale) or language_code(settings.LANGUAGE_CODE) or Language.EN
