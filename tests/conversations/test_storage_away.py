"""The place where files lie is away for a while: nothing is lost, and nobody is told what is not known."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.storage import InMemoryStorage
from PIL import Image

from conversations import tasks
from conversations.actions import add_attachment
from conversations.actions.claiming import _file
from conversations.channels import SendLater, SendRefused
from conversations.enums import FileStatus, Verdict
from conversations.exchange import Media
from conversations.models import Attachment, Inbox
from tests.conversations.lines import incoming, told
from tests.conversations.scripted import ScriptedAdapter
from tests.conversations.test_attachments import WHO, upload

pytestmark = pytest.mark.django_db(transaction=True)


def failing(failure: OSError) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise failure

    return fail


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    return out.getvalue()


def test_fetched_file_that_cannot_be_stored_is_fetched_again(
    line: Inbox, scripted: type[ScriptedAdapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = {"reference": {"id": "f1"}, "name": "cat.png", "content_type": "image/png"}
    assert told(line, incoming(1, "look", files=[file])) == Verdict.DONE
    row = Attachment.objects.get()
    scripted.media.extend([Media(png(), "image/png"), Media(png(), "image/png")])
    with monkeypatch.context() as patch:
        patch.setattr(InMemoryStorage, "_save", failing(OSError("the bucket is away")))
        async_to_sync(tasks.fetch_file.func)(str(row.pk))
    row.refresh_from_db()
    assert (row.status, row.attempts, row.error) == (FileStatus.PENDING, 1, "the bucket is away")
    async_to_sync(tasks.fetch_file.func)(str(row.pk))
    row.refresh_from_db()
    assert (row.status, row.content_type) == (FileStatus.READY, "image/png")


@pytest.mark.parametrize(("failure", "expected"), [(OSError, SendLater), (FileNotFoundError, SendRefused)])
def test_file_that_cannot_be_read_leaves_no_doubt_whether_it_was_sent(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, failure: type[OSError], expected: type[Exception]
) -> None:
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload())
    read = _file(row).read
    with monkeypatch.context() as patch:
        patch.setattr(InMemoryStorage, "_open", failing(failure("away")))
        with pytest.raises(expected):
            read()
    assert read().startswith(b"\x89PNG")
