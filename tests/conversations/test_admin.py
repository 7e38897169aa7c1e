"""The spine in the admin: found and read, never edited behind the back of the actions."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import Team, User
from conversations.actions import Sender, add_attachment, note, receive, reply, take_over
from conversations.models import Attachment, Contact, ContactIdentity, Conversation, Event, Inbox, Message
from conversations.queries.wire import Reader, attachment_url
from tests.conversations.test_attachments import WHO, upload

LISTS = ["inbox", "contact", "conversation", "message", "event", "attachment"]
HISTORY = ["conversation", "message", "event", "attachment"]
MODELS = {
    model._meta.model_name: model for model in (Inbox, Contact, Conversation, Message, Event, Attachment)
}


@pytest.fixture
def as_ana(client: Client, ana: User) -> Client:
    client.force_login(ana)
    return client


def fill(inbox: Inbox, number: int, by: User) -> Conversation:
    """A conversation with a message, a file, a note and an assignee."""
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(name=f"f{number}.png"))
    conversation = receive(
        inbox=inbox, sender=Sender(f"c{number}", name=f"Customer {number}", email=f"c{number}@example.com"),
        text=f"question {number}", attachment_ids=[row.pk], uploader=WHO,
    ).conversation  # fmt: skip
    note(conversation=conversation, text=f"secret {number}", by=by.as_actor())
    take_over(conversation=conversation, by=by.as_actor())
    return conversation


def of(model: str, page: str = "changelist", *arguments: object) -> str:
    return reverse(f"admin:conversations_{model}_{page}", args=arguments)


def row_of(model: str) -> Any:
    return MODELS[model]._default_manager.order_by("pk").first()


@pytest.mark.parametrize("model", LISTS)
def test_list_asks_as_much_for_three_as_for_one(
    *, as_ana: Client, inbox: Inbox, team: Team, bruno: User, model: str, django_assert_max_num_queries: Any
) -> None:
    def queries() -> int:
        with django_assert_max_num_queries(16) as captured:
            assert as_ana.get(of(model)).status_code == 200
        return len(captured)

    fill(inbox, 1, bruno)
    queries()
    one = queries()
    for number in (2, 3):
        fill(Inbox.objects.create(name=f"I{number}", team=team), number, bruno)
    assert queries() == one


@pytest.mark.parametrize("model", LISTS)
def test_row_opens_and_says_what_it_is(as_ana: Client, inbox: Inbox, bruno: User, model: str) -> None:
    fill(inbox, 1, bruno)
    row = row_of(model)
    page = as_ana.get(of(model, "change", row.pk))
    assert page.status_code == 200
    assert str(row) in page.context["subtitle"]


@pytest.mark.parametrize("model", LISTS)
def test_visitor_is_asked_to_log_in(client: Client, db: None, model: str) -> None:
    answer = client.get(of(model))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("model", HISTORY)
def test_history_is_read_by_administrators_only(
    client: Client, bruno: User, clara: User, conversation: Conversation, model: str
) -> None:
    """The lists know no teams: whoever reads them reads every team's customers."""
    for user in (bruno, clara):
        client.force_login(user)
        assert client.get(of(model)).status_code == 403


