"""The link in a message: only asked for by looking, done by a click, and good for its own reader alone."""

import re
from collections.abc import Callable

import pytest
from django.core import mail, signing
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext

from campaigns import actions
from campaigns.actions import Wording
from campaigns.actions.consent import SALT, unsubscribe_token
from campaigns.actions.importing import give_list, read_some
from campaigns.models import Campaign, Consent, Recipient
from campaigns.queries.consents import has_opted_out
from conversations.models import Contact, ContactIdentity, Conversation, Delivery, Inbox, Message
from core.actor import Actor
from tests.campaigns.lines import run, states

pytestmark = pytest.mark.django_db(transaction=True)
CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def sent(mailbox: Inbox, lead: Actor) -> Campaign:
    """A mail to two customers."""
    readers(mailbox, "ana", "bia")
    wording = Wording(text="Oi {{first_name}}: {{unsubscribe}}", subject="News for {{first_name}}")
    campaign = actions.create_campaign(
        by=lead, inbox=mailbox, name="News", wordings=[wording], per_minute=10_000
    )
    return run(campaign, lead)


def readers(mailbox: Inbox, *names: str) -> None:
    for name in names:
        contact = Contact.objects.create(name=name.title(), email=f"{name}@example.com", locale="es")
        ContactIdentity.objects.create(inbox=mailbox, contact=contact, external_id=contact.email)


def link_to(name: str) -> str:
    """The path that stands in somebody's message."""
    text = Message.objects.get(conversation__contact__name=name).text
    found = re.search(r"https?://[^/]+(/unsubscribe/\S+)", text)
    assert found
    return found[1]


def opted_out() -> set[str]:
    return {row.contact.name for row in ContactIdentity.objects.all() if has_opted_out(row)}


def test_mail_has_a_link_of_its_own_for_each_reader(sent: Campaign) -> None:
    assert states(sent) == {"Ana": "written", "Bia": "written"}
    assert link_to("Ana") != link_to("Bia")
    details = Message.objects.get(conversation__contact__name="Ana").details
    assert details["unsubscribe"].endswith(link_to("Ana"))
    assert Conversation.objects.get(contact__name="Ana").subject == "News for Ana"
    assert len(mail.outbox) == 0


def test_looking_changes_nothing(sent: Campaign, client: Client) -> None:
    for method in (client.get, client.head):
        assert method(link_to("Ana")).status_code == 200
    assert opted_out() == set()
    assert not Consent.objects.exists()


@pytest.mark.parametrize("data", [{}, CLICK], ids=["button", "mail program"])
def test_click_takes_them_at_their_word_and_twice_is_as_once(sent: Campaign, data: dict[str, str]) -> None:
    # Neither a cookie nor a token of ours: the mail program has none.
    client = Client(enforce_csrf_checks=True)
    for _time in range(2):
        response = client.post(link_to("Ana"), data)
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        assert response["Referrer-Policy"] == "no-referrer"
    assert opted_out() == {"Ana"}
    row = Recipient.objects.get(contact__name="Ana")
    assert row.opted_out_at is not None
    assert Consent.objects.get().campaign == sent
    before = row.opted_out_at
    client.post(link_to("Ana"), data)
    row.refresh_from_db()
    assert row.opted_out_at == before


@pytest.mark.parametrize(
    "change",
    [lambda token: token[:-1], lambda token: "x" + token, lambda _: "nonsense", lambda token: token + "a"],
)
def test_forged_link_leads_nowhere(sent: Campaign, client: Client, change: Callable[[str], str]) -> None:
    token = link_to("Ana").rstrip("/").rpartition("/")[2]
    for method in (client.get, client.post):
        assert method(f"/unsubscribe/{change(token)}/").status_code == 404
    assert opted_out() == set()


@pytest.mark.parametrize("content", [[1], [], "x", {"a": 1}, ["x", "y"], [None, None], [1, 2, 3], [[], []]])
def test_signed_nonsense_leads_nowhere(sent: Campaign, client: Client, content: object) -> None:
    token = signing.dumps(content, salt=SALT)
    assert client.post(f"/unsubscribe/{token}/").status_code == 404


