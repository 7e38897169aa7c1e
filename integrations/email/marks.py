"""Our own marks on what we send, which nobody else can make.

A reply address, a subject and a Message-ID carry a signature: HMAC-SHA256 under this installation's key,
bound to the purpose and the mailbox, cut to 128 bits. What only looks like a mark of ours is none.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from hmac import compare_digest
from uuid import UUID

from django.conf import settings
from django.utils.crypto import salted_hmac

from integrations.email.config import EmailConfig

SIGNATURE_BYTES = 16
# RFC 5321, §4.5.3.1.1.
LONGEST_LOCAL = 64
MAX_ID = 255
KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
OWN_ID = re.compile(r"([A-Za-z0-9_-]{1,100})\.([a-z2-7]{26})@[^@]+")
TOKEN = re.compile(r"[a-z2-7]{52}")
SUBJECT_TOKEN = re.compile(r"\[#([a-z2-7]{52})\]", re.IGNORECASE)
LOOP_HEADER = "x-helpdesk-loop"


def reply_address(config: EmailConfig, conversation_id: UUID) -> str:
    """Returns the address whose mail belongs to the conversation; the plain one where none can be made."""
    local = f"{config.local}+{token(config, conversation_id)}"
    if not config.plus_addressing or len(local) > LONGEST_LOCAL:
        return config.address
    return f"{local}@{config.domain}"


def token(config: EmailConfig, conversation_id: UUID) -> str:
    """Returns the conversation's id with its signature, 52 letters and digits in either case."""
    return _letters(conversation_id.bytes + _signatures("conversation", config, conversation_id.hex)[0])


def conversation_of(config: EmailConfig, recipients: Iterable[str], subject: str) -> UUID | None:
    """Returns the conversation that a recipient or the subject names with a valid signature."""
    found = [
        local.rpartition("+")[2]
        for local, _, domain in (address.lower().rpartition("@") for address in recipients)
        if domain == config.domain and local.startswith(f"{config.local}+")
    ]
    found += [match.lower() for match in SUBJECT_TOKEN.findall(subject)]
    return next((each for each in (_opened(config, text) for text in found) if each), None)


def message_id(config: EmailConfig, key: str) -> str:
    """Returns the Message-ID of what is sent under a key, without brackets; the same at each attempt."""
    safe = key if KEY.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()
    return f"{safe}.{_letters(_signatures('message', config, safe)[0])}@{config.domain}"


def own_key(config: EmailConfig, text: str) -> str:
    """Returns the key of a Message-ID that we have made, else ""."""
    match = OWN_ID.fullmatch(text)
    if not match:
        return ""
    expected = map(_letters, _signatures("message", config, match[1]))
    return match[1] if any(compare_digest(match[2], each) for each in expected) else ""


def loop_mark(config: EmailConfig) -> str:
    """Returns what each of our mails carries, so that one that comes back is known."""
    return _letters(_signatures("loop", config, "")[0])


def is_own(config: EmailConfig, mark: str) -> bool:
    """Whether a mail bears the mark of this mailbox."""
    return any(
        compare_digest(mark.encode(), _letters(each).encode()) for each in _signatures("loop", config, "")
    )


def short_id(text: str) -> str:
    """Returns an id that fits; one that is too long becomes its digest, wherever it is named."""
    return text if len(text) <= MAX_ID else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _opened(config: EmailConfig, text: str) -> UUID | None:
    if not TOKEN.fullmatch(text):
        return None
    with suppress(binascii.Error, ValueError):
        content = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
        named, signature = UUID(bytes=content[:16]), content[16:]
        if any(compare_digest(signature, each) for each in _signatures("conversation", config, named.hex)):
            return named
    return None


def _signatures(purpose: str, config: EmailConfig, text: str) -> list[bytes]:
    """The signature under today's key, then under those that were replaced."""
    return [
        salted_hmac(
            f"integrations.email {purpose}", f"{config.address}\n{text}", secret=key, algorithm="sha256"
        ).digest()[:SIGNATURE_BYTES]
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]


def _letters(content: bytes) -> str:
    return base64.b32encode(content).decode().rstrip("=").lower()
