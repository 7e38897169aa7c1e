"""Websites as sources: what is read of them, how gently, and what follows from what they say."""

import gzip
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from core.actor import Actor
from core.reasons import in_english
from knowledge import websites
from knowledge.actions import save_source, start_sync, syncing
from knowledge.enums import ItemStatus, SourceKind, SourceStatus
from knowledge.models import Article, Source
from knowledge.websites import Website, plain_address
from tests.fakes.site import Answer, Site, page, to
from tests.knowledge.documents import pdf
from tests.knowledge.test_import import site as site  # noqa: PLC0414 (a fixture)
from tests.knowledge.test_sources import embedded as embedded  # noqa: PLC0414
from tests.knowledge.test_sources import titles

pytestmark = pytest.mark.django_db
BY = Actor.system()
Put = Callable[..., None]


class Answers(dict[str, Answer]):
    """What a site has; all else it has not."""

    def __missing__(self, path: str) -> Answer:
        return page(b"", 404)


@pytest.fixture
def put(site: Site) -> Put:
    """Gives the site a page with a title and links."""
    site.answers = Answers()

    def give(path: str, title: str, *links: str, head: str = "", **headers: Any) -> None:
        anchors = "".join(f'<a href="{link}">more</a>' for link in links)
        html = f"<html lang=en><head>{head}</head><h1>{title}</h1><p>All about {title}.</p>{anchors}</html>"
        site.answers[path] = page(html.encode(), content_type="text/html", **headers)

    return give


def kept(site: Site, path: str = "/", **more: Any) -> Source:
    return save_source(
        source=Source(name="Site", kind=SourceKind.WEBSITE, address=f"{site.url}{path}", **more), by=BY
    )


def read(source: Source) -> Source:
    """Lets the job run to its end, without its pauses."""
    if not source.is_busy:
        start_sync(source=source, by=BY)
    job = syncing.Syncing(source.pk, sleep=lambda _seconds: None)
    while job.go_on():
        pass
    source.refresh_from_db()
    return source


def why(source: Source, path: str) -> tuple[str, str]:
    item = source.items.get(name__endswith=path)
    return item.status, in_english(item.reason)


def asked(site: Site) -> list[str]:
    return [path for _method, path in site.seen]


def xml(site: Site, *paths: str, index: bool = False) -> bytes:
    outer, inner = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    entries = "".join(f"<{inner}><loc>{site.url}{path}</loc></{inner}>" for path in paths)
    return f'<{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</{outer}>'.encode()


# --- Which pages ----------------------------------------------------------------------------------------


def test_a_site_is_walked_below_its_start_and_nowhere_else(site: Site, put: Put) -> None:
    put("/help/", "Help", "/help/a", "b?utm_source=x#top", "/shop", "https://example.com/", "mailto:x@y.z")
    put("/help/a", "A", "/help/deep/c")
    put("/help/b", "B", "/help/a")
    put("/help/deep/c", "C")
    put("/shop", "Shop")
    source = read(kept(site, "/help/"))
    assert (source.status, in_english(source.error)) == (SourceStatus.DONE, "")
    assert titles() == ["A", "B", "C", "Help"]
    assert "/shop" not in asked(site)
    assert len(asked(site)) == len(set(asked(site)))
    assert Article.objects.get(title="C").source_url == f"{site.url}/help/deep/c"


@pytest.mark.parametrize("packed", [False, True])
def test_a_sitemap_and_its_index_name_the_pages(site: Site, put: Put, *, packed: bool) -> None:
    wrap: Any = gzip.compress if packed else bytes
    site.answers["/robots.txt"] = page(f"Sitemap: {site.url}/maps/index.xml".encode())
    site.answers["/maps/index.xml"] = page(xml(site, "/maps/one.xml.gz", index=True))
    site.answers["/maps/one.xml.gz"] = page(wrap(xml(site, "/a", "/b")))
    put("/", "Home", "/c")
    put("/a", "A", "/c")
    put("/b", "B")
    put("/c", "C")
    read(kept(site))
    assert titles() == ["A", "B", "Home"]


def test_the_address_may_be_that_of_a_sitemap(site: Site, put: Put) -> None:
    site.answers["/help/map.xml"] = page(xml(site, "/help/a", "/other"))
    put("/help/a", "A")
    put("/other", "Other")
    read(kept(site, "/help/map.xml"))
    assert titles() == ["A"]


def test_a_sitemap_with_entities_is_not_read(site: Site, put: Put) -> None:
    site.answers["/sitemap.xml"] = page(b'<!DOCTYPE x [<!ENTITY a "aa">]><urlset>&a;</urlset>')
    put("/", "Home")
    read(kept(site))
    assert titles() == ["Home"]


def test_robots_are_obeyed_and_the_pause_they_ask_for(site: Site, put: Put) -> None:
    site.answers["/robots.txt"] = page(b"User-agent: *\nCrawl-delay: 3\nDisallow: /private")
    put("/", "Home", "/private/a", "/b")
    put("/private/a", "Private")
    put("/b", "B")
    waits: list[float] = []
    source = kept(site)
    job = syncing.Syncing(source.pk, sleep=waits.append)
    while job.go_on():
        pass
    assert titles() == ["B", "Home"]
    assert "/private/a" not in asked(site)
    assert why(source, "/private/a") == (ItemStatus.SKIPPED, "the site's robots.txt forbids it")
    assert set(waits) == {3.0}