@pytest.mark.parametrize("model", HISTORY)
def test_history_is_added_changed_and_deleted_by_nobody(
    as_ana: Client, inbox: Inbox, bruno: User, model: str
) -> None:
    fill(inbox, 1, bruno)
    row = row_of(model)
    before = MODELS[model]._default_manager.values().get(pk=row.pk)
    assert as_ana.get(of(model, "add")).status_code == 403
    assert as_ana.post(of(model, "add"), {"text": "forged"}).status_code == 403
    assert as_ana.post(of(model, "change", row.pk), {"text": "forged", "name": "forged"}).status_code == 403
    assert as_ana.post(of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    as_ana.post(of(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert MODELS[model]._default_manager.values().get(pk=row.pk) == before


@pytest.mark.parametrize("codename", ["view", "add", "change", "delete"])
def test_permission_to_change_history_gives_only_the_sight_of_it(
    client: Client, conversation: Conversation, clara: User, codename: str
) -> None:
    clara.user_permissions.add(Permission.objects.get(codename=f"{codename}_message"))
    client.force_login(clara)
    message = Message.objects.get()
    client.post(of("message", "change", message.pk), {"text": "forged"})
    client.post(of("message", "delete", message.pk), {"post": "yes"})
    assert Message.objects.get().text == message.text


@pytest.mark.parametrize(
    ("model", "words", "found"),
    [
        ("inbox", "Shop", 1),
        ("contact", "c1@example.com", 1),
        ("contact", "Customer", 2),
        ("conversation", "question 2", 1),
        ("conversation", "c2@example.com", 1),
        ("message", "secret", 2),
        ("event", "Bruno", 2),
        ("attachment", "f1", 1),
        ("attachment", "nothing", 0),
    ],
)
def test_search_finds(
    *, as_ana: Client, inbox: Inbox, bruno: User, model: str, words: str, found: int
) -> None:
    for number in (1, 2):
        fill(inbox, number, bruno)
    assert as_ana.get(of(model), {"q": words}).context["cl"].result_count == found


def test_contact_is_found_by_what_a_channel_calls_them_once(as_ana: Client, inbox: Inbox) -> None:
    contact = receive(inbox=inbox, sender=Sender("visitor-77"), text="x").conversation.contact
    ContactIdentity.objects.create(inbox=inbox, external_id="visitor-78", contact=contact)
    page = as_ana.get(of("contact"), {"q": "visitor-7"})
    assert list(page.context["cl"].result_list) == [contact]


@pytest.mark.parametrize(
    ("model", "filters", "found"),
    [
        ("conversation", {"status__exact": "open"}, 2),
        ("conversation", {"status__exact": "bot"}, 0),
        ("message", {"direction__exact": "note"}, 2),
        ("message", {"author_kind__exact": "contact"}, 2),
        ("message", {"validated_by__exact": "human"}, 0),
        ("event", {"is_internal__exact": "1"}, 2),
        ("event", {"type__exact": "conversation.updated"}, 2),
        ("inbox", {"is_active__exact": "0"}, 0),
    ],
)
def test_filters_narrow(
    *, as_ana: Client, inbox: Inbox, bruno: User, model: str, filters: dict[str, str], found: int
) -> None:
    for number in (1, 2):
        fill(inbox, number, bruno)
    assert as_ana.get(of(model), filters).context["cl"].result_count == found


def test_contacts_show_how_often_they_wrote(
    as_ana: Client, conversation: Conversation, davi: Contact
) -> None:
    identity = davi.identities.get()
    Conversation.objects.create(inbox=conversation.inbox, contact=davi, identity=identity)
    page = as_ana.get(of("contact")).content.decode()
    assert 'class="field-conversation_count">2<' in page


def test_contact_s_page_shows_identities_and_changes_none(as_ana: Client, davi: Contact) -> None:
    identity = davi.identities.get()
    page = as_ana.get(of("contact", "change", davi.pk)).content.decode()
    assert ">davi<" in page
    form = {
        "name": "Davi D.", "email": "", "phone": "", "locale": "",
        "identities-TOTAL_FORMS": "1", "identities-INITIAL_FORMS": "1", "identities-0-id": identity.pk,
        "identities-0-external_id": "mallory", "identities-0-is_verified": "on",
    }  # fmt: skip
    assert as_ana.post(of("contact", "change", davi.pk), form).status_code == 302
    davi.refresh_from_db()
    identity.refresh_from_db()
    assert (davi.name, identity.external_id, identity.is_verified) == ("Davi D.", "davi", False)


def test_message_list_shows_the_beginning_only(
    as_ana: Client, conversation: Conversation, bruno: User
) -> None:
    reply(conversation=conversation, text="y" * 300, by=bruno.as_actor())
    page = as_ana.get(of("message")).content.decode()
    assert "y" * 100 in page
    assert "y" * 101 not in page


def test_lists_show_what_strangers_wrote_as_text(as_ana: Client, inbox: Inbox) -> None:
    evil = "<script>alert(1)</script>"
    receive(inbox=inbox, sender=Sender(evil, name=evil, email="x"), text=evil)
    for model in ("contact", "conversation", "message"):
        for page in (of(model), of(model, "change", row_of(model).pk)):
            assert evil not in as_ana.get(page).content.decode(), page


def test_file_s_page_does_not_lead_into_the_void(as_ana: Client, inbox: Inbox) -> None:
    """Files are served by signed address only; any other link on the page would be dead."""
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload())
    page = as_ana.get(of("attachment", "change", row.pk)).content.decode()
    assert f'href="{row.file.name}"' not in page
    assert f'href="/{row.file.name}"' not in page
    assert 'href="/files/' in page
    assert attachment_url(row, Reader.CUSTOMER).startswith("/files/")


def test_inbox_with_history_is_kept(as_ana: Client, conversation: Conversation, inbox: Inbox) -> None:
    as_ana.post(of("inbox", "delete", inbox.pk), {"post": "yes"})
    assert Inbox.objects.filter(pk=inbox.pk).exists()


def test_everything_of_the_spine_is_in_the_admin() -> None:
    registered = {
        model.__name__ for model in admin.site._registry if model._meta.app_label == "conversations"
    }
    assert registered == {
        *("Inbox", "Contact", "Conversation", "Message", "Event", "Attachment"),
        *("InboundEvent", "Delivery", "MessageTemplate", "CustomField", "CannedReply"),
    }
