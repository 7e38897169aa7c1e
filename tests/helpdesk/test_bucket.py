"""Files in a bucket: the real storage class and the real client against a bucket that checks signatures."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client

from conversations.actions import add_attachment
from conversations.actions.attachments import delete_unclaimed_attachments
from conversations.models import Attachment, Inbox
from conversations.queries.wire import Reader, attachment_url
from core.errors import Unavailable
from helpdesk import bucket, media
from helpdesk.bucket import Bucket, BucketAway
from helpdesk.media import DISK, media_storage
from tests.conversations.test_attachments import WHO, upload
from tests.fakes import bucket as fake
from tests.fakes.provider import Simulator, running

WHOLE = {"bucket": "files", "key": "owner", "secret": "s"}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulator]:
    with running(fake.Bucket) as simulator:
        yield simulator


@pytest.fixture
def simulator(simulated: Simulator) -> Simulator:
    simulated.set_faults()
    return simulated


def options(simulator: Simulator, **other: str) -> dict[str, Any]:
    named = {"bucket": fake.NAME, "endpoint": simulator.url, "region": fake.REGION}
    return media_storage(**{**named, "key": fake.KEY, "secret": fake.SECRET, **other})


@pytest.fixture
def in_bucket(simulator: Simulator, settings: Any) -> Iterator[Simulator]:
    """Files go to the bucket, as the settings would have it."""
    field = Attachment._meta.get_field("file")
    before = field.storage
    settings.STORAGES = {**settings.STORAGES, "default": options(simulator)}
    field.storage = storages["default"]
    yield simulator
    field.storage = before


# --- Settings -----------------------------------------------------------------------------------------------


def test_files_lie_on_the_own_disk_unless_a_bucket_is_named() -> None:
    assert media_storage() == DISK


@pytest.mark.parametrize("missing", ["bucket", "key", "secret"])
def test_half_a_bucket_is_refused_by_the_name_of_what_is_missing(missing: str) -> None:
    given = {name: value for name, value in WHOLE.items() if name != missing}
    with pytest.raises(ImproperlyConfigured, match=f"missing: MEDIA_S3_{missing.upper()}$"):
        media_storage(**given)


@pytest.mark.parametrize("alone", ["endpoint", "region"])
def test_place_without_a_bucket_is_refused(alone: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MEDIA_S3_BUCKET, MEDIA_S3_KEY, MEDIA_S3_SECRET"):
        media_storage(**{alone: "https://minio.example"})


def test_endpoint_that_is_no_address_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"MEDIA_S3_ENDPOINT=minio\.example"):
        media_storage(**WHOLE, endpoint="minio.example")


@pytest.mark.parametrize("absent", ["storages", "boto3"])
def test_bucket_without_its_packages_is_refused_with_the_command(
    absent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpdesk.media.find_spec", lambda name: None if name == absent else find_spec(name))
    with pytest.raises(ImproperlyConfigured, match=rf"{absent} cannot .*requirements-s3\.txt"):
        media_storage(**WHOLE)


def test_amazon_is_addressed_its_own_way_and_others_by_path() -> None:
    here = media_storage(**WHOLE)["OPTIONS"]
    assert (here["addressing_style"], here["endpoint_url"], here["region_name"]) == (
        "auto",
        None,
        media.REGION,
    )
    there = media_storage(**WHOLE, endpoint="https://minio.example", region="eu-west-1")["OPTIONS"]
    assert (there["addressing_style"], there["region_name"]) == ("path", "eu-west-1")


def test_settings_read_the_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    environment = {
        **os.environ,
        "HELPDESK_HOME": str(tmp_path),
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "MEDIA_S3_BUCKET": "files",
        "MEDIA_S3_KEY": "owner",
        "MEDIA_S3_SECRET_FILE": str(tmp_path / "secret"),
    }
    code = "from helpdesk.settings import STORAGES; print(STORAGES['default']['OPTIONS']['secret_key'])"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "from-a-file"


# --- The storage class --------------------------------------------------------------------------------------


def test_object_is_written_read_found_and_removed(simulator: Simulator) -> None:
    storage = Bucket(**options(simulator)["OPTIONS"])
    name = storage.save("attachments/ab/ünï code+&=.bin", ContentFile(b"\x00content"))
    assert storage.exists(name)
    with storage.open(name) as file:
        assert file.read() == b"\x00content"
    storage.delete(name)
    storage.delete(name)
    assert not storage.exists(name)
    with pytest.raises(FileNotFoundError):
        storage.open(name)


def test_content_is_written_from_its_beginning(simulator: Simulator) -> None:
    storage = Bucket(**options(simulator)["OPTIONS"])
    content = ContentFile(b"whole")
    content.read(3)
    with storage.open(storage.save("a", content)) as file:
        assert file.read() == b"whole"


@pytest.mark.parametrize("wrong", [{"secret": "another"}, {"key": "nobody"}, {"region": "us-east-1"}])
def test_bucket_that_refuses_is_away(simulator: Simulator, wrong: dict[str, str]) -> None:
    storage = Bucket(**options(simulator, **wrong)["OPTIONS"])
    with pytest.raises(BucketAway):
        storage.save("a", ContentFile(b"x"))
    with pytest.raises(BucketAway):
        storage.exists("a")


def test_bucket_that_fails_is_asked_once_more_and_then_away(simulator: Simulator) -> None:
    storage = Bucket(**options(simulator)["OPTIONS"])
    simulator.set_faults(error=1)
    before = len(simulator.ledger())
    with pytest.raises(BucketAway):
        storage.open("a")
    assert len(simulator.ledger()) - before == bucket.ATTEMPTS


def test_bucket_that_hangs_is_away_in_time(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "READ_SECONDS", 0.2)
    monkeypatch.setattr(bucket, "ATTEMPTS", 1)
    storage = Bucket(**options(simulator)["OPTIONS"])
    simulator.set_faults(hang=1, hang_seconds=5)
    with pytest.raises(BucketAway, match=r"[Tt]imeout"):
        storage.open("a")


def test_bucket_that_is_not_there_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "ATTEMPTS", 1)
    where = media_storage(**WHOLE, endpoint="http://127.0.0.1:9")
    with pytest.raises(BucketAway):
        Bucket(**where["OPTIONS"]).delete("a")


# --- Files of customers in it -------------------------------------------------------------------------------


def test_file_is_kept_in_the_bucket_and_served_by_us_only(inbox: Inbox, in_bucket: Simulator) -> None:
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(b"a;b\n", "text/csv", "list.csv"))
    assert [entry["to"] for entry in in_bucket.ledger()][-1] == row.file.name
    answer = Client().get(attachment_url(row, Reader.CUSTOMER))
    assert (answer.status_code, answer.content) == (200, b"a;b\n")
    assert "Location" not in answer.headers


def test_nobody_reads_the_bucket_without_a_signature(inbox: Inbox, in_bucket: Simulator) -> None:
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(b"a;b\n", "text/csv", "list.csv"))
    assert in_bucket.http.get(f"/{fake.NAME}/{row.file.name}").status_code == 403


def test_upload_while_the_bucket_is_away_is_refused_and_leaves_no_row(
    inbox: Inbox, in_bucket: Simulator
) -> None:
    in_bucket.set_faults(error=1)
    with pytest.raises(Unavailable):
        add_attachment(inbox=inbox, uploader=WHO, upload=upload(b"a;b\n", "text/csv", "list.csv"))
    assert not Attachment.objects.exists()


def test_file_that_the_bucket_does_not_hand_out_now_may_be_asked_for_again(
    inbox: Inbox, in_bucket: Simulator
) -> None:
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(b"a;b\n", "text/csv", "list.csv"))
    in_bucket.set_faults(error=1)
    answer = Client().get(attachment_url(row, Reader.CUSTOMER))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


@pytest.mark.django_db(transaction=True)
def test_forgotten_file_leaves_the_bucket_after_its_row_is_gone(
    inbox: Inbox, in_bucket: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(b"a;b\n", "text/csv", "list.csv"))
    rows_at_delete: list[int] = []
    delete: Callable[..., None] = Bucket.delete

    def counted(self: Bucket, name: str) -> None:
        rows_at_delete.append(Attachment.objects.count())
        delete(self, name)

    monkeypatch.setattr(Bucket, "delete", counted)
    monkeypatch.setattr("conversations.actions.attachments.UNCLAIMED_FOR", -timedelta(seconds=1))
    assert delete_unclaimed_attachments() == 1
    assert rows_at_delete == [0]
    assert not row.file.storage.exists(row.file.name or "")
