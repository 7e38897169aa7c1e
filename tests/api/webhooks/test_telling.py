"""What is told of what happens: by which name, in which shape, and to whom."""

import json
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Team, User
from api.actions import sweeping
from api.actions.bodies import LARGEST
from api.actions.sweeping import remove_old
from api.actions.telling import tell_some
from api.actions.webhooks import change_webhook, create_webhook, delete_webhook
from api.enums import CallStatus, EventName
from api.models import Webhook, WebhookAttempt, WebhookCall, WebhookEvent
from api.queries import conversations_for, messages_for
from api.shown.common import ConversationSerializer, MessageSerializer
from campaigns.enums import CampaignStatus
from campaigns.models import Campaign
from conversations.actions import (
    assign,
    erase_contact,
    hand_back,
    hand_over,
    note,
    receive,
    reopen,
    reply,
    resolve,
    set_priority,
)
from conversations.actions.changes import edit, react, take_back
from conversations.actions.identities import merge_contacts, split_identity
from conversations.actions.receipts import write as write_delivery
from conversations.enums import DeliveryStatus, Priority
from conversations.exchange import Deleted, Edited, Incoming, Reacted, Sender
from conversations.models import Contact, Conversation, Delivery, Inbox
from core.actor import Actor, ActorKind
from core.errors import Forbidden, Invalid
from tests.api.conftest import put_up
from tests.api.webhooks.conftest import ADMIN, begun, tell, write
from tests.conversations.test_locks import meanwhile, meeting
from tickets.actions import create_ticket, update_ticket
from tickets.enums import TicketStatus
from tickets.models import TicketEvent

pytestmark = pytest.mark.django_db
NOWHERE = "https://shop.example/hooks"


@pytest.fixture
def everything(db: None) -> Webhook:
    return create_webhook(by=ADMIN, url=NOWHERE, events=["*", "note.created"])[0]


def told(webhook: Webhook) -> list[dict[str, Any]]:
    """What the webhook is to be told, in order."""
    tell()
    rows = WebhookCall.objects.filter(webhook=webhook).order_by("event").select_related("event")
    return [json.loads(row.event.body) for row in rows]


def names(webhook: Webhook, about: str = "") -> list[str]:
    return [each["type"] for each in told(webhook) if each["type"].startswith(about)]


# --- Names -----------------------------------------------------------------------------------------------
def test_conversations_life_is_told_by_the_names_of_what_happens(
    conversation: Conversation, everything: Webhook, bruno: User, other_team: Team
) -> None:
    by = bruno.as_actor()
    note(conversation=conversation, by=by, text="VIP")
    reply(conversation=conversation, by=by, text="Olá")
    set_priority(conversation=conversation, by=by, priority=40)
    resolve(conversation=conversation, by=by)
    set_priority(conversation=conversation, by=by, priority=20)
    reopen(conversation=conversation, by=by)
    hand_back(conversation=conversation, by=by)
    hand_over(conversation=conversation, by=ADMIN, reason="wants a person", notice=False)
    assign(conversation=conversation, by=by, to=bruno)
    assign(conversation=conversation, by=by, to=None, team=other_team)
    assert names(everything) == [
        "note.created",
        "conversation.assigned",
        "message.created",
        "conversation.updated",
        "conversation.resolved",
        "conversation.updated",
        "conversation.reopened",
        "conversation.assigned",
        "conversation.handed_over",
        "conversation.assigned",
        "conversation.assigned",
    ]


def test_newcomer_begins_a_conversation(inbox: Inbox, everything: Webhook) -> None:
    write(inbox, "Oi")
    assert names(everything) == ["contact.created", "conversation.created", "message.created"]


def test_ticket_is_told_by_its_history(conversation: Conversation, everything: Webhook, bruno: User) -> None:
    ticket = create_ticket(by=ADMIN, subject="Pedido atrasado", conversation=conversation)
    update_ticket(ticket=ticket, by=ADMIN, assignee=bruno)
    update_ticket(ticket=ticket, by=ADMIN, status=TicketStatus.SOLVED)
    update_ticket(ticket=ticket, by=ADMIN, status=TicketStatus.CLOSED)
    found = told(everything)
    assert [each["type"] for each in found] == [
        "ticket.created",
        "ticket.updated",
        "ticket.resolved",
        "ticket.updated",
    ]
    assert [each["data"]["seq"] for each in found] == [1, 2, 3, 4]
    assert found[1]["data"]["changes"]["assignee"] == {"from": None, "to": "Bruno"}
    assert found[0]["data"]["ticket_id"] == found[0]["data"]["ticket"]["id"] == str(ticket.pk)


