"""Files of strangers: what they are is looked at, what they are called becomes no path and no header."""

import asyncio
import io
import re
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import InMemoryStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from PIL import Image

from accounts.models import User
from conversations import tasks
from conversations.actions import Sender, add_attachment, delete_unclaimed_attachments, receive, reply
from conversations.actions.attachments import checked_type, shown_name
from conversations.models import Attachment, Conversation, Event, Inbox, Message
from conversations.queries.threads import unsent_attachments
from conversations.queries.wire import Reader, attachment_url
from core.errors import HelpdeskError, Invalid, NotFound, TooLarge
from tests.conversations.test_receive import in_parallel
from tests.pictures import PNG, picture

GOOD = {
    "image/png": PNG,
    "image/jpeg": picture("JPEG"),
    "image/gif": picture("GIF"),
    "image/webp": picture("WEBP"),
    "application/pdf": b"%PDF-1.7 rest",
    "text/plain": "olá, ünïcode".encode(),
    "text/csv": b"a;b\n1;2\n",
}
WHO = "visitor:1"


def upload(content: bytes = PNG, kind: str = "image/png", name: str = "a.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, kind)


def stored(inbox: Inbox, uploader: str = WHO, name: str = "a.png") -> Attachment:
    return add_attachment(inbox=inbox, uploader=uploader, upload=upload(name=name))


@pytest.mark.parametrize("kind", GOOD)
def test_each_accepted_type_is_stored_whole(inbox: Inbox, kind: str) -> None:
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(GOOD[kind], kind, "x.bin"))
    row.refresh_from_db()
    assert (row.content_type, row.size, row.name) == (kind, len(GOOD[kind]), "x.bin")
    assert (row.uploader, row.message, row.inbox) == (WHO, None, inbox)
    with row.file.open() as file:
        assert file.read() == GOOD[kind]


def test_settings_accept_what_the_signatures_know(settings) -> None:
    assert set(settings.ATTACHMENT_TYPES) == set(GOOD)


@pytest.mark.parametrize("kind", ["image/png; charset=binary", " IMAGE/PNG ", "Image/Png"])
def test_type_is_read_as_browsers_write_it(kind: str) -> None:
    assert checked_type(upload(PNG, kind)) == "image/png"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html><script>alert(1)</script>", "image/png"),
        (b"<svg onload=alert(1)>", "image/svg+xml"),
        (b"<html>", "text/html"),
        (PNG, "image/jpeg"),
        (b"GIF88a", "image/gif"),
        (b"\x89PNG", "image/png"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "image/webp"),
        (b"RIFF", "image/webp"),
        (b"FFIR\x10\x00\x00\x00WEBP", "image/webp"),
        (b" %PDF-1.7", "application/pdf"),
        (b"MZ\x90\x00\x03", "text/plain"),
        (b"a;b\x00c", "text/csv"),
        (b"MZ", "application/octet-stream"),
        (b"x", ""),
        (b"", "text/plain"),
        (b"", "image/png"),
    ],
)
def test_what_is_not_what_it_says_is_refused(inbox: Inbox, content: bytes, kind: str) -> None:
    with pytest.raises(Invalid) as caught:
        add_attachment(inbox=inbox, uploader=WHO, upload=upload(content, kind))
    assert caught.value.extra == {"field": "file"}
    assert not Attachment.objects.exists()


def located(form: str) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    out = io.BytesIO()
    Image.new("RGB", (8, 4), "red").save(out, form, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_uploaded_picture_no_longer_says_where_it_was_taken(inbox: Inbox, form: str) -> None:
    content, kind = located(form), f"image/{form.lower()}"
    assert b"secret place" in content
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(content, kind))
    with row.file.open() as file:
        kept = file.read()
    assert b"secret place" not in kept
    assert (row.content_type, row.size) == (kind, len(kept))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG[:8] + b"<script>alert(1)</script>", "image/png"),
        (b"\xff\xd8\xff<html><script>alert(1)</script>", "image/jpeg"),
        (b"GIF89a<svg onload=alert(1)>", "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_picture_that_only_begins_like_one_is_refused(inbox: Inbox, content: bytes, kind: str) -> None:
    with pytest.raises(Invalid, match="cannot be read") as caught:
        add_attachment(inbox=inbox, uploader=WHO, upload=upload(content, kind))
    assert caught.value.extra == {"field": "file"}
    assert not Attachment.objects.exists()


def test_what_follows_a_picture_is_left_out(inbox: Inbox) -> None:
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(PNG + b"<script>alert(1)</script>"))
    with row.file.open() as file:
        assert file.read() == PNG


