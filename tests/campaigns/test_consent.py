"""A no is a no: by whatever word, through whatever inbox, at whatever moment."""

import contextlib
import json
import time
from functools import partial
from threading import Event
from typing import Any, cast
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Team, User
from agents.actions import begin_run
from agents.models import Agent
from campaigns import actions
from campaigns.actions import writing
from campaigns.actions.consent import confirm, take_back
from campaigns.enums import ConsentSource, ConsentState
from campaigns.models import Campaign, Consent, Recipient
from campaigns.queries.consents import consent_states, has_agreed, has_opted_out
from campaigns.queries.people import look
from campaigns.segments import Segment
from conversations.actions import (
    Sender,
    merge_contacts,
    receive,
    reply,
    resolve,
    retry_message,
    split_identity,
)
from conversations.actions.intake import take_in
from conversations.enums import AuthorKind, Status, Verdict, Withdrawn
from conversations.exchange import Incoming, Thread
from conversations.models import (
    Contact,
    ContactIdentity,
    Conversation,
    Delivery,
    InboundEvent,
    Inbox,
    Message,
)
from conversations.queries.delivered import delivery_states
from core.actor import Actor, ActorKind
from core.errors import Conflict, Forbidden
from core.reasons import in_english
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import begin, go_on, no_errors, run, states, together
from tests.conversations.lines import planned
from tests.integrations.whatsapp_cloud.case import fixture

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = "5511900000000"


def write(inbox: Inbox, text: str, phone: str = PHONE, **more: Any) -> Message:
    """A customer writes, and what was planned for it is done."""
    sender = more.pop("sender", Sender(phone))
    message = receive(inbox=inbox, sender=sender, text=text, **more).message
    do_what_is_planned()
    return message


def do_what_is_planned() -> None:
    """What customers said is confirmed, and what was on its way to them taken back."""
    for job in planned("campaigns.confirm"):
        confirm(job["identity_id"], job["message_id"])
    for job in planned("campaigns.take_back"):
        take_back(job["identity_id"])
    with connection.cursor() as cursor:
        names = ["campaigns.confirm", "campaigns.take_back"]
        cursor.execute("DELETE FROM procrastinate_jobs WHERE task_name = ANY(%s)", [names])


def thrice(campaign_id: str) -> None:
    """Three turns of a campaign."""
    for _turn in range(3):
        go_on(campaign_id)


def said(inbox: Inbox) -> list[str]:
    """What the machine said to customers."""
    rows = Message.objects.filter(inbox=inbox, author_kind=AuthorKind.SYSTEM).order_by("created_at")
    return list(rows.values_list("text", flat=True))


@pytest.fixture
def maria(number: Inbox) -> ContactIdentity:
    """A customer known by her number."""
    return people(number, 1)[0].identities.get()


@pytest.fixture
def second(team: Team) -> Inbox:
    """Another number of the team."""
    return Inbox.objects.create(name="Second", channel="whatsapp_cloud", team=team)


@pytest.mark.parametrize("word", ["STOP", "parar", "¡Baja!", "Sair."])
def test_word_is_heeded_and_confirmed_once(number: Inbox, maria: ContactIdentity, word: str) -> None:
    message = write(number, word)
    consent = Consent.objects.get()
    assert (consent.identity, consent.state, consent.source) == (maria, "withdrawn", ConsentSource.WORD)
    confirm(maria.pk, str(message.pk))
    confirm(maria.pk, str(message.pk))
    assert len(said(number)) == 1


@pytest.mark.parametrize(
    ("locale", "stop", "start"),
    [
        ("pt-BR", "VOLTAR", "PARAR"),
        ("es_MX", "ALTA", "BAJA"),
        ("en-US", "START", "STOP"),
        ("fr", "START", "STOP"),
    ],
)
def test_confirmation_names_the_word_for_the_way_back_in_the_customers_language(
    number: Inbox, maria: ContactIdentity, locale: str, stop: str, start: str
) -> None:
    Contact.objects.update(locale=locale)
    write(number, "stop")
    write(number, stop)
    first, last = said(number)
    assert stop in first
    assert start in last
    assert Consent.objects.get().state == ConsentState.GIVEN
    write(number, start)
    assert Consent.objects.get().state == ConsentState.WITHDRAWN


