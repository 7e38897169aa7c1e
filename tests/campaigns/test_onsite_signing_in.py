"""Who signs in after seeing a message on a site: still the same person, who has seen it."""

import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from campaigns.models import Campaign, Recipient
from conversations.actions import Sender
from conversations.models import Inbox, Message
from core.errors import Conflict
from integrations.web.actions import greet
from integrations.web.frames import Claim, Hello
from tests.campaigns.test_onsite import Bubble, accept, bubble, show

__all__ = ["bubble"]
pytestmark = pytest.mark.django_db(transaction=True)
DAVI = Sender("user:7")


def visit(inbox: Inbox) -> tuple[str, str]:
    """Somebody comes for the first time; returns their token and who they are."""
    found = greet(inbox=inbox, hello=Hello(inbox.key, ""))
    return found.token, found.sender.external_id


def sign_in(inbox: Inbox, token: str) -> None:
    proof = hmac.new(inbox.secret.encode(), b"7", hashlib.sha256).hexdigest()
    assert (
        greet(inbox=inbox, hello=Hello(inbox.key, token, identity=Claim("7", hash=proof))).sender.external_id
        == "user:7"
    )


def seen() -> dict[str, bool]:
    """Who was shown something, and whether they took it up."""
    return {row.visitor: row.message_id is not None for row in Recipient.objects.all()}


def test_visitor_who_signs_in_has_seen_it_and_can_take_it_up(bubble: Bubble) -> None:
    campaign = bubble()
    token, visitor = visit(campaign.inbox)
    show(campaign, visitor)
    sign_in(campaign.inbox, token)
    with pytest.raises(Conflict):
        show(campaign, "user:7")
    message = accept(campaign, DAVI)
    assert message.conversation.identity.external_id == "user:7"
    assert seen() == {"user:7": True}
    assert Recipient.objects.get().contact == message.conversation.contact


def test_visitor_who_took_it_up_and_signs_in_has_it_once(bubble: Bubble) -> None:
    campaign = bubble()
    token, visitor = visit(campaign.inbox)
    show(campaign, visitor)
    message = accept(campaign, Sender(visitor))
    sign_in(campaign.inbox, token)
    assert accept(campaign, DAVI) == message
    assert Message.objects.count() == 1
    assert seen() == {"user:7": True}


def twice(campaign: Campaign, *, first: str) -> str:
    """The customer has seen it on one device and, before signing in, on another; returns the token there."""
    token, visitor = visit(campaign.inbox)
    for name in (visitor, "user:7") if first == "visitor" else ("user:7", visitor):
        show(campaign, name)
    return token


@pytest.mark.parametrize("first", ["visitor", "user"])
def test_who_was_shown_it_under_both_names_was_shown_it_first_once(bubble: Bubble, first: str) -> None:
    campaign = bubble()
    token = twice(campaign, first=first)
    kept = Recipient.objects.order_by("written_at")[0]
    sign_in(campaign.inbox, token)
    assert seen() == {"user:7": False}
    assert Recipient.objects.get().pk == kept.pk


@pytest.mark.parametrize("first", ["visitor", "user"])
@pytest.mark.parametrize("taker", ["visitor", "user"])
def test_what_was_taken_up_stays(bubble: Bubble, first: str, taker: str) -> None:
    campaign = bubble()
    token = twice(campaign, first=first)
    row = Recipient.objects.get(visitor__startswith=taker)
    accept(campaign, Sender(row.visitor))
    sign_in(campaign.inbox, token)
    assert seen() == {"user:7": True}
    assert Recipient.objects.get().pk == row.pk


def test_what_was_taken_up_under_both_names_is_not_lost(bubble: Bubble) -> None:
    campaign = bubble()
    token = twice(campaign, first="user")
    for row in list(Recipient.objects.all()):
        accept(campaign, Sender(row.visitor))
    sign_in(campaign.inbox, token)
    assert list(seen().values()) == [True, True]
    assert Message.objects.count() == 2


def test_nothing_of_another_visitor_or_inbox_is_taken_along(bubble: Bubble, inbox: Inbox) -> None:
    campaign, elsewhere = bubble(), bubble(inbox=Inbox.objects.create(name="Blog", team=inbox.team))
    token, visitor = visit(inbox)
    show(campaign, "visitor:other")
    show(elsewhere, visitor)
    sign_in(inbox, token)
    assert set(seen()) == {"visitor:other", visitor}


def test_two_devices_that_sign_in_at_once_are_both_let_in(bubble: Bubble) -> None:
    campaign = bubble()
    tokens = []
    for _device in range(6):
        token, visitor = visit(campaign.inbox)
        show(campaign, visitor)
        tokens.append(token)

    def device(token: str) -> None:
        try:
            sign_in(campaign.inbox, token)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(device, tokens))
    assert seen() == {"user:7": False}
