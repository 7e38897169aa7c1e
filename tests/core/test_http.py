"""The outbound door against a real server on loopback, and against every form of a private address."""

import datetime as dt
import gzip
import socket
import ssl
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from core import http
from core.outbound import REFUSED_NETWORKS, addresses_of, may_connect
from tests.fakes.site import Site, drip, in_turn, page, to


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8", "::1/128"]
    server = Site()
    yield server
    server.shutdown()
    server.server_close()


def test_fetch_page_gives_text_type_and_address(site: Site) -> None:
    site.answers["/a"] = page("olá".encode("latin-1"), content_type="Text/HTML; charset=ISO-8859-1")
    fetched = http.fetch(f"{site.url}/a?key=1")
    assert (fetched.text, fetched.content_type, fetched.status) == ("olá", "text/html", 200)
    assert fetched.url == f"{site.url}/a?key=1"


@pytest.mark.parametrize("declared", ["text/plain", "text/plain; charset=utf-9000", ""])
def test_text_without_usable_charset_is_utf8(declared: str) -> None:
    fetched = http.Fetched("http://a/", 200, {"content-type": declared}, b"\xef\xbb\xbfol\xc3\xa1")
    assert fetched.text == "olá"


def test_text_in_no_known_encoding_raises() -> None:
    with pytest.raises(UnicodeDecodeError):
        _ = http.Fetched("http://a/", 200, {}, b"\xff\xfe\x00\x81").text


def test_fetch_post_sends_content_and_headers(site: Site) -> None:
    got: list[tuple[bytes, str]] = []

    def record(handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["content-length"])
        got.append((handler.rfile.read(length), handler.headers["x-key"]))
        page(b"{}", 201)(handler)

    site.answers["/hook"] = record
    assert http.fetch(f"{site.url}/hook", method="post", content=b"hi", headers={"x-key": "k"}).status == 201
    assert got == [(b"hi", "k")]


def test_fetch_error_status_is_returned_and_require_ok_raises(site: Site) -> None:
    site.answers["/gone"] = page(b"no", 404)
    fetched = http.fetch(f"{site.url}/gone?token=secret")
    assert fetched.content == b"no"
    with pytest.raises(http.OutboundStatus, match="404") as caught:
        fetched.require_ok()
    assert "secret" not in str(caught.value)


def test_fetch_ok_status_passes_require_ok(site: Site) -> None:
    site.answers["/a"] = page(b"x", 204)
    assert http.fetch(f"{site.url}/a").require_ok().status == 204


# --- Limits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [100, 101])
def test_fetch_body_up_to_the_limit_only(site: Site, size: int) -> None:
    site.answers["/big"] = page(b"x" * size)
    if size <= 100:
        assert len(http.fetch(f"{site.url}/big", max_bytes=100).content) == size
        return
    with pytest.raises(http.OutboundTooLarge):
        http.fetch(f"{site.url}/big", max_bytes=100)


def test_fetch_packed_body_counts_unpacked(site: Site) -> None:
    site.answers["/bomb"] = page(gzip.compress(b"x" * 3_000_000), content_encoding="gzip")
    site.answers["/fine"] = page(gzip.compress(b"x" * 900), content_encoding="gzip")
    with pytest.raises(http.OutboundTooLarge):
        http.fetch(f"{site.url}/bomb", max_bytes=1_000)
    assert http.fetch(f"{site.url}/fine", max_bytes=1_000).content == b"x" * 900


@pytest.mark.parametrize(
    "body", [b"not gzip at all", gzip.compress(b"x" * 500)[:-9]], ids=["not packed", "cut short"]
)
def test_fetch_broken_packing_is_unreachable(site: Site, body: bytes) -> None:
    site.answers["/bad"] = page(body, content_encoding="gzip")
    with pytest.raises(http.OutboundUnreachable, match="unpacked"):
        http.fetch(f"{site.url}/bad", attempts=1)


def test_packed_body_is_unpacked_no_further_than_the_limit() -> None:
    packed = httpx.ByteStream(gzip.compress(b"x" * 3_000_000))
    response = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=packed)
    assert len(next(http._unpacked(response, 1_000))) <= 1_001


def test_fetch_unasked_encoding_is_unreachable(site: Site) -> None:
    site.answers["/br"] = page(b"?", content_encoding="br")
    with pytest.raises(http.OutboundUnreachable, match="encoding"):
        http.fetch(f"{site.url}/br", attempts=1)


def test_fetch_head_reads_no_body(site: Site) -> None:
    site.answers["/h"] = page(b"x" * 50, content_encoding="gzip")
    fetched = http.fetch(f"{site.url}/h", method="HEAD", max_bytes=1)
    assert (fetched.content, fetched.headers["content-length"]) == (b"", "50")


