"""Files of channels: the text is shown at once, the file once it is here, and nothing of it ever runs."""

import io
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.storage import Storage, default_storage
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image

from conversations import tasks
from conversations.actions import files
from conversations.actions.changes import take_back
from conversations.actions.files import FETCH_ATTEMPTS, keep_file
from conversations.channels import InboxBroken, SendLater, SendRefused
from conversations.enums import EventType, FileStatus, Verdict
from conversations.exchange import Deleted, File, Media
from conversations.models import Attachment, Event, Inbox, Message
from conversations.queries.wire import Reader, attachment_url
from core.errors import TooLarge
from tests.conversations.lines import incoming, planned, told
from tests.conversations.scripted import ScriptedAdapter

Scripted = type[ScriptedAdapter]
pytestmark = pytest.mark.django_db


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    return out.getvalue()


def announced(line: Inbox, **more: Any) -> Attachment:
    """A file of a message that is shown already."""
    file = {"reference": {"id": "f1"}, "name": "cat.png", "content_type": "image/png", **more}
    assert told(line, incoming(1, "look", files=[file])) == Verdict.DONE
    return Attachment.objects.get()


def fetched(row: Attachment) -> Attachment:
    async_to_sync(tasks.fetch_file.func)(str(row.pk))
    row.refresh_from_db()
    return row


def forget_jobs() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def test_text_is_shown_while_the_file_is_awaited(line: Inbox) -> None:
    """Chatwoot downloads media inside the transaction: a slow host holds the message back."""
    row = announced(line)
    assert (row.status, row.reference, bool(row.file)) == (FileStatus.PENDING, {"id": "f1"}, False)
    assert Message.objects.get().text == "look"
    assert planned("conversations.fetch_file") == [{"attachment_id": str(row.pk)}]
    assert Client().get(attachment_url(row, Reader.CUSTOMER)).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_file_that_was_fetched_is_shown_with_its_message(line: Inbox, scripted: Scripted) -> None:
    row = announced(line)
    scripted.media.append(Media(picture(), "image/png"))
    row = fetched(row)
    assert (row.status, row.content_type, row.error) == (FileStatus.READY, "image/png", "")
    assert Event.objects.get(type=EventType.MESSAGE_UPDATED).message == row.message
    answer = Client().get(attachment_url(row, Reader.CUSTOMER))
    assert (answer.status_code, answer.headers["Content-Disposition"][:6]) == (200, "inline")
    forget_jobs()
    # Again, by a job that came twice: nothing is asked for.
    fetched(row)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [SendLater("503"), InboxBroken("token"), OSError("reset"), KeyError("bug")])
