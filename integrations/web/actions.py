"""Visitors' tokens: given, rotated, bound to a signed identity."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from conversations.actions import Sender
from conversations.invitations import inviter
from conversations.models import ContactIdentity, Conversation, Inbox
from integrations.web.errors import TokenInvalid
from integrations.web.frames import Hello
from integrations.web.models import VisitorToken
from integrations.web.queries import current_conversation, digest, is_signed, visitor_by_token

LIFETIME = timedelta(days=30)
ROTATED_AFTER = timedelta(days=1)
# Another tab may still hold the token that was just replaced.
GRACE = timedelta(minutes=10)
# How the id of a customer begins whom the host site has vouched for.
VERIFIED = "user:"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who a connection speaks for, and the token it should keep."""

    inbox: Inbox
    sender: Sender
    token: str
    conversation: Conversation | None


@transaction.atomic
def greet(*, inbox: Inbox, hello: Hello) -> Visitor:
    """Finds or makes the visitor of a `hello` and returns the token to keep from now on.

    A signed identity decides who it is; an unsigned one is only a name to show, and never leads to a known
    contact. Raises TokenInvalid for a token that is unknown here or expired. No contact is made yet.
    """
    known = visitor_by_token(inbox, hello.token)
    if hello.token and known is None:
        raise TokenInvalid
    claim = hello.identity
    verified = claim is not None and is_signed(inbox, claim)
    if claim is not None and verified:
        external_id = f"{VERIFIED}{claim.external_id}"
        if known and known.external_id.startswith("visitor:"):
            _adopt(inbox, known.external_id, external_id)
    else:
        external_id = known.external_id if known else _new_visitor()
        if claim and external_id.startswith(VERIFIED):
            # Without proof, somebody else does not go on as the customer this browser had proof for, and
            # the customer gets no name that was only claimed.
            external_id = external_id if external_id == f"{VERIFIED}{claim.external_id}" else _new_visitor()
            claim = None
    sender = Sender(
        external_id,
        name=claim.name if claim else "",
        email=claim.email if claim else "",
        locale=hello.locale.lower(),
        is_verified=external_id.startswith(VERIFIED),
    )
    token = _kept_token(inbox, hello.token, known, external_id)
    return Visitor(inbox, sender, token, current_conversation(inbox, external_id))


def _new_visitor() -> str:
    return f"visitor:{secrets.token_hex(16)}"


def recognise(*, inbox: Inbox, token: str, locale: str) -> Visitor:
    """Returns the visitor of a token as it is: for requests whose answer has no room for a new one.

    Raises TokenInvalid for a token that is unknown here or expired.
    """
    known = visitor_by_token(inbox, token)
    if known is None:
        raise TokenInvalid
    verified = known.external_id.startswith(VERIFIED)
    sender = Sender(known.external_id, locale=locale, is_verified=verified)
    return Visitor(inbox, sender, token, current_conversation(inbox, known.external_id))


def _adopt(inbox: Inbox, anonymous: str, verified: str) -> None:
    """Lets the conversation a visitor began before logging in go with the customer, unless known already."""
    identities = ContactIdentity.objects.filter(inbox=inbox)
    if not identities.filter(external_id=verified).exists():
        identities.filter(external_id=anonymous).update(external_id=verified, is_verified=True)
    inviter().recognise(inbox=inbox, visitor=anonymous, customer=verified)


def _kept_token(inbox: Inbox, token: str, known: VisitorToken | None, external_id: str) -> str:
    """Returns the token if it may still be used as it is, else a new one for the same visitor."""
    now = timezone.now()
    if known and known.external_id == external_id and known.created_at > now - ROTATED_AFTER:
        return token
    if known:
        VisitorToken.objects.filter(pk=known.pk).update(expires_at=min(known.expires_at, now + GRACE))
    fresh = secrets.token_urlsafe(32)
    VisitorToken.objects.create(
        inbox=inbox, digest=digest(fresh), external_id=external_id, expires_at=now + LIFETIME
    )
    return fresh


def delete_expired_tokens() -> int:
    """Removes tokens past their time and returns how many."""
    return VisitorToken.objects.filter(expires_at__lt=timezone.now()).delete()[0]