def test_customer_is_told_when_they_change_and_are_merged(
    davi: Contact, everything: Webhook, inbox: Inbox
) -> None:
    Contact.objects.filter(pk=davi.pk).update(phone="+5511999990001")
    davi.refresh_from_db()
    davi.save()
    other = begun(inbox, "eva").contact
    merge_contacts(keep=davi, other=other, by=ADMIN)
    found = [each for each in told(everything) if each["type"].startswith("contact.")]
    assert [each["type"] for each in found] == ["contact.updated", "contact.created", "contact.merged"]
    assert found[2]["data"]["merged_id"] == str(other.pk)
    assert found[2]["data"]["contact_id"] == found[2]["data"]["contact"]["id"] == str(davi.pk)


def test_campaign_is_told_when_it_is_made_and_when_its_state_changes(team: Team, everything: Webhook) -> None:
    campaign = put_up(team, name="Natal")
    Campaign.objects.update(status=CampaignStatus.CANCELLED, finished_at=timezone.now())
    Campaign.objects.update(brief="nothing that a program waits for")
    found = [each for each in told(everything) if each["type"].startswith("campaign.")]
    assert [each["type"] for each in found] == ["campaign.created", "campaign.updated"]
    assert found[1]["data"]["campaign"]["status"] == "cancelled"
    assert found[1]["data"]["campaign_id"] == str(campaign.pk)


def test_message_that_does_not_arrive_is_told_with_its_reason(
    letter: Conversation, everything: Webhook, bruno: User
) -> None:
    message = reply(conversation=letter, by=ADMIN, text="Here it is")
    delivery = Delivery.objects.get(message=message)
    write_delivery(delivery, status=DeliveryStatus.FAILED, error="not a number")
    (found,) = [each for each in told(everything) if each["type"] == "delivery.failed"]
    assert found["data"]["error"] == "not a number"
    assert found["data"]["message"]["id"] == str(message.pk)


def test_change_and_reaction_are_told_with_the_message(post: Inbox, everything: Webhook) -> None:
    eva = Sender("eva", name="Eva")
    receive(inbox=post, sender=eva, text="Is it her?", external_id="m-1")
    edit(post, Edited("m-1", "Is it here?", sender=eva))
    react(post, Reacted("m-1", eva, "👍"))
    found = [each for each in told(everything) if each["type"].startswith("message.")]
    assert [each["type"] for each in found] == ["message.created", "message.updated", "message.reacted"]
    assert found[2]["data"]["message"]["reactions"] == {"👍": ["Eva"]}


# --- Shapes ------------------------------------------------------------------------------------------------
def test_what_is_told_has_the_shape_of_the_api(
    conversation: Conversation, everything: Webhook, bruno: User
) -> None:
    message = reply(conversation=conversation, by=bruno.as_actor(), text="Olá")
    assigned, written = told(everything)
    shown = MessageSerializer(messages_for(ADMIN).get(pk=message.pk)).data
    assert written["data"]["message"] == json.loads(json.dumps(shown))
    assert written["data"]["seq"] == message.seq
    whole = conversations_for(ADMIN).get(pk=conversation.pk)
    state = ConversationSerializer(whole).data
    assert assigned["data"]["conversation"] == json.loads(json.dumps(state))
    assert assigned["data"]["by"] == {"kind": "operator", "name": "Bruno"}
    assert set(assigned) == {"type", "timestamp", "data"}


def test_long_message_is_cut_and_says_where_the_whole_is(
    conversation: Conversation, everything: Webhook, settings: Any
) -> None:
    message = reply(conversation=conversation, by=ADMIN, text="çã" * 5_000)
    tell()
    row = WebhookEvent.objects.get(name="message.created")
    data = json.loads(row.body)["data"]
    assert len(row.body.encode()) < LARGEST
    assert data["truncated"] is True
    assert data["url"] == f"{settings.PUBLIC_URL}/api/v1/messages/{message.pk}"
    assert data["message"]["text"].startswith("çãçã")
    assert data["message"]["id"] == str(message.pk)


