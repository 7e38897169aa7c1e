"""Which state of a row somebody has read, so that they do not undo what they have not seen."""

import hashlib
import json

from django.db.models import Model

from core.errors import Changed

LENGTH = 20


def version_of(row: Model) -> str:
    """Returns a digest of the row's own columns; what other tables hold about it does not count.

    Nor do those that a job keeps up, which the model names as `unversioned`.
    """
    kept = getattr(row, "unversioned", ())
    fields = [field for field in row._meta.concrete_fields if field.name not in kept]
    values = [getattr(row, field.attname) for field in fields]
    return digest(values)


def digest(value: object) -> str:
    """Returns a short digest of anything that can be written as JSON; other things count by their text."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]


def require_version(row: Model, expected: str | None) -> None:
    """Raises Changed when the locked row is not in the state that was read; None expects nothing."""
    if expected is not None and expected != version_of(row):
        raise Changed
