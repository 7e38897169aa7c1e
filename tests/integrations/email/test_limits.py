"""Whatever comes is read within five seconds and three hundred megabytes, and never ends the parser."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.exchange import File, Incoming
from integrations.email.charsets import codec, decoded
from integrations.email.headers import addresses, parameters, read_headers, words
from integrations.email.mime import MAX_DEPTH, MAX_PARTS, read
from tests.integrations.email.case import MAILS, mail, message, parsed

ROOT = Path(__file__).resolve().parents[3]
# Each is an expression for the bytes of a mail, in the words of `JUDGE`.
HOSTILE = {
    "ten thousand parts": r"MIXED + b'--b\r\nContent-Type: image/png\r\n\r\nx\r\n' * 10_000",
    "ten thousand texts": r"MIXED + b'--b\r\n\r\nx\r\n' * 10_000",
    "parts within parts": r"HEAD + b''.join(INNER % (i, i) for i in range(5000)) + b'\r\nend'",
    "one boundary within itself": (
        r"MIXED + b'--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n' * 5000"
    ),
    "forty megabytes of file": r"MIXED + b'--b\r\n' + FILE % b'base64' + b'QUJD' * 10_000_000",
    "a line of header without end": r"b'From: a@b.example\r\nX: ' + b'y' * 20_000_000 + END",
    "three hundred thousand fields": r"HEAD + b'X-Y: z\r\n' * 300_000 + END",
    "a hundred thousand recipients": r"HEAD + b'To: ' + b'<u@x.example>, ' * 100_000 + END",
    "comments within comments": r"HEAD + b'To: ' + b'(' * 60_000 + END",
    "encoded words without end": r"HEAD + b'Subject: ' + b'=?utf-8?q?' * 20_000 + END",
    "parameters without end": r"HEAD + b'Content-Type: text/plain; ' + b'a=\"b;' * 20_000 + END",
    "elements within elements": r"HTML + b'<div>' * 400_000",
    "quotes within quotes": r"HTML + b'<p>x</p>' + b'<blockquote type=cite>' * 80_000",
    "styles without end": r"HTML + b'<style>' * 290_000",
    "comments in markup without end": r"HTML + b'<!--' * 500_000",
    "introductions without end": r"TEXT % b'utf-8' + (b'On ' + b'wrote 2024 ' * 50 + b'x :\n') * 3900",
    "boundaries that are none": (
        r"HEAD + b'Content-Type: multipart/mixed; boundary=\"' + b'-' * 70 + b'\"\r\n\r\n' + b'-' * 5_000_000"
    ),
    "twenty megabytes of text": r"TEXT % b'x-none' + b'hello \xe3 ' * 2_500_000",
    "noise": r"TEXT % b'utf-8' + os.urandom(20_000_000)",
    "utf-7": r"TEXT % b'utf-7' + b'+AAA-' * 5_000_000",
    "utf-32": r"TEXT % b'utf-32' + b'\xff\xfe\0\0' + b'a\0\0\0' * 2_000_000",
    "a codec that takes long": r"TEXT % b'punycode' + b'a-' * 5_000_000",
    "uuencode": r"HEAD + FILE % b'uuencode' + b'x\n' * 3_000_000",
    "a report without end": (
        r"HEAD + b'Content-Type: message/delivery-status\r\n\r\n' + b'Action: failed\n\n' * 100_000"
    ),
    "an appointment without end": (
        r"HEAD + b'Content-Type: text/calendar\r\n\r\n' + b'SUMMARY:x\n ' * 1_000_000"
    ),
    "references without end": r"HEAD + b'References: ' + b'<a@b> ' * 100_000 + END",
}
JUDGE = r"""
import os, resource, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
django.setup()
from integrations.email.config import EmailConfig
from integrations.email.incoming import parse_mail
HEAD = b"From: a@b.example\r\nMessage-ID: <x1234567@y.example>\r\n"
END = b"\r\n\r\nBody"
INNER = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
FILE = b"Content-Type: image/png\r\nContent-Transfer-Encoding: %b\r\n\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
HTML = HEAD + b"Content-Type: text/html\r\n\r\n"
TEXT = HEAD + b"Content-Type: text/plain; charset=%b\r\n\r\n"
config = EmailConfig(address="support@shop.example")
for line in sys.stdin:
    name, _, source = line.rstrip("\n").partition("\t")
    if child := os.fork():
        os.waitpid(child, 0)
        continue
    raw = eval(source)
    started = time.process_time()
    items = list(parse_mail(raw, config))
    seconds = time.process_time() - started
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(name, seconds, megabytes, len(items), sep="\t", flush=True)
    os._exit(0)