def test_fetch_headers_that_drip_end_at_the_deadline(site: Site) -> None:
    site.answers["/drip"] = drip
    began = time.monotonic()
    with pytest.raises(http.OutboundTimeout):
        http.fetch(f"{site.url}/drip", deadline=0.3)
    assert time.monotonic() - began < 5  # the read timeout alone would start anew with each byte


def test_fetch_waits_for_a_first_byte_as_long_as_told(site: Site) -> None:
    def think(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.5)
        page(b"ready")(handler)

    site.answers["/film"] = think
    with pytest.raises(http.OutboundTimeout):
        http.fetch(f"{site.url}/film", silence=0.05, attempts=1)
    assert http.fetch(f"{site.url}/film", silence=10, attempts=1).content == b"ready"


def test_fetch_with_no_time_left_asks_nobody(site: Site) -> None:
    with pytest.raises(http.OutboundTimeout):
        http.fetch(f"{site.url}/a", deadline=0)
    assert site.seen == []


# --- Retries ---------------------------------------------------------------------------------------------


def door(pauses: list[float] | None = None, resolve: Any = None) -> http.Door:
    return http.Door(resolve, sleep=(pauses if pauses is not None else []).append)


@pytest.mark.parametrize("status", sorted(http.RETRIED_STATUSES))
def test_fetch_passing_trouble_is_tried_again(site: Site, status: int) -> None:
    pauses: list[float] = []
    site.answers["/a"] = in_turn(page(b"", status), page(b"", status), page(b"ok"))
    assert door(pauses).fetch(http.Request(f"{site.url}/a")).content == b"ok"
    assert len(pauses) == 2
    assert 0 < pauses[0] < pauses[1]


def test_fetch_trouble_that_stays_gives_its_last_answer(site: Site) -> None:
    site.answers["/a"] = page(b"down", 503)
    assert door().fetch(http.Request(f"{site.url}/a", attempts=3)).status == 503
    assert len(site.seen) == 3


@pytest.mark.parametrize("status", [400, 404, 500])
def test_fetch_lasting_trouble_is_not_tried_again(site: Site, status: int) -> None:
    site.answers["/a"] = page(b"", status)
    assert door().fetch(http.Request(f"{site.url}/a")).status == status
    assert len(site.seen) == 1


def test_fetch_post_is_never_tried_again(site: Site) -> None:
    site.answers["/a"] = page(b"", 503)
    door().fetch(http.Request(f"{site.url}/a", method="POST", content=b"x"))
    assert len(site.seen) == 1


def test_fetch_waits_as_long_as_it_is_asked_to(site: Site) -> None:
    pauses: list[float] = []
    site.answers["/a"] = in_turn(page(b"", 429, retry_after="3"), page(b"ok"))
    assert door(pauses).fetch(http.Request(f"{site.url}/a")).content == b"ok"
    assert pauses == [3.0]


@pytest.mark.parametrize("asked", ["3600", "19"])
def test_fetch_asked_to_wait_too_long_gives_up_at_once(site: Site, asked: str) -> None:
    pauses: list[float] = []
    site.answers["/a"] = page(b"", 429, retry_after=asked)
    assert door(pauses).fetch(http.Request(f"{site.url}/a")).status == 429
    assert pauses == []


def test_fetch_told_a_date_waits_until_then(site: Site) -> None:
    """The form with a date was taken for no wish at all."""
    pauses: list[float] = []
    site.answers["/a"] = in_turn(page(b"", 429, retry_after="Fri, 31 Dec 9999 23:59:59 GMT"), page(b"ok"))
    assert door(pauses).fetch(http.Request(f"{site.url}/a")).status == 429
    assert pauses == []


@pytest.mark.parametrize("asked", ["soon", "Sun, 06 Nov 1994 08:49:37 GMT"])
def test_fetch_unreadable_retry_after_falls_back_to_the_pause(site: Site, asked: str) -> None:
    pauses: list[float] = []
    site.answers["/a"] = in_turn(page(b"", 429, retry_after=asked), page(b"ok"))
    door(pauses).fetch(http.Request(f"{site.url}/a"))
    assert len(pauses) == 1
    assert pauses[0] < 1


def test_fetch_connection_refused_is_tried_again_then_unreachable(site: Site) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    pauses: list[float] = []
    with pytest.raises(http.OutboundUnreachable) as caught:
        door(pauses).fetch(http.Request(url))
    assert len(pauses) == 2
    assert caught.value.temporary


