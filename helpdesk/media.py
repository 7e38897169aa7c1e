"""Where files of customers lie: on the own disk, or in a bucket that speaks S3 once one is named.

Either way nobody but this system reads them: an address of ours, signed and short-lived, is the only way to
a file (`conversations.views.attachment`).
"""

from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured

DISK = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
# What the variables are called, for whoever forgot one.
NEEDED = {"bucket": "MEDIA_S3_BUCKET", "key": "MEDIA_S3_KEY", "secret": "MEDIA_S3_SECRET"}
REGION = "us-east-1"


def media_storage(
    *, bucket: str = "", endpoint: str = "", region: str = "", key: str = "", secret: str = ""
) -> dict[str, Any]:
    """Returns what `STORAGES["default"]` has to be.

    Nothing set: the own disk. Raises ImproperlyConfigured, naming variables, when bucket, key and secret are
    not all set, when the endpoint is no web address, and when the package for it is not installed. It asks
    nobody whether they work.
    """
    given = {"bucket": bucket, "key": key, "secret": secret}
    if not any([*given.values(), endpoint, region]):
        return DISK
    missing = [NEEDED[name] for name, value in given.items() if not value]
    if missing:
        message = f"Files go to S3 once all of it is set; missing: {', '.join(missing)}"
        raise ImproperlyConfigured(message)
    if endpoint and not endpoint.startswith(("https://", "http://")):
        message = f"MEDIA_S3_ENDPOINT={endpoint} must begin with https:// (or http://)"
        raise ImproperlyConfigured(message)
    if absent := [name for name in ("storages", "boto3") if find_spec(name) is None]:
        message = (
            f"MEDIA_S3_BUCKET is set, but {' and '.join(absent)} cannot be imported: "
            "pip install -r requirements-s3.txt -c constraints.txt"
        )
        raise ImproperlyConfigured(message)
    options = {
        "bucket_name": bucket,
        "endpoint_url": endpoint or None,
        "region_name": region or REGION,
        "access_key": key,
        "secret_key": secret,
        # Servers other than Amazon's seldom have a host name for each bucket.
        "addressing_style": "path" if endpoint else "auto",
    }
    return {"BACKEND": "helpdesk.bucket.Bucket", "OPTIONS": options}
