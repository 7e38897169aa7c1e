"""Files in a bucket that speaks S3; needs requirements-s3.txt.

The protocol: https://docs.aws.amazon.com/AmazonS3/latest/API/
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile
from storages.backends.s3 import S3Storage

CONNECT_SECONDS, READ_SECONDS = 5, 15
# Tried once more after a failure that may pass; who asked tries again on its own account.
ATTEMPTS = 2


class Bucket(S3Storage):
    """Private objects, read and written whole: they are small by limit.

    Whatever the other side does is an OSError, as with a disk: FileNotFoundError where there is no such
    object, else `BucketAway`. No object is ever public, and no address of one leaves this system.
    """

    def __init__(self, **options: Any) -> None:
        """Takes what `helpdesk.media` says."""
        style = options.pop("addressing_style", "auto")
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            s3={"addressing_style": style},
            signature_version="s3v4",
            # Many servers that speak S3 do not know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(
            **{"default_acl": None, "file_overwrite": True, "client_config": config, **options},
        )

    def _open(self, name: str, mode: str = "rb") -> ContentFile[bytes]:
        del mode
        with as_disk(name):
            answer = self.bucket.Object(self._key(name)).get()
            return ContentFile(answer["Body"].read(), name)

    def _save(self, name: str, content: Any) -> str:
        content.seek(0)
        with as_disk(name):
            # One request for the whole; the transfer of boto3 would take threads of its own.
            self.bucket.Object(self._key(name)).put(
                Body=content.read(), ContentType="application/octet-stream"
            )
        return name

    def delete(self, name: str) -> None:
        """Removes an object; one that is not there is as good as removed."""
        with as_disk(name):
            self.bucket.Object(self._key(name)).delete()

    def exists(self, name: str) -> bool:
        """Says whether there is such an object."""
        try:
            with as_disk(name):
                self.bucket.Object(self._key(name)).load()
        except FileNotFoundError:
            return False
        return True

    def _key(self, name: str) -> str:
        normalize: Callable[[str], str] = self._normalize_name
        return normalize(name)


class BucketAway(OSError):
    """The bucket did not do what it was asked to; perhaps later."""


@contextmanager
def as_disk(name: str) -> Iterator[None]:
    """Turns what boto3 raises into what a disk would raise."""
    try:
        yield
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == HTTPStatus.NOT_FOUND:
            raise FileNotFoundError(name) from error
        raise BucketAway(str(error)) from error
    except BotoCoreError as error:
        raise BucketAway(str(error)) from error
