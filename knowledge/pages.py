"""An article as a page: its HTML with an anchor at each heading, and what stands on it. Pure."""

import re
from collections import Counter
from dataclasses import dataclass
from html import unescape

from django.utils.text import slugify

from core.html import markdown_to_html
from knowledge.text import plain_text

DESCRIPTION = 155  # characters that search engines show
# A page with fewer headings is seen at a glance.
FEWEST_CONTENTS = 3
# As our own renderer writes them: cleaned, without attributes.
_HEADING = re.compile(r"<(h[1-6])>(.*?)</\1>", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the page: its plain text and the anchor that stands for it."""

    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown of an article. `contents` is empty for a short one; `description` is plain text."""

    html: str
    contents: tuple[Heading, ...]
    description: str


def page_of(markdown: str) -> Page:
    """Returns safe HTML and what leads into it."""
    headings: list[Heading] = []
    met: Counter[str] = Counter()

    def anchored(match: re.Match[str]) -> str:
        text = unescape(_TAG.sub("", match[2])).strip()
        name = anchor(text)
        met[name] += 1
        if met[name] > 1:
            name = f"{name}-{met[name]}"
        headings.append(Heading(text, name))
        return f'<{match[1]} id="{name}">{match[2]}</{match[1]}>'

    html = _HEADING.sub(anchored, markdown_to_html(markdown))
    contents = tuple(headings) if len(headings) >= FEWEST_CONTENTS else ()
    return Page(html, contents, _description(markdown))


def anchor(heading: str) -> str:
    """Returns the name under which a heading is found on its page; the first of several of that text."""
    # Nothing of the page around it is called so.
    return f"s-{slugify(heading)[:60].strip('-')}".rstrip("-")


def _description(markdown: str) -> str:
    text = " ".join(plain_text(markdown[:2_000]).split())
    if len(text) <= DESCRIPTION:
        return text
    return f"{text[:DESCRIPTION].rsplit(' ', 1)[0].rstrip(',;:')}…"