@pytest.mark.parametrize(
    ("phone", "word", "back"),
    [
        ("5511900000000", "Sair", "VOLTAR"),
        ("5215512345678", "parar", "ALTA"),
        ("5511900000000", "STOP", "VOLTAR"),
        ("14155550123", "baja", "ALTA"),
        ("14155550123", "stop", "START"),
        ("4915112345678", "STOP", "START"),
    ],
)
def test_of_whom_no_language_is_known_their_word_and_their_country_tell(
    number: Inbox, phone: str, word: str, back: str
) -> None:
    write(number, word, sender=Sender(phone, phone=f"+{phone}"))
    (confirmed,) = said(number)
    assert back in confirmed


def test_first_word_of_a_stranger_to_the_machine_is_nothing_for_people(number: Inbox) -> None:
    message = write(number, "sair", "5511955550000")
    conversation = Conversation.objects.get()
    assert (conversation.status, conversation.waiting_since) == (Status.RESOLVED, None)
    assert Consent.objects.get().state == ConsentState.WITHDRAWN
    assert len(said(number)) == 1
    write(number, "Mas quero saber do meu pedido", "5511955550000")
    conversation.refresh_from_db()
    assert conversation.status == Status.OPEN
    assert conversation.waiting_since is not None
    assert message.seq < conversation.last_seq


def test_widget_has_no_such_words(inbox: Inbox) -> None:
    conversation = receive(inbox=inbox, sender=Sender("davi"), text="stop").conversation
    assert conversation.waiting_since is not None
    assert not Consent.objects.exists()
    assert not planned("campaigns.confirm")


def test_part_of_a_sentence_is_for_people(number: Inbox, maria: ContactIdentity) -> None:
    message = write(number, "stop sending me the wrong size")
    assert message.conversation.waiting_since is not None
    assert not Consent.objects.exists()
    assert not said(number)


def test_machine_that_says_stop_is_not_believed(number: Inbox, maria: ContactIdentity) -> None:
    write(number, "stop", external_id="m1", origin=Incoming("m1", Sender(PHONE), "stop", is_automatic=True))
    assert not Consent.objects.exists()


def test_resolved_conversation_stays_resolved_and_nobody_waits(number: Inbox, bruno: User) -> None:
    conversation = receive(inbox=number, sender=Sender(PHONE), text="Oi").conversation
    resolve(conversation=conversation, by=bruno.as_actor())
    write(number, "PARAR")
    row = Conversation.objects.get()
    assert (row.status, row.waiting_since) == (Status.RESOLVED, None)
    assert has_opted_out(row.identity)
    assert len(said(number)) == 1


def test_where_people_have_the_conversation_the_customer_still_waits(number: Inbox, bruno: User) -> None:
    conversation = receive(inbox=number, sender=Sender(PHONE), text="Oi").conversation
    reply(conversation=conversation, text="Diga", by=bruno.as_actor())
    assert Conversation.objects.get().waiting_since is None
    write(number, "parar")
    row = Conversation.objects.get()
    assert (row.status, has_opted_out(row.identity)) == (Status.OPEN, True)
    assert row.waiting_since is not None
    assert row.is_unread


def test_agent_does_not_answer_a_word_to_the_machine(number: Inbox) -> None:
    Agent.objects.create(name="Lia").inboxes.add(number)
    conversation = receive(inbox=number, sender=Sender(PHONE), text="PARAR").conversation
    assert conversation.status == Status.BOT
    assert begin_run(conversation_id=conversation.pk) is None
    receive(inbox=number, sender=Sender(PHONE), text="Cadê meu pedido?")
    assert begin_run(conversation_id=conversation.pk) is not None


def test_no_to_one_number_holds_for_all_of_the_channel(
    draft: Draft, number: Inbox, second: Inbox, lead: Actor
) -> None:
    # The same telephone, which the two inboxes know as two customers.
    people(number, 1)
    write(second, "stop")
    assert Contact.objects.count() == 2
    assert states(run(draft(), lead)) == {"Maria 0": "opted_out"}


