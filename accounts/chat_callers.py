"""Who knocks at the chat doors of older systems: a program with a key, or nobody in particular."""

import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings

from accounts.actions import note_key_use
from accounts.enums import Scope
from accounts.queries import find_api_key
from core import limits
from core.actor import Actor
from core.errors import Forbidden, Unauthenticated


@dataclass(frozen=True, slots=True)
class ChatCaller:
    """A program that may chat. `name` tells it from others; it is empty for whoever has no key.

    `actor` sees what the key sees; a plain key of the environment and nobody in particular see nothing.
    """

    name: str = ""
    actor: Actor | None = None
    per_minute: int | None = None


def chat_caller(sent: str, *, address: str) -> ChatCaller:
    """Returns who sent this key, or nobody in particular for an empty one.

    Raises Unauthenticated for a wrong one, Forbidden for one that may not write, and TooMany for an address
    that tries keys.
    """
    sent = sent.encode("utf-8", "replace").decode().strip()
    if not sent:
        return ChatCaller()
    if is_plain_key(sent):
        return ChatCaller(f"plain:{_digest(sent).hex()[:16]}")
    key = find_api_key(sent)
    if key is None:
        limits.take(f"wrong-key:{address}", most=settings.RATE_LIMIT_PER_MINUTE)
        raise Unauthenticated
    if not {Scope.WRITE, Scope.ADMIN} & set(key.scopes):
        raise Forbidden
    note_key_use(key=key)
    return ChatCaller(f"key:{key.pk}", key.as_actor(), key.per_minute)


def check_caller_pace(caller: ChatCaller, *, address: str) -> None:
    """Counts a question of a program, or of an address that has no key; raises TooMany.

    All customers of a program come from its one address: with a key it is the key that counts.
    """
    most = caller.per_minute or settings.RATE_LIMIT_PER_MINUTE
    limits.take(f"ask:{caller.name or address}", most=most)


def is_plain_key(sent: str) -> bool:
    """Says whether this is one of the environment's keys; how long that takes tells nothing of them."""
    digest = _digest(sent)
    found = [hmac.compare_digest(digest, _digest(key)) for key in settings.CHAT_KEYS]
    return any(found)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