def test_fetch_connection_cut_in_the_body_is_unreachable(site: Site) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    site.answers["/cut"] = cut
    with pytest.raises(http.OutboundUnreachable):
        http.fetch(f"{site.url}/cut", attempts=1)


# --- Redirects -------------------------------------------------------------------------------------------


def test_fetch_redirect_on_the_same_host_is_followed(site: Site) -> None:
    site.answers |= {"/a": to("/b"), "/b": to("c?x=1", 308), "/c": page(b"here")}
    fetched = http.fetch(f"{site.url}/a")
    assert (fetched.content, fetched.url) == (b"here", f"{site.url}/c?x=1")


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "https://example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://user:secret@127.0.0.1/",
        "http://[bad",
    ],
)
def test_fetch_redirect_elsewhere_is_refused_and_not_asked(site: Site, target: str) -> None:
    """FreeScout GHSA-22wf, GHSA-6w8v: only the first address was checked, and it led inside."""
    site.answers["/a"] = to(target)
    with pytest.raises(http.OutboundRefused):
        http.fetch(f"{site.url}/a")
    assert len(site.seen) == 1


def test_fetch_redirect_names_the_new_address_without_its_secrets(site: Site) -> None:
    site.answers["/a"] = to("https://www.example.com/new?token=secret#frag")
    with pytest.raises(http.OutboundRefused, match=r"https://www\.example\.com/new") as caught:
        http.fetch(f"{site.url}/a")
    assert "secret" not in str(caught.value)


def test_socket_in_the_file_system_is_never_opened() -> None:
    with pytest.raises(http.OutboundRefused):
        http._CheckedBackend(addresses_of, ends_at=0).connect_unix_socket("/run/postgresql/.s.PGSQL.5432")


def test_fetch_endless_redirects_end(site: Site) -> None:
    site.answers["/a"] = to("/a")
    with pytest.raises(http.OutboundRefused, match="redirects too often"):
        http.fetch(f"{site.url}/a")
    assert len(site.seen) == 4


def test_fetch_redirect_of_a_post_is_returned(site: Site) -> None:
    site.answers["/a"] = to("/b")
    assert http.fetch(f"{site.url}/a", method="POST", content=b"x").status == 302
    assert site.seen == [("POST", "/a")]


def test_fetch_redirect_without_target_is_an_answer(site: Site) -> None:
    site.answers["/a"] = page(b"", 302)
    assert http.fetch(f"{site.url}/a").status == 302


def test_fetch_each_hop_is_checked_again(site: Site) -> None:
    """A name that resolves to a public address first and a private one for the second hop."""
    site.answers["/a"] = to("/b")
    answers = iter([["127.0.0.1"], ["10.0.0.8"]])
    with pytest.raises(http.OutboundRefused, match="not a public address"):
        door(resolve=lambda _host, _port: next(answers)).fetch(
            http.Request(f"http://shop.test:{site.server_port}/a")
        )
    assert site.seen == [("GET", "/a")]


# --- Addresses -------------------------------------------------------------------------------------------

PRIVATE = """
0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1
192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1:: 3fff::1 5f00::1 fc00::1 fd12:3456::1
fe80::1 fec0::1 ff02::1
"""
PUBLIC = "1.1.1.1 8.8.8.8 93.184.216.34 172.32.0.1 100.128.0.1 2606:4700::1111 2a00:1450::5"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_address_is_refused(settings: Any, address: str) -> None:
    settings.OUTBOUND_ALLOW = []
    assert not may_connect(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_address_is_allowed(settings: Any, address: str) -> None:
    settings.OUTBOUND_ALLOW = []
    assert may_connect(ip_address(address))


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_allowed_block_opens_itself_only(settings: Any, address: str) -> None:
    """Chatwoot #14489: once addresses were checked, nobody could allow webhooks in their own network."""
    settings.OUTBOUND_ALLOW = [" 10.1.0.0/16 "]
    assert may_connect(ip_address(address))
    assert not may_connect(ip_address("10.2.0.1"))
    assert not may_connect(ip_address("192.168.0.1"))


@given(st.sampled_from(REFUSED_NETWORKS), st.data())
def test_every_address_of_a_refused_network_is_refused(network: Any, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, network.num_addresses - 1))
    address = network.network_address + offset
    if address.version == 6 and address.ipv4_mapped:
        return  # judged as the IPv4 address it stands for
    assert not may_connect(address)


@given(st.sampled_from([n for n in REFUSED_NETWORKS if n.version == 4]), st.data())
def test_ipv4_hidden_in_ipv6_is_refused(network: Any, data: st.DataObject) -> None:
    number = int(network.network_address) + data.draw(st.integers(0, network.num_addresses - 1))
    assert not may_connect(ip_address((0xFFFF << 32) | number))
    assert not may_connect(ip_address((0x64FF9B << 96) | number))
    assert not may_connect(ip_address((0x2002 << 112) | (number << 80)))