@pytest.mark.parametrize("first", ["the campaign", "the no"])
def test_no_of_somebody_known_by_an_id_holds_for_their_number_elsewhere(
    draft: Draft, number: Inbox, second: Inbox, lead: Actor, first: str
) -> None:
    """WhatsApp names people by an id of its own; their number is an alias of it."""
    sheena = Sender("BR.150250000", phone=f"+{PHONE}", aliases=(PHONE,))
    receive(inbox=second, sender=sheena, text="Oi")
    people(number, 1)
    if first == "the no":
        write(second, "PARAR", sender=sheena)
        # Each inbox has a customer of its own for her.
        assert set(states(run(draft(), lead)).values()) == {"opted_out"}
        assert look(draft(), Segment(), needs_consent=False).unwanted == 2
    else:
        written(draft(), lead)
        write(second, "PARAR", sender=sheena)
        assert Delivery.objects.get(inbox=number).error_code == Withdrawn.OPTED_OUT
    write(number, "VOLTAR")
    assert not has_opted_out(ContactIdentity.objects.get(external_id="BR.150250000"))


def test_way_back_through_another_number_is_a_way_back(
    draft: Draft, number: Inbox, second: Inbox, lead: Actor
) -> None:
    people(number, 1)
    write(number, "stop")
    write(second, "start")
    assert states(run(draft(), lead)) == {"Maria 0": "written"}


def test_another_channel_is_another_matter(number: Inbox, team: Team, maria: ContactIdentity) -> None:
    telegram = Inbox.objects.create(name="Telegram", channel="telegram", team=team)
    other = ContactIdentity.objects.create(inbox=telegram, contact=maria.contact, external_id="77")
    write(telegram, "stop", "77")
    assert has_opted_out(other)
    assert not has_opted_out(maria)
    assert consent_states(maria.contact) == {"telegram": "withdrawn"}


def test_no_goes_along_when_customers_become_one_and_two_again(
    number: Inbox, maria: ContactIdentity, lead: Actor
) -> None:
    (eva,) = people(number, 1, start=1)
    hers = eva.identities.get()
    write(number, "stop", hers.external_id)
    write(number, "stop")
    write(number, "start")
    merge_contacts(keep=maria.contact, other=eva, by=lead)
    for identity in ContactIdentity.objects.all():
        assert has_opted_out(identity)
        assert not has_agreed(identity)
    split_identity(identity=ContactIdentity.objects.get(pk=hers.pk), by=lead)
    assert has_opted_out(ContactIdentity.objects.get(pk=hers.pk))
    assert has_agreed(ContactIdentity.objects.get(pk=maria.pk))


def test_yes_of_one_who_was_two_takes_the_no_of_both_back(
    number: Inbox, maria: ContactIdentity, lead: Actor
) -> None:
    (eva,) = people(number, 1, start=1)
    write(number, "stop", eva.identities.get().external_id)
    merge_contacts(keep=maria.contact, other=eva, by=lead)
    write(number, "start")
    assert has_agreed(ContactIdentity.objects.get(pk=maria.pk))


def test_further_id_of_somebody_speaks_for_the_first(number: Inbox, maria: ContactIdentity) -> None:
    alias = ContactIdentity.objects.create(
        inbox=number, contact=maria.contact, external_id="BR.1", same_as=maria
    )
    write(number, "stop", "BR.1")
    assert Consent.objects.get().identity == maria
    assert has_opted_out(maria)
    assert has_opted_out(alias)


def test_guest_in_a_thread_speaks_for_nobody_else(mailbox: Inbox) -> None:
    first = receive(
        inbox=mailbox, sender=Sender("ana@example.com"), text="Oi", external_id="<1@x>",
        origin=Incoming("<1@x>", Sender("ana@example.com"), "Oi", thread=Thread(subject="Oi")),
    )  # fmt: skip
    guest = Sender("bia@example.com", email="bia@example.com")
    thread = Thread(subject="Oi", answers=("<1@x>",))
    told = receive(
        inbox=mailbox, sender=guest, text="stop", external_id="<2@x>",
        origin=Incoming("<2@x>", guest, "stop", thread=thread),
    )  # fmt: skip
    assert told.conversation.pk == first.conversation.pk
    assert not has_opted_out(first.conversation.identity)


