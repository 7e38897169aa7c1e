"""Messages on a site: offered while the campaign runs, shown once to each visitor, taken up once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from agents.models import Agent
from campaigns import actions
from campaigns.actions import Wording
from campaigns.actions.feeding import sweep
from campaigns.actions.onsite import OnSite
from campaigns.enums import CampaignStatus, RecipientState
from campaigns.models import Campaign, Recipient
from campaigns.queries.behind import NUMBERS, behind
from campaigns.queries.onsite import as_browsers_write
from campaigns.queries.stats import stats, with_outcome
from conversations.actions import Sender, merge_contacts, receive, resolve
from conversations.enums import AuthorKind, Direction, Status
from conversations.invitations import Nobody, inviter
from conversations.models import Contact, ContactIdentity, Conversation, Inbox, Message
from conversations.queries.threads import history
from core.actor import Actor
from core.errors import Conflict, HelpdeskError, Invalid, NotFound
from tests.campaigns.lines import go_on

pytestmark = pytest.mark.django_db(transaction=True)

Bubble = Callable[..., Campaign]
EVA = Sender("visitor:eva", locale="pt-br")
TEXT = "Need **help** with your order?"


@pytest.fixture
def bubble(inbox: Inbox, lead: Actor) -> Bubble:
    """Makes a campaign that runs on the shop's site."""

    def make(*texts: str, **fields: Any) -> Campaign:
        wordings = [Wording(text) for text in texts or (TEXT,)]
        given = {"inbox": inbox, "name": "Checkout", "kind": "onsite", "brief": "10% off", **fields}
        campaign = actions.create_campaign(by=lead, wordings=wordings, **given)
        actions.approve(campaign=campaign, by=lead)
        return actions.start(campaign=campaign, by=lead)

    return make


def show(campaign: Campaign, visitor: str = EVA.external_id) -> str:
    return OnSite().show(inbox=campaign.inbox, visitor=visitor, offer=campaign.pk).text


def accept(campaign: Campaign, sender: Sender = EVA) -> Message:
    return OnSite().accept(inbox=campaign.inbox, sender=sender, offer=campaign.pk)


def answers_planned() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'agents.answer'")
        return int(cursor.fetchone()[0])


# --- what is offered ----------------------------------------------------------------------------------------


def test_an_offer_says_when_to_ask_and_not_what_is_said(bubble: Bubble, inbox: Inbox) -> None:
    campaign = bubble(url_pattern=" https://a.example/maçã* ", seconds=7, visitors="returning")
    (offer,) = inviter().offers(inbox)
    assert offer.id == campaign.pk
    assert offer.page == "https://a.example/ma%C3%A7%C3%A3*"
    assert (offer.seconds, offer.visitors) == (7, "returning")


def test_only_what_runs_on_this_inbox_is_offered(
    bubble: Bubble, inbox: Inbox, lead: Actor, number: Inbox, django_assert_num_queries: Any
) -> None:
    first, second = bubble(), bubble()
    actions.pause(campaign=bubble(), by=lead)
    actions.cancel(campaign=bubble(), by=lead)
    bubble(starts_at=timezone.now() + timedelta(hours=1))
    actions.create_campaign(by=lead, inbox=inbox, name="Draft", kind="onsite")
    actions.create_campaign(by=lead, inbox=inbox, name="Mail", kind="broadcast")
    bubble(inbox=Inbox.objects.create(name="Blog", team=inbox.team))
    with django_assert_num_queries(1):
        assert [offer.id for offer in OnSite().offers(inbox)] == [first.pk, second.pk]
    assert OnSite().offers(number) == []


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_pattern_in_a_browsers_spelling_stays_as_it_is(pattern: str) -> None:
    written = as_browsers_write(pattern)
    assert written.isascii()
    assert as_browsers_write(written) == written
    assert written.count("*") == pattern.count("*")