def test_message_that_fits_is_not_marked(conversation: Conversation, everything: Webhook) -> None:
    reply(conversation=conversation, by=ADMIN, text="Olá")
    assert "truncated" not in told(everything)[-1]["data"]


# --- To whom ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("events", "heard"),
    [
        (["*"], ["message.created", "conversation.resolved"]),
        (["*", "note.created"], ["note.created", "message.created", "conversation.resolved"]),
        (["message.created"], ["message.created"]),
        (["conversation.*"], ["conversation.resolved"]),
        (["note.*"], ["note.created"]),
        (["ticket.*"], []),
    ],
)
def test_webhook_hears_what_its_filter_names_and_notes_by_name_only(
    conversation: Conversation, events: list[str], heard: list[str]
) -> None:
    webhook = create_webhook(by=ADMIN, url=NOWHERE, events=events)[0]
    note(conversation=conversation, by=ADMIN, text="VIP")
    key = Actor(ActorKind.API_KEY, "1", "Shop", is_admin=True)
    reply(conversation=conversation, by=key, text="Olá")
    resolve(conversation=conversation, by=ADMIN)
    found = [name for name in names(webhook) if name != "conversation.assigned"]
    assert [name for name in found if name != "conversation.updated"] == heard


def test_webhook_of_a_team_hears_what_its_teams_may_see(
    conversation: Conversation, inbox: Inbox, team: Team, other_team: Team, bruno: User
) -> None:
    theirs = create_webhook(by=ADMIN, url=NOWHERE, teams=[team])[0]
    others = create_webhook(by=ADMIN, url=NOWHERE, teams=[other_team])[0]
    write(inbox, "Oi")
    ticket = create_ticket(by=ADMIN, subject="Pedido", conversation=conversation)
    put_up(team, name="Natal")
    begun(inbox, "eva")
    heard = names(theirs)
    assert {name.partition(".")[0] for name in heard} == {
        "message", "ticket", "campaign", "conversation", "contact",
    }  # fmt: skip
    assert names(others) == []
    assign(conversation=conversation, by=ADMIN, to=None, team=other_team)
    update_ticket(ticket=ticket, by=ADMIN, team=other_team)
    before = len(heard)
    assert names(others) == ["conversation.assigned", "ticket.updated"]
    assert len(names(theirs)) == before


def test_webhook_whose_last_team_is_gone_hears_of_no_team(
    conversation: Conversation, inbox: Inbox, other_team: Team
) -> None:
    webhook = create_webhook(by=ADMIN, url=NOWHERE, teams=[other_team])[0]
    other_team.delete()
    write(inbox, "Oi")
    assert told(webhook) == []


# --- Noted with the deed, or not at all ---------------------------------------------------------------------
def test_nothing_is_noted_while_nobody_listens(inbox: Inbox) -> None:
    webhook = create_webhook(by=ADMIN, url=NOWHERE)[0]
    change_webhook(webhook=webhook, by=ADMIN, is_active=False)
    begun(inbox, "davi")
    assert not WebhookEvent.objects.exists()


def test_what_is_undone_is_not_told(conversation: Conversation, everything: Webhook) -> None:
    class Undo(Exception):
        pass

    def begin_and_fail() -> None:
        with transaction.atomic():
            resolve(conversation=conversation, by=ADMIN)
            assert WebhookEvent.objects.exists()
            raise Undo

    with pytest.raises(Undo):
        begin_and_fail()
    assert not WebhookEvent.objects.exists()


def test_what_is_written_past_our_actions_is_noted_as_well(davi: Contact, everything: Webhook) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE conversations_contact SET name = 'Davi Dias' WHERE id = %s", [davi.pk])
    (found,) = told(everything)
    assert (found["type"], found["data"]["contact"]["name"]) == ("contact.updated", "Davi Dias")