def test_pages_say_that_they_are_others_or_want_not_to_be_found(site: Site, put: Put) -> None:
    put("/", "Home", "/copy", "/hidden", "/header", "/moved", "/closed")
    put("/copy", "Copy", head='<link rel="canonical" href="/true">')
    put("/true", "True")
    put("/hidden", "Hidden", "/behind", head='<meta name="robots" content="noindex">')
    put("/behind", "Behind")
    put("/header", "Header", x_robots_tag="noindex, nofollow")
    site.answers["/moved"] = to("/true")
    put("/closed", "Closed", "/never", head='<meta name="ROBOTS" content="nofollow">')
    put("/never", "Never")
    source = read(kept(site))
    assert titles() == ["Behind", "Closed", "Home", "True"]
    assert why(source, "/copy") == (ItemStatus.SKIPPED, f"the same page as {site.url}/true")
    assert why(source, "/header")[0] == ItemStatus.SKIPPED
    assert source.status == SourceStatus.DONE


def test_other_files_are_left_out_with_a_reason_and_documents_taken(site: Site, put: Put) -> None:
    put("/", "Home", "/photo.png", "/film", "/manual.pdf")
    site.answers["/film"] = page(b"x", content_type="video/mp4")
    site.answers["/manual.pdf"] = page(pdf("Hold the blue button."), content_type="application/pdf")
    source = read(kept(site))
    assert titles() == ["Home", "Manual"]
    assert why(source, "/film") == (ItemStatus.SKIPPED, "no page but video/mp4")
    assert "/photo.png" not in asked(site)


def test_pages_are_bounded(site: Site, settings: Any) -> None:
    """A site that makes up a new page for each link."""

    class Endless(dict[str, Answer]):
        def __missing__(self, path: str) -> Answer:
            if path.endswith((".txt", ".xml")):
                return page(b"", 404)
            html = f'<h1>{path}</h1><p>Text.</p><a href="{path}x">more</a><a href="{path}y">more</a>'
            return page(html.encode(), content_type="text/html")

    site.answers = Endless()
    settings.KNOWLEDGE_SOURCE_PAGES = 20
    source = read(kept(site))
    assert (source.status, source.total) == (SourceStatus.PARTIAL, 20)
    assert in_english(source.error) == "At most 20 pages are read; there may be more."


def test_links_are_followed_so_far_and_no_further(
    site: Site, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "MAX_DEPTH", 2)
    for number in range(5):
        put(f"/{number or ''}", f"Page {number}", f"/{number + 1}")
    source = read(kept(site))
    assert titles() == ["Page 0", "Page 1", "Page 2"]
    assert why(source, "/2") == (
        ItemStatus.READ,
        "its links are not followed: it is 2 links from the start",
    )
    assert why(source, "/1")[1] == ""


def test_inside_addresses_are_never_reached(site: Site, put: Put, settings: Any) -> None:
    put("/", "Home")
    source = kept(site)
    settings.OUTBOUND_ALLOW = []
    read(source)
    assert (source.status, asked(site)) == (SourceStatus.FAILED, [])
    assert "not a public address" in in_english(source.error)


def test_a_site_that_redirects_to_another_host_is_not_followed(site: Site, put: Put) -> None:
    put("/", "Home", "/away")
    site.answers["/away"] = to(f"http://localhost:{site.server_port}/inside")
    source = read(kept(site))
    assert "/inside" not in asked(site)
    assert source.status == SourceStatus.PARTIAL
    assert "use that address instead" in why(source, "/away")[1]


# --- Again ----------------------------------------------------------------------------------------------