def test_without_an_inviter_nothing_is_offered(inbox: Inbox) -> None:
    nobody = Nobody()
    assert not nobody.offers(inbox)
    with pytest.raises(NotFound):
        nobody.show(inbox=inbox, visitor="visitor:eva", offer=uuid4())
    with pytest.raises(NotFound):
        nobody.accept(inbox=inbox, sender=EVA, offer=uuid4())


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"url_pattern": "shop.example/cart"}, TEXT),
        ({"url_pattern": "/cart*"}, TEXT),
        ({}, "Hello {{name}}"),
        ({}, " "),
    ],
)
def test_what_could_never_be_shown_right_is_not_approved(
    inbox: Inbox, lead: Actor, fields: dict[str, Any], text: str
) -> None:
    campaign = actions.create_campaign(
        by=lead, inbox=inbox, name="Checkout", kind="onsite", wordings=[Wording(text)], **fields
    )
    with pytest.raises(Invalid):
        actions.approve(campaign=campaign, by=lead)


def test_another_channel_has_no_site(number: Inbox, lead: Actor) -> None:
    campaign = actions.create_campaign(
        by=lead, inbox=number, name="Checkout", kind="onsite", wordings=[Wording(TEXT)]
    )
    with pytest.raises(Invalid):
        actions.approve(campaign=campaign, by=lead)


# --- what is shown ------------------------------------------------------------------------------------------


def test_showing_leaves_a_row_of_the_visitor_and_nobody_known(bubble: Bubble) -> None:
    campaign = bubble()
    invitation = OnSite().show(inbox=campaign.inbox, visitor="visitor:eva", offer=campaign.pk)
    assert invitation.text == TEXT
    assert invitation.html == "<p>Need <strong>help</strong> with your order?</p>\n"
    row = Recipient.objects.get()
    assert (row.visitor, row.state, row.contact, row.message) == (
        "visitor:eva", RecipientState.WRITTEN, None, None,
    )  # fmt: skip
    assert row.written_at is not None
    assert not Contact.objects.exists()
    assert not Conversation.objects.exists()


def test_a_place_is_read_as_what_stands_in_for_it(bubble: Bubble) -> None:
    assert show(bubble("Hello {{name|there}}")) == "Hello there"


def test_nobody_is_shown_a_campaign_twice(bubble: Bubble) -> None:
    first, second = bubble(), bubble()
    show(first)
    with pytest.raises(Conflict):
        show(first)
    show(second)
    show(first, "visitor:ivo")
    assert Recipient.objects.count() == 3


def test_of_many_tabs_at_once_one_shows_it(bubble: Bubble) -> None:
    campaign = bubble()

    def tab(_number: int) -> str:
        try:
            return show(campaign)
        except Conflict:
            return ""
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(tab, range(8))) == ["", "", "", "", "", "", "", TEXT]
    assert Recipient.objects.count() == 1


def test_visitors_are_dealt_the_variants_in_their_shares_and_keep_theirs(
    bubble: Bubble, inbox: Inbox, lead: Actor
) -> None:
    wordings = [Wording("one", share=1), Wording("two", share=3)]
    campaign = actions.create_campaign(by=lead, inbox=inbox, name="AB", kind="onsite", wordings=wordings)
    actions.approve(campaign=campaign, by=lead)
    campaign = actions.start(campaign=campaign, by=lead)
    shown = {name: show(campaign, name) for name in (f"visitor:{number}" for number in range(200))}
    assert 30 <= list(shown.values()).count("one") <= 75
    Recipient.objects.all().delete()
    assert {name: show(campaign, name) for name in shown} == shown
    name = next(name for name, text in shown.items() if text == "two")
    assert accept(campaign, Sender(name)).text == "two"


@pytest.mark.parametrize("verb", [actions.pause, actions.cancel])
def test_what_was_stopped_is_neither_shown_nor_taken_up(bubble: Bubble, lead: Actor, verb: Any) -> None:
    campaign = bubble()
    show(campaign)
    verb(campaign=campaign, by=lead)
    with pytest.raises(NotFound):
        show(campaign, "visitor:ivo")
    with pytest.raises(NotFound):
        accept(campaign)
    assert not Message.objects.exists()


def test_what_goes_on_can_be_taken_up_again(bubble: Bubble, lead: Actor) -> None:
    campaign = bubble()
    show(campaign)
    actions.pause(campaign=campaign, by=lead)
    actions.resume(campaign=campaign, by=lead)
    assert accept(campaign).text == TEXT


