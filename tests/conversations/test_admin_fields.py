"""Custom fields in the admin: defined by administrators, filled in on a customer's page; erasing there."""

from typing import Any

import pytest
from django.test import Client

from accounts.enums import Role
from accounts.models import Team
from conversations.models import Contact, Conversation, CustomField
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
FIELDS = "/admin/conversations/customfield/"


@pytest.fixture
def as_ana(ana: Any) -> Client:
    client = Client()
    client.force_login(ana)
    return client


@pytest.fixture
def as_lead(team: Team) -> Client:
    client = Client()
    client.force_login(make_user("elsa", Role.LEAD, team))
    return client


def page_of(contact: Contact) -> str:
    return f"/admin/conversations/contact/{contact.pk}/change/"


def form(**told: Any) -> dict[str, Any]:
    counts = {"identities-TOTAL_FORMS": 0, "identities-INITIAL_FORMS": 0}
    known = {"name": "Davi", "email": "", "phone": "", "locale": "", "timezone": "", "tags": ""}
    return {**known, "attributes": "", **counts, **told}


def test_field_is_defined_through_the_action(as_ana: Client, as_lead: Client) -> None:
    told = {"entity": "contact", "key": "plan", "label": "Plan", "kind": "choice", "position": 0}
    refused = as_ana.post(f"{FIELDS}add/", told)
    assert "has choices" in refused.content.decode()
    assert as_ana.post(f"{FIELDS}add/", {**told, "choices": "gold, silver"}).status_code == 302
    row = CustomField.objects.get()
    assert row.choices == ["gold", "silver"]
    assert as_ana.post(f"{FIELDS}add/", {**told, "choices": "a"}).status_code == 200
    change = {"label": "Tariff", "choices": "gold", "position": 2, "key": "other", "kind": "text"}
    assert as_ana.post(f"{FIELDS}{row.pk}/change/", change).status_code == 302
    row.refresh_from_db()
    assert (row.label, row.choices, row.key, row.kind) == ("Tariff", ["gold"], "plan", "choice")
    assert as_lead.get(FIELDS).status_code == as_lead.get(f"{FIELDS}add/").status_code == 403
    assert as_ana.post(f"{FIELDS}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not CustomField.objects.exists()


@pytest.fixture
def fields(db: None) -> None:
    for kind in ("text", "number", "boolean", "date", "choice", "url"):
        choices = ["gold"] if kind == "choice" else []
        CustomField.objects.create(entity="contact", key=kind, label=kind, kind=kind, choices=choices)


def test_values_keep_their_kinds_on_a_customer_s_page(as_lead: Client, davi: Contact, fields: None) -> None:
    told = {
        "custom_text": "x", "custom_number": "7", "custom_boolean": "true", "custom_date": "2026-11-30",
        "custom_choice": "gold", "custom_url": "https://a.example", "attributes": "city: Recife",
    }  # fmt: skip
    assert as_lead.post(page_of(davi), form(**told)).status_code == 302
    davi.refresh_from_db()
    values = {
        "text": "x", "number": 7, "boolean": True, "date": "2026-11-30", "choice": "gold",
        "url": "https://a.example", "city": "Recife",
    }  # fmt: skip
    assert davi.attributes == values
    assert isinstance(davi.attributes["number"], int)
    assert as_lead.get(page_of(davi)).context["adminform"].form["custom_boolean"].value() is True
    assert as_lead.post(page_of(davi), form(**{**told, "custom_text": "", "name": "D"})).status_code == 302
    davi.refresh_from_db()
    assert davi.attributes == {name: value for name, value in values.items() if name != "text"}


def test_what_fits_no_field_is_refused_or_stays(as_lead: Client, davi: Contact, fields: None) -> None:
    wrong = {"custom_number": "many", "custom_choice": "brass", "attributes": "number: 7"}
    page = as_lead.post(page_of(davi), form(**wrong))
    assert set(page.context["adminform"].form.errors) == set(wrong)
    Contact.objects.filter(pk=davi.pk).update(attributes={"text": "of a list"})
    assert as_lead.post(page_of(davi), form(name="D", custom_text="of a list")).status_code == 302
    davi.refresh_from_db()
    assert (davi.name, davi.attributes) == ("D", {"text": "of a list"})


def test_who_may_only_look_sees_the_values(davi: Contact, fields: None, team: Team) -> None:
    Contact.objects.filter(pk=davi.pk).update(attributes={"text": "known"})
    client = Client()
    client.force_login(make_user("olga", Role.OPERATOR, team))
    assert "known" in client.get(page_of(davi)).content.decode()


def test_customer_is_erased_with_conversations_by_administrators_only(
    as_ana: Client, as_lead: Client, davi: Contact, conversation: Conversation
) -> None:
    url = f"/admin/conversations/contact/{davi.pk}/delete/"
    assert as_lead.post(url, {"post": "yes"}).status_code == 403
    assert "Conversations: 1" in as_ana.get(url).content.decode()
    assert as_ana.post(url, {"post": "yes"}).status_code == 302
    assert not Conversation.objects.exists()
    assert not Contact.objects.exists()