def tagged(etag: str, html: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.headers.get("if-none-match") == etag:
            page(b"", 304)(handler)
        else:
            page(html, content_type="text/html", etag=etag)(handler)

    return answer


def test_an_unchanged_page_costs_a_header_and_no_vector(site: Site, put: Put, embedded: list[str]) -> None:
    put("/", "Home", "/a")
    site.answers["/a"] = tagged('"1"', b"<h1>A</h1><p>Text.</p>")
    source = read(kept(site))
    embedded.clear()
    read(source)
    assert why(source, "/a")[0] == ItemStatus.UNCHANGED
    assert (source.unchanged, source.updated, source.gone, embedded) == (2, 0, 0, [])
    site.answers["/a"] = tagged('"2"', b"<h1>A</h1><p>Another text.</p>")
    read(source)
    assert (source.unchanged, source.updated, embedded) == (1, 1, ["A"])


def test_other_options_have_unchanged_pages_read_anew(site: Site, put: Put) -> None:
    site.answers["/"] = tagged('"1"', b"<h1>A</h1><p>Text.</p>")
    source = read(kept(site))
    source.audience = "internal"
    read(save_source(source=source, by=BY))
    assert Article.objects.get().audience == "internal"


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_gone_answers_nobody_any_more_and_may_come_back(
    site: Site, put: Put, status: int
) -> None:
    put("/", "Home", "/a", "/b")
    put("/a", "A")
    put("/b", "B")
    source = read(kept(site))
    put("/", "Home", "/b")
    site.answers["/a"] = page(b"", status)
    read(source)
    assert (source.status, source.gone, source.created) == (SourceStatus.DONE, 1, 0)
    assert titles(status="archived") == ["A"]
    read(source)
    assert source.gone == 0
    put("/a", "A")
    put("/", "Home", "/a", "/b")
    read(source)
    assert titles(status="published") == ["A", "B", "Home"]


def test_a_page_nothing_leads_to_any_more_is_asked_itself(site: Site, put: Put) -> None:
    put("/", "Home", "/a")
    put("/a", "A")
    source = read(kept(site))
    put("/", "Home")
    read(source)
    assert (source.status, titles(status="published")) == (SourceStatus.DONE, ["A", "Home"])


@pytest.mark.parametrize("status", [500, 403])
def test_a_page_that_fails_today_is_kept_and_shown(site: Site, put: Put, status: int) -> None:
    put("/", "Home", "/a")
    put("/a", "A")
    source = read(kept(site))
    site.answers["/a"] = page(b"", status)
    read(source)
    assert (source.status, source.gone, source.rejected) == (SourceStatus.PARTIAL, 0, 1)
    assert why(source, "/a") == (ItemStatus.FAILED, f"answered {status}")
    assert titles(status="published") == ["A", "Home"]


@pytest.mark.parametrize("status", [404, 500])
def test_a_site_that_is_down_or_empty_takes_nothing_away(site: Site, put: Put, status: int) -> None:
    put("/", "Home", "/a", "/b")
    put("/a", "A")
    put("/b", "B")
    source = read(kept(site))
    site.answers.clear()
    if status != 404:
        site.answers.update({path: page(b"", status) for path in ("/robots.txt", "/", "/a", "/b")})
    read(source)
    assert (source.status, source.gone, source.held) == (SourceStatus.FAILED, 0, 0)
    assert f"answered {status}" in in_english(source.error)
    assert titles(status="published") == ["A", "B", "Home"]


def test_a_site_that_loses_most_of_its_pages_waits_for_somebody(site: Site, put: Put) -> None:
    put("/", "Home", "/a", "/b")
    put("/a", "A")
    put("/b", "B")
    source = read(kept(site))
    site.answers.clear()
    put("/", "Home")
    read(source)
    assert (source.status, source.held) == (SourceStatus.PARTIAL, 2)
    assert titles(status="published") == ["A", "B", "Home"]
    read(source)
    assert source.held == 2


def test_a_site_that_stops_answering_is_left_alone_soon(site: Site, put: Put) -> None:
    def dead(handler: BaseHTTPRequestHandler) -> None:
        page(b"", 500)(handler)

    put("/", "Home", *(f"/{number}" for number in range(30)))
    site.answers.update({f"/{number}": dead for number in range(30)})
    source = read(kept(site))
    assert source.status == SourceStatus.FAILED
    assert "has stopped answering" in in_english(source.error)
    assert len(asked(site)) == 3 + syncing.PATIENCE


def test_a_start_that_is_another_one_now_lets_go_of_the_pages_before(site: Site, put: Put) -> None:
    put("/old/", "Old")
    put("/new/", "New", "/new/a", "/new/b")
    put("/new/a", "A")
    put("/new/b", "B")
    source = read(kept(site, "/old/"))
    source.address = f"{site.url}/new/"
    read(save_source(source=source, by=BY))
    assert titles(status="published") == ["A", "B", "New"]


# --- Addresses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("HTTPS://Example.COM:443/a#b", "https://example.com/a"),
        ("http://example.com", "http://example.com/"),
        ("http://example.com:81/?q=1&utm_medium=x", "http://example.com:81/?q=1"),
        ("http://[::1]:81/a", "http://[::1]:81/a"),
        ("http://user:x@example.com/", ""),
        ("http://example.com:x/", ""),
        ("javascript:alert(1)", ""),
        ("http://[broken", ""),
    ],
)
def test_addresses_have_one_form(url: str, plain: str) -> None:
    assert plain_address(url) == plain


@pytest.mark.parametrize(
    ("start", "inside", "outside"),
    [
        ("https://x.test/help", "https://x.test/help/a", "https://x.test/helping"),
        ("https://x.test/help/index.html", "https://x.test/help/a", "https://x.test/a"),
        ("https://x.test", "https://x.test/a", "https://www.x.test/a"),
        ("https://x.test/help", "https://x.test/help", "https://x.test:8443/help"),
    ],
)
def test_what_is_below_a_start(start: str, inside: str, outside: str) -> None:
    site = Website(start)
    assert site.has(inside)
    assert not site.has(outside)
    assert not site.has(f"{inside}/{'a' * websites.LONGEST_ADDRESS}")