def test_a_campaign_is_shown_on_its_own_sites_only(bubble: Bubble, number: Inbox) -> None:
    campaign = bubble()
    with pytest.raises(NotFound):
        OnSite().show(inbox=number, visitor="visitor:eva", offer=campaign.pk)
    with pytest.raises(NotFound):
        OnSite().show(inbox=campaign.inbox, visitor="visitor:eva", offer=uuid4())


def test_who_pauses_waits_for_whoever_is_being_answered_and_they_for_him(bubble: Bubble, lead: Actor) -> None:
    campaign = bubble()
    told: list[Any] = []

    def visitor() -> None:
        try:
            told.append(show(campaign))
        except HelpdeskError as error:
            told.append(type(error))
        finally:
            connection.close()

    with transaction.atomic():
        actions.pause(campaign=campaign, by=lead)
        thread = threading.Thread(target=visitor)
        thread.start()
        time.sleep(0.4)
        assert told == []
    thread.join(10)
    assert told == [NotFound]
    assert not Recipient.objects.exists()


@pytest.mark.parametrize("status", [Status.BOT, Status.OPEN, Status.SNOOZED])
def test_who_is_in_conversation_with_us_is_left_alone(bubble: Bubble, inbox: Inbox, status: Status) -> None:
    campaign = bubble()
    mine = receive(inbox=inbox, sender=EVA, text="Oi").conversation
    Conversation.objects.filter(pk=mine.pk).update(status=status)
    with pytest.raises(Conflict):
        show(campaign)
    assert not Recipient.objects.exists()
    show(campaign, "visitor:ivo")


# --- what is taken up ---------------------------------------------------------------------------------------


def test_what_was_taken_up_begins_a_conversation_in_which_nobody_waits(bubble: Bubble) -> None:
    campaign = bubble()
    show(campaign)
    message = accept(campaign)
    assert (message.text, message.html) == (TEXT, "<p>Need <strong>help</strong> with your order?</p>\n")
    assert (message.author_kind, message.author_name) == (AuthorKind.OPERATOR, "Aurora")
    assert (message.direction, message.client_id, message.seq) == (Direction.OUT, campaign.pk, 1)
    about = {"id": str(campaign.pk), "name": "Checkout", "brief": "10% off"}
    assert message.details == {"campaign": about}
    conversation = Conversation.objects.get()
    assert (conversation.status, conversation.waiting_since, conversation.assignee) == (
        Status.OPEN, None, None,
    )  # fmt: skip
    assert conversation.contact.locale == "pt-br"
    row = Recipient.objects.get()
    assert (row.message, row.conversation) == (message, conversation)
    assert (row.contact, row.identity) == (conversation.contact, conversation.identity)


def test_the_agent_has_it_and_says_nothing_before_the_customer_writes(bubble: Bubble, inbox: Inbox) -> None:
    Agent.objects.create(name="Lia").inboxes.add(inbox)
    campaign = bubble()
    show(campaign)
    message = accept(campaign)
    conversation = Conversation.objects.get()
    assert conversation.status == Status.BOT
    assert answers_planned() == 0
    receive(inbox=inbox, sender=EVA, text="Yes please")
    assert answers_planned() == 1
    assert [row.text for row in history(conversation)] == [message.text, "Yes please"]


def test_taken_up_twice_it_is_said_once(bubble: Bubble) -> None:
    campaign = bubble()
    show(campaign)
    first = accept(campaign)
    assert accept(campaign) == first
    assert Message.objects.count() == 1


def test_many_clicks_at_once_make_one_customer_one_conversation_one_message(bubble: Bubble) -> None:
    campaign = bubble()
    show(campaign)

    def click(_number: int) -> Any:
        try:
            return accept(campaign).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(click, range(8)))) == 1
    assert (Contact.objects.count(), Conversation.objects.count(), Message.objects.count()) == (1, 1, 1)


def test_what_was_not_shown_cannot_be_taken_up(bubble: Bubble) -> None:
    campaign = bubble()
    show(campaign, "visitor:ivo")
    with pytest.raises(NotFound):
        accept(campaign)
    assert not Contact.objects.exists()


