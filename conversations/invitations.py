"""What a site's widget may show to somebody who has not asked: a door to whoever invites, named in settings.

The widget and campaigns stand side by side and import nothing of each other; this is all they share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from conversations.exchange import Sender
from conversations.models import Inbox, Message
from core.errors import NotFound


@dataclass(frozen=True, slots=True)
class Offer:
    """When to ask for an invitation; every visitor may read it.

    `page`: the addresses it is for, as docs/protocol.md says; empty for all. `seconds` on that page.
    `visitors`: `any`, `new` or `returning`.
    """

    id: UUID
    page: str
    seconds: int
    visitors: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """What is shown to one visitor: a text, and the same as safe HTML."""

    id: UUID
    text: str
    html: str


class Inviter(Protocol):
    """Whoever has something to show. A visitor is their `external_id` in the inbox."""

    def offers(self, inbox: Inbox) -> Sequence[Offer]:
        """Returns what may be shown on the inbox's sites just now; one query."""

    def show(self, *, inbox: Inbox, visitor: str, offer: UUID) -> Invitation:
        """Notes that a visitor sees an invitation, and returns it; makes no contact and no conversation.

        Raises NotFound for what is not offered here and now, Conflict for a visitor who has seen it or is in
        conversation with us.
        """

    def accept(self, *, inbox: Inbox, sender: Sender, offer: UUID) -> Message:
        """Makes what a visitor was shown a message of the company in their conversation, and returns it.

        Its `client_id` is the offer's id. Idempotent. Raises NotFound for what the visitor was not shown, or
        is no longer offered.
        """

    def recognise(self, *, inbox: Inbox, visitor: str, customer: str) -> None:
        """Takes what a visitor was shown for shown to the customer as whom they have signed in (both ids).

        Needs a transaction.
        """


class Nobody:
    """Stands where settings name nobody."""

    def offers(self, inbox: Inbox) -> Sequence[Offer]:
        """Nothing."""
        del inbox
        return ()

    def show(self, *, inbox: Inbox, visitor: str, offer: UUID) -> Invitation:
        """Raises NotFound."""
        del inbox, visitor, offer
        raise NotFound

    def accept(self, *, inbox: Inbox, sender: Sender, offer: UUID) -> Message:
        """Raises NotFound."""
        del inbox, sender, offer
        raise NotFound

    def recognise(self, *, inbox: Inbox, visitor: str, customer: str) -> None:
        """Nothing."""
        del inbox, visitor, customer


@cache
def inviter() -> Inviter:
    """Returns who invites visitors."""
    return cast("Inviter", import_string(settings.INVITER)()) if settings.INVITER else Nobody()