def test_signature_of_something_else_is_none(sent: Campaign, client: Client) -> None:
    row = Recipient.objects.get(contact__name="Ana")
    token = signing.dumps([row.pk, row.identity_id], salt="other")
    assert client.post(f"/unsubscribe/{token}/").status_code == 404


def test_link_outlives_its_campaign(sent: Campaign, client: Client, lead: Actor) -> None:
    path = link_to("Ana")
    actions.delete_campaign(campaign=sent, by=lead)
    assert client.get(path).status_code == 200
    assert client.post(path, CLICK).status_code == 200
    assert opted_out() == {"Ana"}


def test_link_of_an_erased_customer_leads_nowhere(sent: Campaign, client: Client) -> None:
    path = link_to("Ana")
    Conversation.objects.filter(contact__name="Ana").delete()
    Contact.objects.get(name="Ana").delete()
    assert client.post(path).status_code == 404


def test_page_speaks_the_customers_language(sent: Campaign, client: Client) -> None:
    spanish = client.get(link_to("Ana")).content
    Contact.objects.update(locale="en")
    assert client.get(link_to("Ana")).content != spanish
    assert 'lang="es"' in spanish.decode()


def test_next_campaign_leaves_them_out(sent: Campaign, client: Client, mailbox: Inbox, lead: Actor) -> None:
    client.post(link_to("Ana"))
    wording = Wording(text="{{unsubscribe}}", subject="More")
    again = actions.create_campaign(by=lead, inbox=mailbox, name="More", wordings=[wording])
    assert states(run(again, lead)) == {"Ana": "opted_out", "Bia": "written"}


def test_each_mail_is_a_conversation_of_its_own_once(sent: Campaign, mailbox: Inbox, lead: Actor) -> None:
    wording = Wording(text="{{unsubscribe}}", subject="More")
    run(actions.create_campaign(by=lead, inbox=mailbox, name="More", wordings=[wording]), lead)
    assert Conversation.objects.count() == Message.objects.count() == Delivery.objects.count() == 4
    assert set(Conversation.objects.values_list("status", flat=True)) == {"resolved"}


@pytest.mark.parametrize("language", ["en", "pt-br", "es"])
def test_link_of_a_test_says_so_and_changes_nothing(
    mailbox: Inbox, lead: Actor, client: Client, language: str
) -> None:
    readers(mailbox, "ana")
    wording = Wording(text="{{unsubscribe}}", subject="News")
    campaign = actions.create_campaign(by=lead, inbox=mailbox, name="News", wordings=[wording])
    to = ContactIdentity.objects.get()
    actions.send_test(campaign=campaign, variant=campaign.variants.get(), to=to, by=lead)
    with translation.override(language):
        told = gettext("This was a test")
    for answer in (
        client.get(link_to("Ana"), headers={"accept-language": language}),
        Client(enforce_csrf_checks=True).post(link_to("Ana"), CLICK, headers={"accept-language": language}),
    ):
        assert answer.status_code == 200
        assert f"<h1>{told}</h1>" in answer.content.decode()
        assert "<form" not in answer.content.decode()
        assert answer["Cache-Control"] == "no-store"
    assert not Recipient.objects.exists()
    assert not Consent.objects.exists()


def test_column_of_a_list_cannot_take_the_links_place(mailbox: Inbox, lead: Actor) -> None:
    wording = Wording(text="Oi {{unsubscribe}}", subject="News")
    campaign = actions.create_campaign(by=lead, inbox=mailbox, name="News", wordings=[wording])
    upload = give_list(campaign=campaign, data=b"email;unsubscribe\nana@example.com;no\n", by=lead)
    read_some(upload.pk)
    run(campaign, lead)
    row = Recipient.objects.get()
    assert unsubscribe_token(row) in Message.objects.get().text