def test_only_leads_enter_what_customers_said(maria: ContactIdentity, bruno: User, lead: Actor) -> None:
    with pytest.raises(Forbidden):
        actions.set_consent(identity=maria, state=ConsentState.GIVEN, by=bruno.as_actor())
    with pytest.raises(Forbidden):
        actions.set_consent(identity=maria, state=ConsentState.GIVEN, by=maria.contact.as_actor())
    row = actions.set_consent(identity=maria, state=ConsentState.GIVEN, by=lead)
    assert (row.source, row.actor_name) == (ConsentSource.STAFF, "Elsa")


def test_program_cannot_take_back_what_the_customer_said_but_staff_can(
    number: Inbox, maria: ContactIdentity, lead: Actor
) -> None:
    write(number, "stop")
    key = Actor(ActorKind.API_KEY, "1", "Shop", is_admin=True, leads=True)
    assert actions.set_consent(identity=maria, state=ConsentState.GIVEN, by=key).state == "withdrawn"
    assert has_opted_out(maria)
    actions.set_consent(identity=maria, state=ConsentState.GIVEN, by=lead)
    assert has_agreed(maria)
    actions.set_consent(identity=maria, state=ConsentState.WITHDRAWN, by=key)
    assert has_opted_out(maria)


def test_who_has_to_agree_first_is_left_out_until_then(draft: Draft, number: Inbox, lead: Actor) -> None:
    silent, agreed, refused = people(number, 3)
    actions.set_consent(identity=agreed.identities.get(), state=ConsentState.GIVEN, by=lead)
    actions.set_consent(identity=refused.identities.get(), state=ConsentState.WITHDRAWN, by=lead)
    found = look(draft(), Segment(), needs_consent=True)
    assert (found.count, found.unwanted, found.silent) == (3, 1, 1)
    assert look(draft(), Segment(), needs_consent=False).silent == 0
    campaign = run(draft(needs_consent=True), lead)
    assert states(campaign) == {
        silent.name: "no_consent", agreed.name: "written", refused.name: "opted_out",
    }  # fmt: skip


def test_counting_ends_where_the_planner_takes_full_tables_for_empty(draft: Draft, number: Inbox) -> None:
    # Pages of rows that came to nothing, and no statistics of those that came afterwards: as after an import.
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        people(number, 120)
        raise ZeroDivisionError
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        people(number, 120)
        campaign = draft()
        # Loops within loops take minutes.
        cursor.execute("SET LOCAL statement_timeout = '30s'")
    assert look(campaign, Segment(), needs_consent=True).silent == 120


# --- between writing and sending ---------------------------------------------------------------------------


def written(campaign: Campaign, lead: Actor) -> None:
    """Everything is written, nothing sent."""
    begin(campaign, lead)
    for _turn in range(20):
        go_on(str(campaign.pk))


@pytest.mark.parametrize("how", ["word", "staff", "link"])
def test_what_waits_to_be_sent_is_taken_back(draft: Draft, number: Inbox, lead: Actor, how: str) -> None:
    first, other = people(number, 2)
    campaign = draft()
    written(campaign, lead)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"queued"}
    identity, row = first.identities.get(), Recipient.objects.get(contact=first)
    if how == "word":
        write(number, "stop", identity.external_id)
    elif how == "staff":
        actions.set_consent(identity=identity, state=ConsentState.WITHDRAWN, by=lead)
    else:
        actions.unsubscribe(row)
    do_what_is_planned()
    delivery = Delivery.objects.get(message=row.message)
    assert (delivery.status, delivery.error_code) == ("failed", "opted_out")
    assert in_english(delivery.error) == "The customer wants no messages."
    assert Delivery.objects.get(conversation__contact=other).status == "queued"
    row.refresh_from_db()
    assert (row.opted_out_at is not None) is (how != "staff")