def test_a_known_visitor_has_it_in_their_conversation_which_stays_closed(
    bubble: Bubble, inbox: Inbox, system: Actor
) -> None:
    mine = receive(inbox=inbox, sender=EVA, text="Oi").conversation
    resolve(conversation=mine, by=system)
    campaign = bubble()
    show(campaign)
    message = accept(campaign)
    conversation = Conversation.objects.get()
    assert message.conversation_id == conversation.pk == mine.pk
    assert (conversation.status, conversation.waiting_since) == (Status.RESOLVED, None)
    receive(inbox=inbox, sender=EVA, text="Yes please")
    conversation.refresh_from_db()
    assert conversation.status == Status.OPEN
    assert [row.text for row in history(conversation)] == [TEXT, "Yes please"]


def test_a_message_of_the_visitors_own_is_not_taken_for_the_companys(bubble: Bubble, inbox: Inbox) -> None:
    campaign = bubble()
    show(campaign)
    receive(inbox=inbox, sender=EVA, text="I am the company", client_id=campaign.pk)
    with pytest.raises(Conflict):
        accept(campaign)
    assert Recipient.objects.get().message is None


def test_one_customer_with_two_browsers_is_two_visitors(bubble: Bubble, inbox: Inbox, lead: Actor) -> None:
    campaign = bubble()
    for name in ("visitor:eva", "visitor:ivo"):
        show(campaign, name)
        receive(inbox=inbox, sender=Sender(name), text="Oi")
    keep, other = Contact.objects.all()
    merge_contacts(keep=keep, other=other, by=lead)
    for name in ("visitor:eva", "visitor:ivo"):
        accept(campaign, Sender(name))
    assert Recipient.objects.filter(message__isnull=False).count() == 2
    assert Recipient.objects.filter(contact=keep).count() == 1
    assert ContactIdentity.objects.count() == 2


# --- what comes of it ---------------------------------------------------------------------------------------


def test_the_numbers_tell_shown_opened_and_replied(bubble: Bubble, inbox: Inbox) -> None:
    campaign = bubble()
    for name in ("visitor:eva", "visitor:ivo", "visitor:ada"):
        show(campaign, name)
    accept(campaign)
    accept(campaign, Sender("visitor:ivo"))
    receive(inbox=inbox, sender=EVA, text="Yes please")
    found = stats(campaign)
    assert (found.recipients, found.sent, found.delivered, found.read) == (3, 3, 3, 2)
    assert (found.replied, found.failed, found.waiting) == (1, 0, 0)
    (variant,) = found.variants
    assert (variant["recipients"], variant["read"], variant["replied"]) == (3, 2, 1)
    rows: Any = with_outcome(Recipient.objects.all())
    outcomes = {row.visitor: row.outcome for row in rows}
    assert outcomes == {"visitor:ada": "delivered", "visitor:eva": "read", "visitor:ivo": "read"}


def test_a_scheduled_one_begins_by_itself_and_writes_to_nobody(
    bubble: Bubble, inbox: Inbox, lead: Actor
) -> None:
    receive(inbox=inbox, sender=EVA, text="Oi")
    campaign = bubble(starts_at=timezone.now() + timedelta(hours=1))
    assert campaign.status == CampaignStatus.SCHEDULED
    assert OnSite().offers(inbox) == []
    Campaign.objects.filter(pk=campaign.pk).update(starts_at=timezone.now() - timedelta(seconds=1))
    sweep()
    assert [offer.id for offer in OnSite().offers(inbox)] == [campaign.pk]
    assert go_on(str(campaign.pk)) is None
    campaign.refresh_from_db()
    assert (campaign.status, campaign.prepared_at) == (CampaignStatus.RUNNING, None)
    assert not Recipient.objects.exists()
    assert Message.objects.count() == 1


def test_each_number_leads_to_exactly_those_it_counts(bubble: Bubble) -> None:
    campaign = bubble()
    for visitor in ("visitor:1", "visitor:2", EVA.external_id):
        show(campaign, visitor)
    accept(campaign)
    counted = stats(campaign)
    assert (counted.sent, counted.delivered, counted.read) == (3, 3, 1)
    rows = Recipient.objects.filter(campaign=campaign)
    found = {number: behind(rows, number).count() for number in NUMBERS}
    assert found == {number: getattr(counted, number) for number in NUMBERS}