def test_picture_that_grows_beyond_the_limit_is_refused(inbox: Inbox, settings) -> None:
    noise = Image.effect_noise((64, 64), 100)
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=1)
    settings.MAX_ATTACHMENT_BYTES = len(out.getvalue())
    with pytest.raises(TooLarge):
        add_attachment(inbox=inbox, uploader=WHO, upload=upload(out.getvalue(), "image/jpeg"))
    assert not Attachment.objects.exists()


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><p>x", b" <script>alert(1)</script>", b"<?xml version='1.0'?>"]
)
def test_page_called_a_text_becomes_bytes_of_no_type(inbox: Inbox, page: bytes) -> None:
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(page, "text/plain"))
    assert row.content_type == "application/octet-stream"


def test_content_whose_row_cannot_be_written_does_not_stay(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    save = InMemoryStorage.save

    def noted(*args: Any, **more: Any) -> str:
        written.append(save(*args, **more))
        return written[-1]

    monkeypatch.setattr(InMemoryStorage, "save", noted)
    with pytest.raises(DatabaseError), transaction.atomic():
        add_attachment(inbox=inbox, uploader="x" * 300, upload=upload())
    (name,) = written
    assert not Attachment._meta.get_field("file").storage.exists(name)


def test_upload_without_a_type_is_refused(inbox: Inbox) -> None:
    plain = upload()
    plain.content_type = None
    with pytest.raises(Invalid):
        add_attachment(inbox=inbox, uploader=WHO, upload=plain)


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_size_is_bounded_to_the_byte(inbox: Inbox, settings, more: int, fits: bool) -> None:  # noqa: FBT001
    settings.MAX_ATTACHMENT_BYTES = 1024
    big = upload(b"x" * (1024 + more), "text/plain")
    if fits:
        assert add_attachment(inbox=inbox, uploader=WHO, upload=big).size == 1024
        return
    with pytest.raises(TooLarge) as caught:
        add_attachment(inbox=inbox, uploader=WHO, upload=big)
    assert caught.value.extra == {"field": "file"}


def test_detail_of_too_large_says_the_limit(inbox: Inbox, settings) -> None:
    settings.MAX_ATTACHMENT_BYTES = 2 * 1024 * 1024
    with pytest.raises(TooLarge, match="2 MB"):
        add_attachment(inbox=inbox, uploader=WHO, upload=upload(b"x" * (2 * 1024 * 1024 + 1)))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("photo.png", "photo.png"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("C:\\fakepath\\photo.png", "photo.png"),
        ("a\x00b.png", "ab.png"),
        ("\x00", "file"),
        ("", "file"),
        ("   ", "file"),
        ("dir/", "file"),
        ("a\r\nSet-Cookie: x=1.png", "aSet-Cookie: x=1.png"),
        ("photo.png\n", "photo.png"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("\ud800x", "x"),
        ("fatura nº 3 – João.pdf", "fatura nº 3 – João.pdf"),
        ('a"b;c.png', 'a"b;c.png'),
    ],
    ids=ascii,
)
def test_name_is_what_a_reader_sees_and_no_more(name: str, shown: str) -> None:
    assert shown_name(name) == shown


@given(st.text(max_size=300))
def test_name_can_always_be_stored_and_said_in_a_header(name: str) -> None:
    shown = shown_name(name)
    assert 0 < len(shown) <= 200
    assert shown.isprintable()
    assert not {"/", "\\"} & set(shown)
    shown.encode()
    assert shown_name(shown) == shown


@examples(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(min_size=1, max_size=30))
def test_file_of_any_name_is_served(inbox: Inbox, name: str) -> None:
    plain: Any = upload(b"x", "text/plain")
    plain._name = name
    row = add_attachment(inbox=inbox, uploader=WHO, upload=plain)
    answer = Client().get(attachment_url(row, Reader.CUSTOMER))
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_file_is_kept_under_its_id_whatever_its_name(inbox: Inbox) -> None:
    row = stored(inbox, name="../../evil.sh")
    assert re.fullmatch(f"attachments/{row.pk.hex[:2]}/{row.pk.hex}-[0-9a-f]{{16}}", row.file.name or "")
    assert str(row) == "evil.sh"


def test_message_takes_its_files_along(inbox: Inbox) -> None:
    files = [stored(inbox, name=f"{number}.png") for number in range(3)]
    message = receive(
        inbox=inbox, sender=Sender("eva"), text="", attachment_ids=[row.pk for row in files], uploader=WHO
    ).message
    assert set(message.attachments.all()) == set(files)
    assert (message.text, message.html) == ("", "")
    assert message.conversation.preview == "0.png, 1.png, 2.png"


def test_text_goes_before_names_in_the_preview(inbox: Inbox) -> None:
    row = stored(inbox)
    received = receive(inbox=inbox, sender=Sender("eva"), text="look", attachment_ids=[row.pk], uploader=WHO)
    assert received.conversation.preview == "look"


def test_operator_sends_files_without_text(conversation: Conversation, inbox: Inbox, bruno: User) -> None:
    row = stored(inbox, uploader="operator:1")
    message = reply(
        conversation=conversation,
        text="",
        by=bruno.as_actor(),
        attachment_ids=[row.pk],
        uploader="operator:1",
    )
    assert list(message.attachments.all()) == [row]


def test_nothing_at_all_is_no_message(conversation: Conversation, bruno: User) -> None:
    with pytest.raises(Invalid):
        reply(conversation=conversation, text=" ", by=bruno.as_actor(), attachment_ids=[])


@pytest.mark.parametrize("uploader", ["visitor:2", "", "visitor:10"])
def test_file_of_another_is_not_found(inbox: Inbox, uploader: str) -> None:
    row = stored(inbox)
    with pytest.raises(NotFound) as caught:
        receive(inbox=inbox, sender=Sender("eva"), text="x", attachment_ids=[row.pk], uploader=uploader)
    assert caught.value.extra == {"field": "attachments"}
    assert not Message.objects.exists()
    assert not Conversation.objects.exists()


def test_file_that_does_not_exist_is_not_found(inbox: Inbox) -> None:
    with pytest.raises(NotFound):
        receive(inbox=inbox, sender=Sender("eva"), text="x", attachment_ids=[uuid4()], uploader=WHO)


def test_file_sent_before_is_not_found(inbox: Inbox) -> None:
    row = stored(inbox)
    receive(inbox=inbox, sender=Sender("eva"), text="x", attachment_ids=[row.pk], uploader=WHO)
    with pytest.raises(NotFound):
        receive(inbox=inbox, sender=Sender("eva"), text="y", attachment_ids=[row.pk], uploader=WHO)
    assert Event.objects.count() == 1


def test_message_sent_twice_keeps_its_files(inbox: Inbox) -> None:
    row, key = stored(inbox), uuid4()
    for _ in range(2):
        got = receive(
            inbox=inbox, sender=Sender("eva"), text="x", client_id=key, attachment_ids=[row.pk], uploader=WHO
        )
    assert not got.created
    assert list(got.message.attachments.all()) == [row]


def test_file_named_twice_is_sent_once(inbox: Inbox) -> None:
    row = stored(inbox)
    got = receive(inbox=inbox, sender=Sender("eva"), text="x", attachment_ids=[row.pk] * 2, uploader=WHO)
    assert got.message.attachments.count() == 1


def test_reply_with_a_file_that_is_gone_undoes_the_reply(
    conversation: Conversation, inbox: Inbox, bruno: User
) -> None:
    row = stored(inbox)
    reply(conversation=conversation, text="x", by=bruno.as_actor(), attachment_ids=[row.pk], uploader=WHO)
    with pytest.raises(NotFound):
        reply(conversation=conversation, text="y", by=bruno.as_actor(), attachment_ids=[row.pk], uploader=WHO)
    conversation.refresh_from_db()
    assert (conversation.last_seq, Message.objects.count()) == (3, 2)


def test_unsent_attachments_of_none_are_none(db: None, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert unsent_attachments([], uploader=WHO) == []


@pytest.mark.django_db(transaction=True)
def test_file_claimed_by_eight_at_once_goes_with_one(inbox: Inbox) -> None:
    row = stored(inbox)

    def send(number: int) -> str:
        try:
            receive(inbox=inbox, sender=Sender(f"s{number}"), text="x", attachment_ids=[row.pk], uploader=WHO)
        except HelpdeskError as error:
            return error.code
        return "sent"

    got = in_parallel([partial(send, number) for number in range(8)])
    assert sorted(got) == ["not_found"] * 7 + ["sent"]
    assert Message.objects.count() == Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_file_that_nobody_sent_is_gone_after_a_day(inbox: Inbox) -> None:
    forgotten, young, sent = stored(inbox), stored(inbox), stored(inbox)
    receive(inbox=inbox, sender=Sender("s"), text="x", attachment_ids=[sent.pk], uploader=WHO)
    Attachment.objects.exclude(pk=young.pk).update(created_at=timezone.now() - timedelta(days=1, minutes=1))
    asyncio.run(tasks.clean_up.func(0))
    assert set(Attachment.objects.values_list("pk", flat=True)) == {young.pk, sent.pk}
    storage = forgotten.file.storage
    assert [storage.exists(str(row.file)) for row in (forgotten, young, sent)] == [False, True, True]
    assert delete_unclaimed_attachments() == 0


@pytest.mark.django_db(transaction=True)
def test_file_that_is_being_sent_just_now_is_left(inbox: Inbox) -> None:
    row = stored(inbox)
    Attachment.objects.update(created_at=timezone.now() - timedelta(days=2))
    with transaction.atomic():
        Attachment.objects.select_for_update().get(pk=row.pk)
        (deleted,) = in_parallel([delete_unclaimed_attachments])
    assert deleted == 0
    assert row.file.storage.exists(str(row.file))
