"""A website as a source of articles: what it lets be read, which pages it names, what each says.

Reads through the outbound door, one request at a time, and stores nothing. robots.txt (RFC 9309) and
sitemaps (https://www.sitemaps.org/protocol.html) are obeyed.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree as ET

from core.http import Fetched, OutboundError, fetch
from core.reasons import reason
from knowledge import formats
from knowledge.documents import Document, Rejected
from knowledge.enums import ItemStatus
from knowledge.links import Links, links_of

ROBOT = "helpdesk"
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
MAX_ROBOTS_BYTES = 512 * 1024
MAX_SITEMAP_BYTES = 20 * 1024 * 1024
MAX_SITEMAPS = 50
LONGEST_ADDRESS = 450
GONE = frozenset({404, 410})
NOT_MODIFIED = 304
SERVER_ERROR = 500
# Linked everywhere, and never an article: not even asked for.
MEDIA = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".ico", ".mp3", ".mp4", ".webm", ".mov", ".avi"),
        *(".zip", ".gz", ".tar", ".exe", ".dmg", ".iso", ".css", ".js", ".woff", ".woff2", ".rss", ".atom"),
    }
)


class SiteUnreadable(Exception):
    """The site cannot be read at all now; the message is a reason as of `core.reasons`."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of asking for one page. `links` are addresses within the site's part that is read."""

    status: ItemStatus
    reason: str = ""
    documents: tuple[Document | Rejected, ...] = ()
    links: tuple[str, ...] = ()
    # Another address under which the same page is known.
    instead: str = ""
    etag: str = ""
    modified: str = ""
    size: int = 0
    # Whether it failed for what may pass: the site, not the page.
    is_outage: bool = False