def test_no_through_one_number_takes_back_what_waits_in_another(
    draft: Draft, number: Inbox, second: Inbox, lead: Actor
) -> None:
    people(number, 1)
    written(draft(), lead)
    write(second, "stop")
    assert Delivery.objects.get(inbox=number).status == "failed"


def test_what_was_taken_back_is_nobodys_to_send_again(
    draft: Draft, number: Inbox, lead: Actor, bruno: User
) -> None:
    people(number, 1)
    written(draft(), lead)
    write(number, "stop")
    message = cast("Message", Recipient.objects.get().message)
    with pytest.raises(Conflict):
        retry_message(message=message, by=bruno.as_actor())
    assert delivery_states(message.conversation_id)[str(message.pk)]["can_retry"] is False


def test_no_waits_for_nobody_who_waits_for_it(
    draft: Draft, number: Inbox, lead: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One campaign's message waits to be sent, another's is being written: the order of locks is one."""
    people(number, 1)
    written(draft(), lead)
    row = Recipient.objects.select_related("identity__inbox", "contact", "campaign").get()
    other = begin(draft(name="Other"), lead)
    say, begun = writing._say, Event()

    def slowly(*args: Any) -> Message:
        begun.set()
        time.sleep(0.5)
        return say(*args)

    def stop() -> None:
        assert begun.wait(10)
        actions.unsubscribe(row)
        take_back(cast("int", row.identity_id))

    monkeypatch.setattr(writing, "_say", slowly)
    no_errors(together(partial(thrice, str(other.pk)), stop))
    assert set(Delivery.objects.values_list("error_code", flat=True)) == {Withdrawn.OPTED_OUT}


def test_answers_of_people_are_not_taken_back(number: Inbox, bruno: User) -> None:
    conversation = receive(inbox=number, sender=Sender(PHONE), text="Oi").conversation
    reply(conversation=conversation, text="Seu pedido chega hoje.", by=bruno.as_actor())
    write(number, "parar")
    assert set(Delivery.objects.values_list("status", flat=True)) == {"queued"}


def test_opting_out_counts_for_the_newest_campaign_and_once(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 1)
    older, newer = draft(name="Older"), draft(name="Newer")
    run(older, lead)
    run(newer, lead)
    write(number, "stop")
    first = Recipient.objects.get(campaign=newer).opted_out_at
    write(number, "parar")
    assert Recipient.objects.get(campaign=newer).opted_out_at == first
    assert Recipient.objects.get(campaign=older).opted_out_at is None
    assert Consent.objects.get().campaign == newer


@pytest.mark.parametrize("how", ["word", "link"])
def test_nothing_is_written_after_a_no_was_stored(draft: Draft, number: Inbox, lead: Actor, how: str) -> None:
    """Two at once, many times: the feeder, and a customer who has had enough."""
    for rnd in range(15):
        (contact,) = people(number, 1, start=rnd)
        identity = contact.identities.get()
        if how == "word" and rnd % 2:
            receive(inbox=number, sender=Sender(identity.external_id), text="Oi")
        rules = {"rules": [{"field": "name", "op": "is", "value": contact.name}]}
        campaign = begin(draft(segment=rules), lead)
        go_on(str(campaign.pk)) if rnd % 3 == 2 else None
        told: dict[str, Any] = {}

        def stop(identity: ContactIdentity = identity, told: dict[str, Any] = told) -> None:
            if how == "word":
                receive(inbox=number, sender=Sender(identity.external_id), text="stop", client_id=uuid4())
            else:
                actions.unsubscribe(Recipient(contact=identity.contact, identity=identity))
            told["at"] = timezone.now()

        no_errors(together(partial(thrice, str(campaign.pk)), stop))
        do_what_is_planned()
        assert has_opted_out(identity)
        row = Recipient.objects.get(campaign=campaign)
        if how == "link":
            # What was written before is taken back, and nothing is written after.
            assert not Delivery.objects.filter(message=row.message_id, status="queued").exists()
        elif row.message is not None:
            stopped = Message.objects.get(conversation=row.conversation, text="stop")
            assert row.message.seq < stopped.seq
        else:
            assert row.reason == "opted_out"


def test_who_notes_a_no_waits_for_the_message_that_is_being_written(
    draft: Draft, number: Inbox, lead: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(number, 1)
    receive(inbox=number, sender=Sender(PHONE), text="Oi")
    campaign = begin(draft(), lead)
    identity = ContactIdentity.objects.get()
    say, begun = writing._say, Event()

    def slowly(*args: Any) -> Message:
        message: Message = say(*args)
        begun.set()
        time.sleep(0.7)
        return message

    def stop() -> None:
        assert begun.wait(10)
        actions.unsubscribe(Recipient(contact=identity.contact, identity=identity))
        assert Message.objects.filter(direction="out").exists()

    monkeypatch.setattr(writing, "_say", slowly)
    no_errors(together(lambda: [go_on(str(campaign.pk)) for _n in range(3)], stop))
    do_what_is_planned()
    assert Delivery.objects.get().error_code == "opted_out"


def tell(inbox: Inbox, payload: dict[str, Any]) -> None:
    """The provider tells something, and what was planned for it is done."""
    body = json.dumps(payload).encode()
    event = InboundEvent.objects.create(inbox=inbox, provider_event_id=uuid4().hex, body=body, headers={})
    assert take_in(event) == Verdict.DONE, event.detail
    do_what_is_planned()


def webhook(value: dict[str, Any]) -> dict[str, Any]:
    """A change at the number of the tests, as WhatsApp tells it."""
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", **value}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [change]}]}


def failed_status(code: int) -> dict[str, Any]:
    """WhatsApp's word that it did not deliver the only message there is."""
    return {
        "id": "wamid.1",
        "status": "failed",
        "timestamp": "1749416383",
        "recipient_id": PHONE,
        "biz_opaque_callback_data": Delivery.objects.get().key,
        "errors": [{"code": code}],
    }


def preference(value: str, at: int) -> dict[str, Any]:
    """What somebody chose in their app, as WhatsApp tells it."""
    payload = fixture("preference")
    payload["entry"][0]["changes"][0]["value"]["user_preferences"][0] |= {"value": value, "timestamp": at}
    return payload


def test_choice_made_in_the_customers_app_counts_and_is_not_answered(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    sheena = people(number, 1)[0].identities.get()
    ContactIdentity.objects.update(external_id="16505551234")
    campaign = begin(draft(), lead)
    thrice(str(campaign.pk))
    tell(number, preference("stop", 1_749_416_383))
    consent = Consent.objects.get()
    assert (consent.state, consent.source) == (ConsentState.WITHDRAWN, ConsentSource.PROVIDER)
    assert Delivery.objects.get().error_code == Withdrawn.OPTED_OUT
    assert Recipient.objects.get().opted_out_at
    assert said(number) == []
    tell(number, preference("resume", 1_749_416_999))
    assert Consent.objects.get().state == ConsentState.GIVEN
    assert not has_opted_out(ContactIdentity.objects.get(pk=sheena.pk))


def test_refusal_for_their_sake_is_a_no_for_all_that_comes(
    draft: Draft, number: Inbox, second: Inbox, lead: Actor
) -> None:
    maria = people(number, 1)[0]
    first = run(draft(), lead)
    other = ContactIdentity.objects.create(inbox=second, contact=maria, external_id="5511900000001")
    tell(number, webhook({"statuses": [failed_status(131050)]}))
    consent = Consent.objects.get()
    assert (consent.state, consent.source) == (ConsentState.WITHDRAWN, ConsentSource.PROVIDER)
    assert has_opted_out(other)
    # They had said it before, so it is nothing that this campaign did.
    assert not Recipient.objects.get(campaign=first).opted_out_at
    later = run(draft(name="New year"), lead)
    assert states(later) == {"Maria 0": "opted_out"}


def test_other_failures_are_no_word_of_theirs(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 1)
    run(draft(), lead)
    tell(number, webhook({"statuses": [failed_status(131049)]}))
    assert Delivery.objects.get().status == "failed"
    assert not Consent.objects.exists()
    assert not planned("campaigns.take_back")