"""


def test_hostile_mails_are_read_within_five_seconds_and_three_hundred_megabytes() -> None:
    """Case O of the fault plan; RT's decoding DoS (utf-32), FreeScout #2762 (100 % CPU while fetching)."""
    told = "".join(f"{name}\t{source}\n" for name, source in HOSTILE.items())
    run = subprocess.run(
        [sys.executable, "-c", JUDGE],
        input=told,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=200,
        check=True,
    )
    found = {line.split("\t")[0]: line.split("\t")[1:] for line in run.stdout.splitlines()}
    assert set(found) == set(HOSTILE), run.stderr
    assert {name: row for name, row in found.items() if float(row[0]) > 5 or float(row[1]) > 300} == {}
    assert all(int(row[2]) for row in found.values())


@given(data=st.data())
def test_damaged_mails_are_read_or_refused_as_no_mail(data: st.DataObject) -> None:
    raw = bytearray(MAILS[data.draw(st.sampled_from(sorted(MAILS)))])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 20))] = data.draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from([b"\r\n", b"\n\n", b"--b\r\n", b"=?", b'"', b";", b"\x00"]),
            )
        )
    try:
        items = parsed(bytes(raw))
    except ValueError as error:
        assert "no mail" in str(error)  # noqa: PT017 (any other is a failure)
        return
    assert items
    for item in items:
        if isinstance(item, Incoming):
            assert 0 < len(item.external_id) <= 255
            assert item.text.strip() or item.files
            f"{item.text}{item.html}{item.details}{item.thread}{item.sender}".encode()
            assert "\x00" not in f"{item.text}{item.html}{item.details!s}"


@given(st.binary(max_size=400))
def test_any_bytes_after_a_head_are_a_message(body: bytes) -> None:
    assert message(mail()[:-7] + b"\r\n" + body).external_id == "one@mail.example"


@given(
    st.binary(max_size=200),
    st.sampled_from(["", "utf-8", "utf-7", "utf-16", "iso-2022-jp", "x\x00y", "rot13", "hz"]),
)
def test_any_bytes_become_text_that_can_be_stored(content: bytes, declared: str) -> None:
    text = decoded(content, declared)
    text.encode()
    assert "\x00" not in text
    assert "\r" not in text


@pytest.mark.parametrize(
    "name", ["punycode", "unicode_escape", "idna", "zip", "base64", "../x", "x" * 99, "undefined"]
)
def test_codecs_that_are_no_charsets_are_not_used(name: str) -> None:
    assert codec(name) == ""


@given(st.text(max_size=300))
def test_any_head_is_read(text: str) -> None:
    words(text)
    parameters(text)
    raw = b"From: " + text.encode("utf-8", "replace")
    headers, body = read_headers(raw, 0, len(raw))
    addresses(headers, "from")
    assert 0 <= body <= len(raw)


def test_tree_of_parts_is_bounded() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * (MAX_PARTS * 2)
    assert sum(1 for _ in read(raw).walk()) == MAX_PARTS
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=c%d\r\n\r\n--c%d\r\n" % (i, i) for i in range(100)
    )
    assert sum(1 for _ in read(deep).walk()) == MAX_DEPTH + 1


def test_parts_that_are_left_out_are_counted() -> None:
    raw = mail(
        "--b\r\nContent-Type: image/png\r\n\r\nx\r\n" * 150, Content_Type="multipart/mixed; boundary=b"
    )
    item = message(raw)
    assert len(item.files) == 100
    assert "50 more parts" in item.text


def test_text_that_is_too_long_comes_as_a_file_too() -> None:
    item = message(mail("word " * 60_000))
    assert len(item.text) == 200_000
    assert isinstance(item.files[0], File)
    assert item.files[0].size > 299_000


def test_html_that_would_take_long_to_clean_is_shown_as_text() -> None:
    item = message(mail("<div>" * 1000 + "Hello", Content_Type="text/html"))
    assert (item.text, item.html) == ("Hello", "")