class Website:
    """One site below one address. Makes its first request when `open` is called."""

    def __init__(self, start: str) -> None:
        self.start = plain_address(start)
        self._robots = RobotFileParser()
        self.pause = PAUSE_SECONDS

    def open(self) -> None:
        """Reads what the site lets be read. Raises SiteUnreadable where it does not even say that."""
        try:
            answer = fetch(urljoin(self.start, "/robots.txt"), max_bytes=MAX_ROBOTS_BYTES, cut=True)
        except OutboundError as error:
            raise SiteUnreadable(error.detail) from error
        if answer.status >= SERVER_ERROR:
            raise SiteUnreadable(reason("%s answered %d", answer.url, answer.status))
        is_there = 200 <= answer.status < 300  # noqa: PLR2004 (the range of success)
        self._robots.parse(answer.content.decode("utf-8", "replace").splitlines() if is_there else [])
        delay = float(self._robots.crawl_delay(ROBOT) or 0)
        self.pause = min(max(delay, PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)

    def named(self) -> list[str]:
        """Returns the pages that the site's sitemaps name and that are to be read; none where it has none."""
        own = self._is_sitemap(self.start)
        waiting = [self.start] if own else [*(self._robots.site_maps() or ()), "/sitemap.xml"]
        found: dict[str, None] = {}
        seen: set[str] = set()
        while waiting and len(seen) < MAX_SITEMAPS:
            address = plain_address(urljoin(self.start, waiting.pop(0)))
            if address in seen or not self._is_same_host(address):
                continue
            seen.add(address)
            for is_index, url in _sitemap(address):
                if is_index:
                    waiting.append(url)
                elif self.has(page := plain_address(url)):
                    found[page] = None
        return list(found)

    @property
    def names_itself(self) -> bool:
        """True where the address given is a page to be read, and not a sitemap."""
        return not self._is_sitemap(self.start)

    def has(self, address: str) -> bool:
        """True for addresses on the same host and below the start."""
        if not self._is_same_host(address) or len(address) > LONGEST_ADDRESS:
            return False
        path, below = urlsplit(address).path, self._below
        return path.startswith(below) or f"{path}/" == below

    def visit(self, address: str, *, key: str, etag: str = "", modified: str = "") -> Visit:
        """Asks for a page; with what its server called it last time, an unchanged one costs a header.

        `key` is what the keys of its documents are, or begin with.
        """
        if not self.has(address):
            return Visit(ItemStatus.GONE, reason("not below the address of the source"))
        refusal = self._refusal(address)
        if refusal:
            return Visit(ItemStatus.SKIPPED, refusal)
        headers = {"if-none-match": etag} if etag else {}
        if modified:
            headers["if-modified-since"] = modified
        try:
            answer = fetch(address, headers=headers, max_bytes=formats.MAX_TABLE_BYTES)
        except OutboundError as error:
            return Visit(ItemStatus.FAILED, error.detail, is_outage=error.temporary)
        if answer.status == NOT_MODIFIED:
            return Visit(ItemStatus.UNCHANGED, etag=etag, modified=modified)
        if answer.status in GONE:
            return Visit(ItemStatus.GONE, reason("answered %d", answer.status))
        if not 200 <= answer.status < 300:  # noqa: PLR2004 (the range of success)
            is_outage = answer.status >= SERVER_ERROR
            return Visit(ItemStatus.FAILED, reason("answered %d", answer.status), is_outage=is_outage)
        return self._read(address, key, answer)

    def _read(self, address: str, key: str, answer: Fetched) -> Visit:
        kind = _kind(answer)
        arrived = plain_address(answer.url)
        if kind is None:
            said = answer.content_type or "?"
            return Visit(ItemStatus.SKIPPED, reason("no page but %s", said), size=len(answer.content))
        links = Links()
        if kind == "html":
            links = links_of(formats.decoded_page(answer.content), arrived, answer.headers)
        instead = self._instead(address, arrived, links)
        followed = tuple(
            dict.fromkeys(url for link in links.addresses if self.has(url := plain_address(link)))
        )
        size = len(answer.content)
        if instead:
            told = reason("the same page as %s", instead)
            return Visit(ItemStatus.SKIPPED, told, instead=instead, links=followed, size=size)
        if links.is_hidden:
            told = reason("asks not to be found by searching (noindex)")
            return Visit(ItemStatus.SKIPPED, told, links=followed, size=size)
        name = PurePosixPath(urlsplit(arrived).path).name or urlsplit(arrived).netloc
        url = "" if kind == "csv" else arrived
        return Visit(
            ItemStatus.READ,
            documents=tuple(formats.read(answer.content, kind=kind, key=key, name=name, url=url)),
            links=followed,
            etag=answer.headers.get("etag", "")[:300],
            modified=answer.headers.get("last-modified", "")[:100],
            size=size,
        )

    def _instead(self, address: str, arrived: str, links: Links) -> str:
        """Returns the address under which the page is to be kept, where that is another one of this site."""
        chosen = plain_address(urljoin(arrived, links.canonical)) if links.canonical else arrived
        if not self.has(chosen):
            chosen = arrived
        return chosen if chosen != address and self.has(chosen) else ""

    def _refusal(self, address: str) -> str:
        if not self._robots.can_fetch(ROBOT, address):
            return reason("the site's robots.txt forbids it")
        if PurePosixPath(urlsplit(address).path).suffix.lower() in MEDIA:
            return reason("no page by its name")
        return ""

    def _is_same_host(self, address: str) -> bool:
        return urlsplit(address).netloc == urlsplit(self.start).netloc

    @staticmethod
    def _is_sitemap(address: str) -> bool:
        return urlsplit(address).path.lower().endswith((".xml", ".xml.gz"))

    @property
    def _below(self) -> str:
        """What the paths of all pages begin with: the folder of a file, else the start itself."""
        path = urlsplit(self.start).path
        folder, _slash, last = path.rpartition("/")
        return f"{folder}/" if "." in last else f"{path.rstrip('/')}/"


def plain_address(url: str) -> str:
    """Returns an address in one form, without fragment, usual port and marks of campaigns; "" for none."""
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host or parts.username:
        return ""
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    netloc = host if port in {None, usual} else f"{host}:{port}"
    asked = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not pair[0].startswith("utm_")
    ]
    return urlunsplit((parts.scheme, netloc, parts.path or "/", urlencode(asked), ""))


def _sitemap(address: str) -> Iterator[tuple[bool, str]]:
    """Yields the addresses in a sitemap, and whether each is another sitemap; a broken one has none."""
    try:
        answer = fetch(address, max_bytes=MAX_SITEMAP_BYTES)
    except OutboundError as error:
        if error.temporary:
            raise SiteUnreadable(error.detail) from error
        return
    if answer.status >= SERVER_ERROR:
        raise SiteUnreadable(reason("%s answered %d", address, answer.status))
    data = _inflated(answer.content)
    # Entities are of no use in a sitemap, and of much to whoever wants a parser to choke.
    if answer.status in GONE or b"<!ENTITY" in data or b"<!DOCTYPE" in data:
        return
    try:
        root = ET.fromstring(data)  # noqa: S314 (no entities, see above)
    except ET.ParseError:
        return
    is_index = root.tag.rpartition("}")[2] == "sitemapindex"
    for entry in root:
        for part in entry:
            if part.tag.rpartition("}")[2] == "loc" and part.text:
                yield is_index, part.text.strip()


def _inflated(data: bytes) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, MAX_SITEMAP_BYTES)
    except zlib.error:
        return b""


def _kind(answer: Fetched) -> str | None:
    """Returns what a page is read as. Many servers send Markdown and PDF as plain text or bytes."""
    suffix = PurePosixPath(urlsplit(answer.url).path).suffix.lower()
    if answer.content_type in {"", "text/plain", "application/octet-stream"}:
        return formats.SUFFIXES.get(suffix) or formats.MEDIA_TYPES.get(answer.content_type)
    return formats.MEDIA_TYPES.get(answer.content_type)
