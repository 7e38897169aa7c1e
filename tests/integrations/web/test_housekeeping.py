"""Tokens in the admin and their removal; the channel as the inbox's page shows it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from conversations.channels import adapter
from conversations.models import Conversation, Inbox
from core.errors import TooMany
from integrations.web import tasks
from integrations.web.actions import greet
from integrations.web.errors import TokenInvalid, UnknownInbox
from integrations.web.frames import Claim, Hello
from integrations.web.models import VisitorToken
from integrations.web.queries import conversation_seq, first_inbox, is_signed, visitor_by_token
from integrations.web.session import check_pace, pace_key

LIST = "/admin/web/visitortoken/"


def token_of(inbox: Inbox, token: str = "") -> str:
    return greet(inbox=inbox, hello=Hello(inbox.key, token)).token


def test_list_asks_as_much_for_three_as_for_one(
    client: Client, ana: User, inbox: Inbox, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(ana)
    token_of(inbox)
    counts = []
    for more in (0, 0, 2):
        for _ in range(more):
            token_of(inbox)
        with django_assert_max_num_queries(20) as captured:
            assert client.get(LIST).status_code == 200
        counts.append(len(captured))
    assert counts[1] == counts[2]


def test_token_is_neither_made_nor_changed_but_can_be_revoked(
    client: Client, ana: User, inbox: Inbox
) -> None:
    client.force_login(ana)
    token = token_of(inbox)
    row = VisitorToken.objects.get()
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{row.pk}/change/", {"external_id": "x"}).status_code == 403
    assert str(row) == f"{row.external_id} @ {inbox.pk}"
    assert client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert visitor_by_token(inbox, token) is None
    with pytest.raises(TokenInvalid):
        token_of(inbox, token)


def test_operators_do_not_see_tokens(client: Client, bruno: User, inbox: Inbox) -> None:
    assert client.get(LIST).status_code == 302
    client.force_login(bruno)
    assert client.get(LIST).status_code == 403


@pytest.mark.django_db(transaction=True)
async def test_job_removes_expired_tokens(inbox: Inbox) -> None:
    now = timezone.now()
    for number in (-1, 1):
        await VisitorToken.objects.acreate(
            inbox=inbox,
            digest=str(number),
            external_id="visitor:x",
            expires_at=now + timedelta(minutes=number),
        )
    await tasks.delete_expired_tokens.func(0)
    assert [row.digest async for row in VisitorToken.objects.all()] == ["1"]


def test_token_is_kept_for_a_day_and_then_replaced(inbox: Inbox) -> None:
    token = token_of(inbox)
    assert token_of(inbox, token) == token
    VisitorToken.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    fresh = token_of(inbox, token)
    assert fresh != token
    # For ten minutes another tab may still come with the old one, and is the same visitor.
    old, new = visitor_by_token(inbox, token), visitor_by_token(inbox, fresh)
    assert old is not None
    assert new is not None
    assert old.external_id == new.external_id
    assert timedelta(minutes=9) < old.expires_at - timezone.now() < timedelta(minutes=11)
    assert timedelta(days=29) < new.expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize("claim", [Claim(""), Claim("", hash="x"), Claim("42"), Claim("42", hash="é" * 64)])
def test_claim_without_proof_is_not_signed(inbox: Inbox, claim: Claim) -> None:
    """Chatwoot #14945: a missing proof, or half of one, was not always asked for."""
    assert not is_signed(inbox, claim)


def test_oldest_active_widget_inbox_is_the_first(inbox: Inbox) -> None:
    Inbox.objects.create(name="Newer")
    assert first_inbox() == inbox
    Inbox.objects.update(is_active=False)
    with pytest.raises(UnknownInbox):
        first_inbox()


def test_conversation_seq_is_its_last_number(conversation: Conversation) -> None:
    assert conversation_seq(conversation.pk) == 1


def test_pace_counts_each_visitor_of_each_inbox(inbox: Inbox, settings: object) -> None:
    from conversations.actions import Sender
    from core import limits

    settings.CHAT_MESSAGES_PER_MINUTE = 1  # type: ignore[attr-defined]
    eva, otto = Sender("visitor:eva"), Sender("visitor:otto")
    limits.count(pace_key(eva, inbox.pk))
    with pytest.raises(TooMany):
        check_pace(eva, inbox)
    check_pace(otto, inbox)
    check_pace(eva, Inbox.objects.create(name="Other"))


def test_script_tag_names_the_inbox_and_our_address(inbox: Inbox) -> None:
    tag = adapter("web").setup_text(key="k3y", public_url="https://help.example")
    assert (
        tag == '<script src="https://help.example/static/widget/widget.js" data-inbox="k3y" async></script>'
    )


def test_inbox_page_shows_the_tag_to_copy(client: Client, ana: User, inbox: Inbox) -> None:
    client.force_login(ana)
    page = client.get(f"/admin/conversations/inbox/{inbox.pk}/change/").content.decode()
    assert f"data-inbox=&quot;{inbox.key}&quot;" in page
