"""Reads of the widget: inboxes by key, visitors by token, what a page may know."""

import hashlib
import hmac
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from conversations.invitations import Offer, inviter
from conversations.models import Contact, Conversation, Inbox
from integrations.web.errors import OriginNotAllowed, UnknownInbox
from integrations.web.frames import Claim
from integrations.web.models import VisitorToken


def inbox_by_key(key: str) -> Inbox:
    """Returns the active widget inbox with the public key; raises UnknownInbox."""
    if "\x00" in key:
        raise UnknownInbox
    found = Inbox.objects.select_related("team").filter(key=key, channel="web", is_active=True).first()
    if found is None:
        raise UnknownInbox
    return found


def first_inbox() -> Inbox:
    """Returns the oldest active widget inbox, for pages and clients that name none; raises UnknownInbox."""
    found = Inbox.objects.filter(channel="web", is_active=True).order_by("created_at", "pk").first()
    if found is None:
        raise UnknownInbox
    return found


def check_origin(inbox: Inbox, origin: str | None) -> None:
    """Raises OriginNotAllowed when the inbox names its sites and this is none of them nor our own.

    A client that sends no Origin is no browser; the rule protects browsers' users, the token the rest.
    """
    if not inbox.allowed_origins or origin is None:
        return
    allowed = {_origin(item) for item in (*inbox.allowed_origins, settings.PUBLIC_URL)}
    if _origin(origin) not in allowed:
        raise OriginNotAllowed


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address.strip().lower())
    return parts.scheme, parts.netloc


def digest(token: str) -> str:
    """Returns the SHA-256 hex digest under which a token is stored; the token has 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def visitor_by_token(inbox: Inbox, token: str) -> VisitorToken | None:
    """Returns the visitor's unexpired token row here; None for an empty, unknown or foreign token."""
    if not token:
        return None
    return VisitorToken.objects.filter(
        inbox=inbox, digest=digest(token), expires_at__gt=timezone.now()
    ).first()


def good_tokens(digests: Collection[str]) -> set[str]:
    """Returns those of the digests whose token is unexpired and whose inbox is switched on; one query."""
    if not digests:
        return set()
    good = VisitorToken.objects.filter(
        digest__in=digests, expires_at__gt=timezone.now(), inbox__is_active=True
    )
    return set(good.values_list("digest", flat=True))


def is_signed(inbox: Inbox, claim: Claim) -> bool:
    """True when `hash` is the HMAC-SHA256 hex of `external_id` under the inbox's secret (constant time)."""
    if not (claim.external_id and claim.hash and inbox.secret):
        return False
    message = claim.external_id.encode("utf-8", "replace")
    expected = hmac.new(inbox.secret.encode(), message, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), claim.hash.encode("utf-8", "replace"))


def current_conversation(inbox: Inbox, external_id: str) -> Conversation | None:
    """Returns the visitor's latest conversation in the inbox, if any."""
    mine = Conversation.objects.filter(identity__inbox=inbox, identity__external_id=external_id)
    return mine.select_related("assignee").order_by("-created_at").first()


def customer_of(inbox: Inbox, external_id: str) -> Contact | None:
    """Returns the customer whom a visitor is known as in the inbox, once they have written."""
    return Contact.objects.filter(identities__inbox=inbox, identities__external_id=external_id).first()


def conversations_begun(visitors: Collection[tuple[int, str]]) -> dict[tuple[int, str], UUID]:
    """Returns the latest conversation of each visitor (inbox id, external id) that has one; one query."""
    if not visitors:
        return {}
    inboxes, names = zip(*visitors, strict=True)
    rows = Conversation.objects.filter(
        identity__inbox_id__in=set(inboxes), identity__external_id__in=set(names)
    ).order_by("created_at")
    found = rows.values_list("identity__inbox_id", "identity__external_id", "pk")
    return {(inbox, name): key for inbox, name, key in found if (inbox, name) in visitors}


def last_numbers(conversation_ids: Collection[UUID]) -> dict[UUID, int]:
    """Returns the last number of each conversation that still exists; one query."""
    if not conversation_ids:
        return {}
    return dict(Conversation.objects.filter(pk__in=conversation_ids).values_list("pk", "last_seq"))


def conversation_seq(conversation_id: UUID) -> int:
    """Returns the last number of a conversation."""
    return Conversation.objects.values_list("last_seq", flat=True).get(pk=conversation_id)


def config(key: str, origin: str | None) -> dict[str, Any]:
    """Returns what a page may know of an inbox that carries its widget; raises as `check_origin` does."""
    inbox = inbox_by_key(key)
    check_origin(inbox, origin)
    return {
        "title": inbox.title or inbox.name,
        "greeting": inbox.greeting,
        "color": inbox.color,
        "position": inbox.position,
        "agent_name": inbox.agent_name,
        "max_attachment_bytes": settings.MAX_ATTACHMENT_BYTES,
        "attachment_types": settings.ATTACHMENT_TYPES,
        "invitations": [_offered(offer) for offer in inviter().offers(inbox)],
    }


def _offered(offer: Offer) -> dict[str, Any]:
    rule = {"page": offer.page, "seconds": offer.seconds, "visitors": offer.visitors}
    return {"id": str(offer.id), **rule}
