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
LIMIT, MORE = 15_000, 3_200


def test_what_every_page_loads_is_within_fifteen_kilobytes() -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in WIDGET}
    more = {name: size for name, size in sizes.items() if path_is_lazy(name)}
    assert sum(sizes.values()) - sum(more.values()) <= LIMIT, sizes
    assert 0 < sum(more.values()) <= MORE, more


def path_is_lazy(name: str) -> bool:
    """Says whether a file comes only where a campaign shows something on the site."""
    return name.startswith("invitations.")


@pytest.mark.parametrize(
    "path", [path for path in WIDGET if path.suffix == ".js"], ids=lambda path: path.name
)
def test_every_import_is_a_file_beside_it(path: Path) -> None:
    names = re.findall(r"""(?:from|import\(|new URL\()\s*["']([^"']+\.(?:js|css))["']""", path.read_text())
    assert all((path.parent / name).is_file() for name in names)
    assert not re.search(r"https?://(?!www\.w3\.org)", path.read_text())


def test_every_word_is_there_in_three_languages() -> None:
    source = (ROOT / "static" / "widget" / "strings.js").read_text()
    words = re.findall(r"^  (\w+): \[(.*?)\],$", source, re.MULTILINE | re.DOTALL)
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
