"""Secrets at rest: a model field whose content only this installation's key opens.

Fernet (AES-128-CBC with HMAC-SHA256, https://github.com/fernet/spec) under a key derived from SECRET_KEY by
HKDF-SHA256 (RFC 5869). Keys in SECRET_KEY_FALLBACKS still open what they closed.
"""

import base64
import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models

from core.errors import HelpdeskError

PURPOSE = b"helpdesk field encryption 1"


class CannotOpen(HelpdeskError):
    """What is stored was encrypted with another SECRET_KEY."""

    code = "cannot_open"
    status = 500


class EncryptedJSONField(models.TextField[Any, Any]):
    """A JSON value that is text of no meaning in the database. It cannot be searched."""

    # What django-stubs takes the types of a field from.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any
    _pyi_lookup_exact_type: Any

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        """Opens what was read; raises CannotOpen under another key."""
        return {} if not value else opened(value)

    def get_prep_value(self, value: Any) -> str | None:
        """Closes what is written."""
        return None if value is None else closed(value)

    def to_python(self, value: Any) -> Any:
        """Opens what a dump holds, and leaves any other value as it is."""
        try:
            return opened(value) if isinstance(value, str) else value
        except CannotOpen:
            return value

    def value_to_string(self, obj: models.Model) -> str:
        """Keeps a dump as unreadable as the table."""
        return closed(self.value_from_object(obj))


def closed(value: Any) -> str:
    """Returns the value encrypted, as text."""
    return _box(_keys()).encrypt(json.dumps(value).encode()).decode()


def opened(text: str) -> Any:
    """Returns what `closed` was given; raises CannotOpen."""
    try:
        return json.loads(_box(_keys()).decrypt(text.encode()))
    except InvalidToken as error:
        raise CannotOpen from error


def derived_keys(purpose: bytes) -> list[bytes]:
    """Returns 32 bytes for a purpose, of SECRET_KEY, and after them those of the keys of before."""
    return [_derived(key, purpose) for key in _keys()]


def _keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key, PURPOSE))) for key in keys])


def _derived(key: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(key.encode())
