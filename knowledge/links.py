"""What a web page says about itself and where it leads."""

from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin

import nh3

HEAD_CHARACTERS = 50_000
MAX_LINKS = 2_000


@dataclass(frozen=True, slots=True)
class Links:
    """Where a page leads (whole addresses), which address it wants to be known by, whether it hides."""

    addresses: tuple[str, ...] = ()
    canonical: str = ""
    is_hidden: bool = False


def links_of(html: str, address: str, headers: Mapping[str, str]) -> Links:
    """Reads a page's links and wishes; of one that wants no link followed, none is returned."""
    head = _Head()
    head.feed(html[:HEAD_CHARACTERS])
    wishes = {wish.strip() for wish in f"{head.robots},{headers.get('x-robots-tag', '')}".lower().split(",")}
    is_hidden = bool(wishes & {"noindex", "none"})
    if wishes & {"nofollow", "none"}:
        return Links((), head.canonical, is_hidden)
    # A browser's parser first: what is left is simple enough for the one of the standard library.
    anchors = _Anchors()
    anchors.feed(nh3.clean(html, tags={"a"}, attributes={"a": {"href"}}, link_rel=None))
    base = urljoin(address, head.base)
    found = tuple(url for link in anchors.found[:MAX_LINKS] if (url := _joined(base, link)))
    return Links(found, head.canonical, is_hidden)


def _joined(base: str, link: str) -> str:
    try:
        return urljoin(base, link.strip())
    except ValueError:
        return ""


class _Head(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.robots = self.canonical = self.base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "meta" and said.get("name", "").lower() in {"robots", "helpdesk"}:
            self.robots += f",{said.get('content', '')}"
        elif tag == "link" and "canonical" in said.get("rel", "").lower().split():
            self.canonical = self.canonical or said.get("href", "").strip()
        elif tag == "base":
            self.base = self.base or said.get("href", "").strip()


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href") if tag == "a" else ""
        if link:
            self.found.append(link)
