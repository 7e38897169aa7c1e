"""The catalogues: complete, true to the source, and compiled."""

import ast
import gettext
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext as say
from django.utils.translation import ngettext

from conversations.models import Inbox
from core import errors
from desk.strings import strings

ROOT = Path(__file__).resolve().parents[2]
LOCALES = ("pt_BR", "es")
PLACEHOLDER = re.compile(r"%%|%\(\w+\)[sd]|%[sd]|\{\w*\}|</?\w+")
LINE = re.compile(r'(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) (".*")')


@dataclass
class Entry:
    """One message of a .po file."""

    flags: str = ""
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The message as gettext looks it up: a context goes before it."""
        context = self.fields.get("msgctxt")
        return f"{context}\4{self.fields['msgid']}" if context else self.fields["msgid"]

    @property
    def translations(self) -> list[str]:
        return [text for name, text in self.fields.items() if name.startswith("msgstr")]


def catalogue(locale: str) -> list[Entry]:
    """Reads the .po file; the header is the first entry."""
    path = ROOT / "locale" / locale / "LC_MESSAGES/django.po"
    return [entry_of(block) for block in path.read_text(encoding="utf-8").strip().split("\n\n")]


def entry_of(block: str) -> Entry:
    entry, name = Entry(), ""
    for line in block.splitlines():
        if line.startswith("#"):
            entry.flags += line
        elif found := LINE.fullmatch(line):
            name = found[1]
            entry.fields[name] = ast.literal_eval(found[2])
        else:
            entry.fields[name] += ast.literal_eval(line)
    return entry


def compiled(locale: str) -> gettext.GNUTranslations:
    path = ROOT / "locale" / locale / "LC_MESSAGES/django.mo"
    with path.open("rb") as file:
        return gettext.GNUTranslations(file)


def placeholders(text: str) -> Counter[str]:
    return Counter(PLACEHOLDER.findall(text))


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_has_a_translation_that_nobody_has_to_look_at_again(locale: str) -> None:
    entries = catalogue(locale)
    assert len(entries) > 400
    assert [entry.key for entry in entries if not all(entry.translations)] == []
    assert [entry.key for entry in entries if "fuzzy" in entry.flags or "#~" in entry.flags] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_translations_have_the_placeholders_of_their_messages(locale: str) -> None:
    for entry in catalogue(locale)[1:]:
        expected = placeholders(entry.fields["msgid"])
        assert [placeholders(text) for text in entry.translations] == [expected] * len(entry.translations)


@pytest.mark.parametrize("locale", LOCALES)
def test_sentences_end_as_their_messages_do(locale: str) -> None:
    for entry in catalogue(locale)[1:]:
        source = entry.fields["msgid"]
        for text in entry.translations:
            assert (text[-1:] in set(".?:")) == (source[-1:] in set(".?:")), text
            assert "!" not in text
            assert text == text.strip()


def test_both_languages_know_the_same_messages() -> None:
    first, second = ([entry.key for entry in catalogue(locale)] for locale in LOCALES)
    assert first == second
    assert len(set(first)) == len(first)


@pytest.mark.parametrize("locale", LOCALES)
def test_compiled_catalogue_says_what_the_written_one_says(locale: str) -> None:
    known = vars(compiled(locale))["_catalog"]
    written: dict[object, str] = {}
    for entry in catalogue(locale):
        plural = "msgid_plural" in entry.fields
        for number, text in enumerate(entry.translations):
            written[(entry.key, number) if plural else entry.key] = text
    assert known == written


@pytest.mark.parametrize("locale", LOCALES)
def test_header_names_the_language_and_nobody(locale: str) -> None:
    header = dict(line.split(": ", 1) for line in catalogue(locale)[0].fields["msgstr"].splitlines())
    assert header["Language"] == locale
    assert header["Content-Type"] == "text/plain; charset=UTF-8"
    assert not {"Last-Translator", "Language-Team", "X-Generator", "Report-Msgid-Bugs-To"} & set(header)


@pytest.mark.parametrize(
    ("language", "one", "many"),
    [
        ("pt-br", "1 chamado foi resolvido.", "2 chamados foram resolvidos."),
        ("es", "1 ticket fue resuelto.", "2 tickets fueron resueltos."),
    ],
)
def test_plural_follows_the_number(language: str, one: str, many: str) -> None:
    with translation.override(language):
        said = [ngettext("%d ticket was solved.", "%d tickets were solved.", n) % n for n in (1, 2)]
    assert said == [one, many]


def test_every_language_that_can_be_chosen_has_a_catalogue() -> None:
    chosen = {translation.to_locale(code) for code, _name in settings.LANGUAGES}
    assert chosen == {"en", *LOCALES}


@pytest.mark.parametrize("locale", LOCALES)
def test_words_of_templates_and_scripts_are_in_the_catalogue(locale: str) -> None:
    known = {entry.key.rpartition("\4")[2] for entry in catalogue(locale)}
    tag = re.compile(r"""{% trans(?:late)? (?:"([^"]+)"|'([^']+)')""")
    templates = "".join(path.read_text() for path in (ROOT / "templates").rglob("*.html"))
    used = {(first or second).replace("%", "%%") for first, second in tag.findall(templates)}
    assert len(used) > 100
    assert used - known == set()
    with translation.override("en"):
        assert set(strings().values()) - known == set()


@pytest.mark.parametrize("language", ["pt-br", "es"])
def test_default_refusals_are_said_in_the_readers_language(language: str) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    defaults = [kind.__doc__ for kind in kinds if issubclass(kind, errors.HelpdeskError)]
    assert len(defaults) >= len(errors.DEFAULTS)
    assert set(errors.DEFAULTS) == set(defaults)
    with translation.override(language):
        assert all(say(text) != text for text in errors.DEFAULTS)
        assert errors.Forbidden().detail == say("You may not do this.")


@pytest.mark.parametrize(
    ("address", "lang", "word"),
    [
        ("/", "pt-BR", "Frete grátis"),
        ("/?lang=pt-BR", "pt-BR", "Frete grátis"),
        ("/?lang=es", "es", "Envío gratis"),
        ("/?lang=en", "en", "Free delivery"),
        ("/?lang=tlh", "pt-BR", "Frete grátis"),
    ],
)
def test_demo_shop_speaks_the_language_of_its_address(
    client: Client, inbox: Inbox, address: str, lang: str, word: str
) -> None:
    page = client.get(address, headers={"accept-language": "en"}).text
    assert f'<html lang="{lang}">' in page
    assert word in page
    assert "%%" not in page


@pytest.mark.parametrize(
    ("query", "accepts", "said"),
    [
        ("", "es-MX", ("es", "El chat necesita JavaScript.")),
        ("", "fr", ("en", "The chat needs JavaScript.")),
        ("?lang=pt-BR", "es", ("pt-br", "O chat precisa de JavaScript.")),
        ("?lang=%00", "es", ("en", "The chat needs JavaScript.")),
    ],
)
def test_chat_page_speaks_the_language_asked_for_or_the_browsers(
    client: Client, inbox: Inbox, query: str, accepts: str, said: tuple[str, str]
) -> None:
    lang, word = said
    page = client.get(f"/chat/{inbox.key}/{query}", headers={"accept-language": accepts}).text
    assert f'<html lang="{lang}">' in page
    assert word in page