def test_what_nobody_wants_leaves_no_trace(inbox: Inbox, conversation: Conversation) -> None:
    create_webhook(by=ADMIN, url=NOWHERE, events=["ticket.*"])
    write(inbox, "Oi")
    assert WebhookEvent.objects.exists()
    tell()
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("number", [1, 50])
def test_many_events_are_told_in_a_few_queries(
    conversation: Conversation, everything: Webhook, number: int, django_assert_max_num_queries: Any
) -> None:
    inbox, team = conversation.inbox, conversation.inbox.team
    assert team is not None
    create_webhook(by=ADMIN, url=NOWHERE, teams=[team])
    for count in range(number):
        write(inbox, f"Oi {count}")
        note(conversation=conversation, by=ADMIN, text="VIP")
        Contact.objects.update(phone=f"+551199999{count:04}")
    with django_assert_max_num_queries(32):
        tell_some()
    assert WebhookCall.objects.count() == number * 5


# --- What is erased -----------------------------------------------------------------------------------------
def test_what_is_erased_is_not_told_and_stays_in_no_log(
    conversation: Conversation, inbox: Inbox, everything: Webhook, davi: Contact
) -> None:
    write(inbox, "my secret")
    create_ticket(by=ADMIN, subject="my secret", conversation=conversation).delete()
    tell()
    write(inbox, "another secret")
    call = WebhookCall.objects.earliest("pk")
    WebhookAttempt.objects.create(call=call, at=call.created_at, duration_ms=1)
    conversation.delete()
    davi.delete()
    tell()
    assert not WebhookEvent.objects.exists()
    assert not WebhookAttempt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_while_it_is_told_of_them_is_erased(davi: Contact, everything: Webhook) -> None:
    """Found by `make contract`: the calls were not there yet when the erasing looked for them."""
    Contact.objects.filter(pk=davi.pk).update(name="Davi Secreto")
    with meeting(
        WebhookEvent.objects.all(), tell_some, lambda: erase_contact(contact=davi, by=ADMIN)
    ) as both:
        assert [each.result() for each in both] == [1, True]
    assert not WebhookEvent.objects.exists()
    assert not WebhookCall.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_telling_that_meets_an_erasing_halfway_ends_in_no_deadlock(
    conversation: Conversation, everything: Webhook, davi: Contact
) -> None:
    """What was noted of the customer is older than what was noted of the conversation, which goes first."""
    Contact.objects.filter(pk=davi.pk).update(name="Davi Secreto")
    set_priority(conversation=conversation, priority=Priority.HIGH, by=ADMIN)
    _told, waited = meanwhile(conversation.delete, tell_some, davi.delete)
    assert waited
    assert not WebhookEvent.objects.exists()
    assert not WebhookCall.objects.exists()


def test_customer_who_is_erased_stays_in_no_log_of_their_tickets(
    conversation: Conversation, everything: Webhook, davi: Contact, inbox: Inbox
) -> None:
    """The tickets stay, and what happens to them from now on is told."""
    Contact.objects.filter(pk=davi.pk).update(name="Davi Secreto", email="davi@secret.example")
    ticket = create_ticket(by=ADMIN, subject="Pedido", conversation=conversation)
    other = create_ticket(by=ADMIN, subject="Outro", conversation=begun(inbox, "eva"))
    assert "davi@secret.example" in json.dumps(told(everything))
    update_ticket(ticket=ticket, by=ADMIN, subject="Pedido 2")
    erase_contact(contact=davi, by=ADMIN)
    tell()
    bodies = list(WebhookEvent.objects.values_list("body", flat=True))
    assert not [body for body in bodies if "secret" in body.lower()]
    assert set(WebhookCall.objects.filter(event__topic="ticket").values_list("subject", flat=True)) == {
        other.pk
    }
    ticket.refresh_from_db()
    update_ticket(ticket=ticket, by=ADMIN, subject="Pedido 3")
    last = told(everything)[-1]["data"]["ticket"]
    assert (last["subject"], last["requester"]) == ("Pedido 3", None)