HOSTS = """
127.0.0.1 localhost 2130706433 0x7f000001 0x7f.1 017700000001 127.1 0 0.0.0.0 10.0.0.1 169.254.169.254
[::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::] [fe80::1]
"""


@pytest.mark.parametrize("host", HOSTS.split())
def test_fetch_private_host_is_refused_in_every_spelling(settings: Any, host: str) -> None:
    settings.OUTBOUND_ALLOW = []
    listener = Site()
    try:
        with pytest.raises(http.OutboundRefused):
            http.fetch(f"http://{host}:{listener.server_port}/")
        assert listener.seen == []
    finally:
        listener.shutdown()
        listener.server_close()


@pytest.mark.parametrize(
    "url",
    [
        *("", "file:///etc/passwd", "ftp://example.com/", "//example.com", "http://", "javascript:alert(1)"),
        *(
            "http://me:secret@example.com/",
            "http://me@example.com/",
            "http://[::1",
            "not an address",
            "http:///a",
        ),
    ],
)
def test_fetch_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(http.OutboundRefused) as caught:
        http.fetch(url)
    assert "secret" not in str(caught.value)


def test_fetch_name_that_changes_its_address_is_connected_where_it_was_checked(site: Site) -> None:
    """DNS rebinding: the second look-up would give a private address, and there is no second look-up."""
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.8"]

    site.answers["/a"] = page(b"ok")
    request = http.Request(f"http://shop.test:{site.server_port}/a")
    assert door(resolve=rebinding).fetch(request).content == b"ok"
    assert asked == ["shop.test"]
    assert site.hosts == [f"shop.test:{site.server_port}"]


def test_fetch_name_with_one_private_address_among_public_ones_is_refused() -> None:
    with pytest.raises(http.OutboundRefused):
        door(resolve=lambda _host, _port: ["1.1.1.1", "10.0.0.8"]).fetch(http.Request("http://shop.test/"))


def test_fetch_second_address_is_tried_when_the_first_is_dead(site: Site) -> None:
    site.answers["/a"] = page(b"ok")
    found = ["::1", "127.0.0.1"]  # the site does not listen on ::1
    request = http.Request(f"http://shop.test:{site.server_port}/a", attempts=1)
    assert door(resolve=lambda _host, _port: found).fetch(request).content == b"ok"


def test_fetch_name_without_address_is_unreachable() -> None:
    with pytest.raises(http.OutboundUnreachable):
        door(resolve=lambda _host, _port: []).fetch(http.Request("http://shop.test/", attempts=1))


def test_resolver_failure_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_arguments: Any, **_more: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(http.OutboundUnreachable, match=r"shop\.invalid"):
        addresses_of("shop.invalid", 80)


def test_fetch_ignores_a_proxy_of_the_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve the name itself, past the check."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    site.answers["/a"] = page(b"direct")
    assert http.fetch(f"{site.url}/a").content == b"direct"


# --- TLS -------------------------------------------------------------------------------------------------


def self_signed(name: str, folder: Path) -> tuple[Path, Path]:
    """Makes a certificate for one name; returns the paths of it and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_path, key_path


@pytest.fixture
def secure_site(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site behind TLS as shop.test, with a certificate that only this test trusts."""
    certificate, key = self_signed("shop.test", tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    site.socket = server_side.wrap_socket(site.socket, server_side=True)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(http, "_tls", lambda: trusting)
    return site


def test_fetch_tls_names_and_verifies_the_host_not_the_address(secure_site: Site) -> None:
    secure_site.answers["/a"] = page(b"sealed")
    request = http.Request(f"https://shop.test:{secure_site.server_port}/a")
    assert door(resolve=lambda _host, _port: ["127.0.0.1"]).fetch(request).content == b"sealed"


def test_fetch_tls_for_another_name_is_unreachable(secure_site: Site) -> None:
    request = http.Request(f"https://other.test:{secure_site.server_port}/a", attempts=1)
    with pytest.raises(http.OutboundUnreachable):
        door(resolve=lambda _host, _port: ["127.0.0.1"]).fetch(request)
    assert secure_site.seen == []


def test_fetch_redirect_from_tls_to_plain_is_refused(secure_site: Site) -> None:
    secure_site.answers["/a"] = to(f"http://shop.test:{secure_site.server_port}/b")
    with pytest.raises(http.OutboundRefused):
        door(resolve=lambda _host, _port: ["127.0.0.1"]).fetch(
            http.Request(f"https://shop.test:{secure_site.server_port}/a")
        )