def test_file_that_cannot_be_had_now_is_asked_for_again(
    line: Inbox, scripted: Scripted, error: Exception
) -> None:
    """Chatwoot takes a 503 of the media host as an answer: the message stays without its file."""
    row = announced(line)
    forget_jobs()
    scripted.media.append(error)
    row = fetched(row)
    assert (row.status, row.attempts) == (FileStatus.PENDING, 1)
    assert planned("conversations.fetch_file") == [{"attachment_id": str(row.pk)}]
    scripted.media.append(Media(picture(), "image/png"))
    assert fetched(row).status == FileStatus.READY


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [SendRefused("gone\x00"), TooLarge("too large"), SendLater("tenth time")])
def test_file_that_cannot_be_had_is_shown_as_such(line: Inbox, scripted: Scripted, error: Exception) -> None:
    row = announced(line)
    Attachment.objects.update(attempts=FETCH_ATTEMPTS - 1)
    scripted.media.append(error)
    row = fetched(row)
    assert (row.status, row.error) == (FileStatus.FAILED, str(error).replace("\x00", ""))
    assert Event.objects.filter(type=EventType.MESSAGE_UPDATED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_file_whose_message_was_taken_back_meanwhile_leaves_no_copy(line: Inbox, scripted: Scripted) -> None:
    row = announced(line)
    stale = Attachment.objects.select_related("inbox").get()
    take_back(line, Deleted("m1"))
    files._keep(stale, Media(picture(), "image/png"))
    assert not Attachment.objects.exists()
    folder = f"attachments/{row.pk.hex[:2]}"
    left = default_storage.listdir(folder)[1] if default_storage.exists(folder) else []
    assert not [name for name in left if name.startswith(row.pk.hex)]
    fetched_nothing = async_to_sync(tasks.fetch_file.func)(str(row.pk))
    assert fetched_nothing is None


@pytest.mark.django_db(transaction=True)
def test_file_that_two_workers_fetched_stays_in_a_bucket(
    line: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket keeps one content under a name: the copy that came too late is not the one that is shown."""
    monkeypatch.setattr(Storage, "get_available_name", lambda _self, name, **_more: name)
    announced(line)
    first, second = (Attachment.objects.select_related("inbox").get() for _ in range(2))
    for row in (first, second):
        files._keep(row, Media(picture(), "image/png"))
    assert Client().get(attachment_url(Attachment.objects.get(), Reader.CUSTOMER)).status_code == 200


@pytest.mark.parametrize("size", [2**31, 10**15, -5])
def test_announced_size_of_any_number_costs_no_message(line: Inbox, size: int) -> None:
    row = announced(line, size=size)
    assert Message.objects.get().text == "look"
    assert row.status == (FileStatus.PENDING if size < 0 else FileStatus.FAILED)


def test_file_that_is_too_large_is_kept_by_name(line: Inbox, settings: Any) -> None:
    settings.MAX_ATTACHMENT_BYTES = 10
    told(line, incoming(1, "", files=[{"content": "x" * 11, "name": "a.txt"}, {"size": 11, "name": "b.txt"}]))
    rows = Attachment.objects.order_by("name")
    assert [(row.name, row.status, bool(row.file)) for row in rows] == [
        ("a.txt", FileStatus.FAILED, False),
        ("b.txt", FileStatus.FAILED, False),
    ]
    assert planned("conversations.fetch_file") == []


def test_file_without_name_or_type_has_one_all_the_same(line: Inbox) -> None:
    row = keep_file(line, File(content=b"x"), uploader="u", number=2)
    assert (row.name, row.content_type) == ("file-3.bin", "application/octet-stream")
    row = keep_file(line, File(content=b"x", content_type="audio/ogg; codecs=opus"), uploader="u")
    assert (row.name, row.content_type) == ("file-1.ogg", "audio/ogg")


HOSTILE = {
    "a.html": (b"<html><script>alert(1)</script>", "text/html"),
    "a.svg": (b"<svg onload='alert(1)'/>", "image/svg+xml"),
    "b.svg": (b"<?xml version='1.0'?><svg onload='alert(1)'/>", "image/png"),
    "a.gif": (b"GIF89a/*<script>*/=1;alert(1)", "image/gif"),
    "a.pht": (b"<?php system($_GET[0]);", "application/x-httpd-php"),
    "a.txt": (b"\xef\xbb\xbf <!doctype html><script>alert(1)</script>", "text/plain"),
    "a.js": (b"alert(1)", "text/javascript"),
    "a.xml": (b"<x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>", "application/xml"),
    "../../a.png": (b"\x89PNG\r\n\x1a\n<script>", "image/png"),
    "a\r\nX-Evil: 1.txt": (b"x", "text/plain\r\nX-Evil: 1"),
    "a.pdf": (b"%PDF-1.7", "application/pdf"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_served_as_a_download_of_no_active_type(line: Inbox, name: str) -> None:
    """FreeScout GHSA-27vp (.pht), LibreDesk (SVG), django-helpdesk (.html): uploads that ran."""
    content, claimed = HOSTILE[name]
    row = keep_file(line, File(name=name, content_type=claimed, content=content), uploader="u")
    answer = Client().get(attachment_url(row, Reader.CUSTOMER))
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Type"] in {
        "application/octet-stream",
        "application/pdf",
        "application/x-httpd-php",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Evil" not in answer.headers
    assert answer.content == content


@pytest.mark.parametrize("kind", ["image/svg+xml", "image/x-anything", "text/html"])
def test_row_of_a_type_that_should_not_be_there_is_no_page_either(line: Inbox, kind: str) -> None:
    row = keep_file(line, File(name="a", content=b"<svg/>"), uploader="u")
    Attachment.objects.filter(pk=row.pk).update(
        content_type=kind, created_at=timezone.now() - timedelta(hours=1)
    )
    assert (
        Client()
        .get(attachment_url(row, Reader.CUSTOMER))
        .headers["Content-Disposition"]
        .startswith("attachment")
    )