def test_customer_who_is_erased_after_a_split_stays_in_no_log_of_the_other(
    conversation: Conversation, everything: Webhook, davi: Contact, inbox: Inbox
) -> None:
    """While two were taken for one, what happened to either was told under one name."""
    Contact.objects.filter(pk=davi.pk).update(name="Davi Secreto", email="davi@secret.example")
    theirs = begun(inbox, "eva")
    tickets = [
        create_ticket(by=ADMIN, subject="Pedido", conversation=each) for each in (conversation, theirs)
    ]
    merge_contacts(keep=davi, other=theirs.contact, by=ADMIN)
    for ticket in tickets:
        update_ticket(ticket=ticket, by=ADMIN, subject="Outro")
    note(conversation=theirs, by=ADMIN, text="VIP")
    set_priority(conversation=theirs, by=ADMIN, priority=40)
    about = {each["data"].get("ticket_id") for each in told(everything) if "secret" in json.dumps(each)}
    assert about >= {str(ticket.pk) for ticket in tickets}
    eva = split_identity(identity=theirs.identity, by=ADMIN)
    erase_contact(contact=davi, by=ADMIN)
    tell()
    logs = [*WebhookEvent.objects.values_list("body", flat=True)]
    logs += [str(row) for row in TicketEvent.objects.values_list("actor_name", "text", "changes")]
    assert not [each for each in logs if "secret" in each.lower()]
    tickets[1].refresh_from_db()
    assert (Contact.objects.get(), tickets[1].requester) == (eva, eva)
    update_ticket(ticket=tickets[1], by=ADMIN, subject="Mais um")
    assert told(everything)[-1]["data"]["ticket"]["requester"]["id"] == str(eva.pk)


def test_message_that_its_author_took_back_is_told_without_its_words(
    post: Inbox, everything: Webhook
) -> None:
    eva = Sender("eva", name="Eva")
    receive(inbox=post, sender=eva, text="my secret", external_id="m-1")
    receive(inbox=post, sender=eva, text='said “"that\\”', origin=Incoming("m-2", eva, reply_to="m-1"))
    before = told(everything)
    assert json.dumps(before).count("my secret") > 2
    take_back(post, Deleted("m-1", sender=eva))
    found = told(everything)
    assert "my secret" not in json.dumps(found)
    # What answered it is told all the same.
    assert [each["data"]["message"]["text"] for each in found if "message" in each["data"]] == [
        'said “"that\\”',
        "",
    ]
    assert found[-1]["type"] == "message.updated"
    assert found[-1]["data"]["message"]["deleted_at"]


def test_log_is_kept_for_its_days(inbox: Inbox, everything: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "AT_ONCE", 1)
    begun(inbox, "davi")
    tell()
    WebhookCall.objects.update(status=CallStatus.DELIVERED, ended_at="2020-01-01T00:00:00Z")
    young = WebhookCall.objects.latest("pk")
    WebhookCall.objects.filter(pk=young.pk).update(ended_at=young.created_at)
    WebhookEvent.objects.update(happened_at="2020-01-01T00:00:00Z")
    remove_old()
    assert list(WebhookCall.objects.all()) == [young]
    assert list(WebhookEvent.objects.all()) == [young.event]


def test_deleted_webhook_takes_its_calls_along(inbox: Inbox, everything: Webhook) -> None:
    begun(inbox, "davi")
    tell()
    delete_webhook(webhook=everything, by=ADMIN)
    assert not WebhookCall.objects.exists()


# --- Setting up ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        {"url": "ftp://shop.example/"},
        {"url": "https://me:secret@shop.example/"},
        {"url": "not an address"},
        {"events": []},
        {"events": ["message.create"]},
        {"events": ["ping"]},
    ],
)
def test_what_cannot_be_called_or_told_is_refused(everything: Webhook, change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        create_webhook(by=ADMIN, **{"url": NOWHERE, **change})
    with pytest.raises(Invalid):
        change_webhook(webhook=everything, by=ADMIN, **change)


def test_only_administrators_set_webhooks_up(everything: Webhook, bruno: User) -> None:
    with pytest.raises(Forbidden):
        create_webhook(by=bruno.as_actor(), url=NOWHERE)
    with pytest.raises(Forbidden):
        delete_webhook(webhook=everything, by=bruno.as_actor())


def test_secret_is_unreadable_in_the_database(everything: Webhook) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM api_webhook")
        (stored,) = cursor.fetchone()
    assert everything.secrets[0]["secret"].startswith("whsec_")
    assert everything.secrets[0]["secret"] not in stored


def test_every_event_is_described() -> None:
    assert all(name.label for name in EventName)
