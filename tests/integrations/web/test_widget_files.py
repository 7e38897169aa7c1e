"""What the widget is made of: small, without a build, in three languages, within every policy."""

import gzip
import re
from pathlib import Path

import pytest
from django.test import Client

from conversations.models import Inbox

ROOT = Path(__file__).parents[3]
WIDGET = sorted((ROOT / "static" / "widget").iterdir())
PAGES = sorted((ROOT / "templates" / "web").glob("*.html"))
# What a visitor waits for, and what comes on top where there is something to show.
LIMIT = 15_000
MORE = {"invitations.": 3_200, "rating.": 2_500}


def test_what_every_page_loads_is_within_fifteen_kilobytes() -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in WIDGET}
    assert sum(size for name, size in sizes.items() if not name.startswith(tuple(MORE))) <= LIMIT, sizes


@pytest.mark.parametrize("part", MORE)
def test_what_comes_later_is_small(part: str) -> None:
    """Invitations come where a campaign shows something on the site, ratings once the chat is open."""
    files = [path for path in WIDGET if path.name.startswith(part)]
    assert {path.suffix for path in files} == {".js", ".css"}
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in files) <= MORE[part]


@pytest.mark.parametrize(
    "path", [path for path in WIDGET if path.suffix == ".js"], ids=lambda path: path.name
)
def test_every_import_is_a_file_beside_it(path: Path) -> None:
    names = re.findall(r"""(?:from|import\(|new URL\()\s*["']([^"']+\.(?:js|css))["']""", path.read_text())
    assert all((path.parent / name).is_file() for name in names)
    assert not re.search(r"https?://(?!www\.w3\.org)", path.read_text())


def test_every_word_is_there_in_three_languages() -> None:
    # What comes later brings its own words.
    source = "".join(path.read_text() for path in WIDGET if path.suffix == ".js")
    words = re.findall(r"^  (\w+): \[(\s*\".*?)\],$", source, re.MULTILINE | re.DOTALL)
    texts = {name: re.findall(r'"([^"]+)"', line) for name, line in words}
    assert len(texts) > 20
    assert {len(row) for row in texts.values()} == {3}
    assert texts["person"] == ["Talk to a person", "Falar com uma pessoa", "Hablar con una persona"]
    used = set(re.findall(r"\bwords\.(\w+)", "".join(path.read_text() for path in WIDGET)))
    assert used - {"locale"} <= set(texts)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_have_nothing_inline_and_nothing_foreign(path: Path) -> None:
    source = path.read_text()
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", source)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", source)


@pytest.mark.django_db
@pytest.mark.parametrize("lang", ["pt-BR", "es", "en"])
def test_the_demo_page_speaks_the_language_it_is_asked_in(client: Client, inbox: Inbox, lang: str) -> None:
    page = client.get("/", {"lang": lang}).content.decode()
    assert f'<html lang="{lang}">' in page
    assert f'data-inbox="{inbox.key}"' in page
    assert re.search(rf'href="\?lang={lang}"[^>]*aria-current', page)
