"""What the page about contacts promises beyond what comes and goes; tags, custom fields, canned replies."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from rest_framework.test import APIClient

from accounts.models import Team
from api.parsers import MAX_BODY
from conversations.actions import Sender, receive
from conversations.models import CannedReply, Contact, Conversation, CustomField, Inbox
from conversations.values import LONGEST_VALUE, MOST_ATTRIBUTES
from knowledge.models import Article
from tests.api.conftest import KeyClient, KeyMaker, fields_of, results
from tickets.models import Ticket

LIST, CANNED, FIELDS, TAGS = (
    f"/api/v1/{name}" for name in ("contacts", "canned-replies", "custom-fields", "tags")
)


@pytest.fixture
def davis(davi: Contact) -> str:
    """The address of the customer."""
    return f"{LIST}/{davi.pk}"


# --- Customers ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "é" * 120),
        ("name", "Nguyễn Thị Ánh 🙂"),
        ("email", f"{'a' * 64}@{'b' * 60}.example"),
        ("phone", "+55 (11) 90000-0001 ramal 12"),
        ("language", "zh-hant-tw"),
        ("timezone", "America/Argentina/Buenos_Aires"),
        ("tags", ["é" * 40]),
        ("attributes", {"k" * 40: "x" * LONGEST_VALUE}),
    ],
)
def test_longest_and_oddest_values_come_back_as_they_were_sent(
    key: APIClient, davis: str, field: str, value: Any
) -> None:
    answer = key.patch(davis, {field: value}, format="json")
    assert (answer.status_code, answer.json()[field]) == (200, value), answer.content
    assert key.get(davis).json()[field] == value


@pytest.mark.parametrize("field", ["name", "email", "phone", "language", "timezone"])
def test_what_is_known_is_taken_away_by_an_empty_text_and_not_by_null(
    key: APIClient, davis: str, field: str
) -> None:
    assert fields_of(key.patch(davis, {field: None}, format="json")) == [field]
    assert key.patch(davis, {field: ""}, format="json").json()[field] == ""


def test_nobody_has_more_values_than_there_may_be(key: APIClient, davis: str) -> None:
    full = {f"k{number}": "x" for number in range(MOST_ATTRIBUTES)}
    assert key.patch(davis, {"attributes": full}, format="json").json()["attributes"] == full
    assert key.patch(davis, {"attributes": {"more": "x"}}, format="json").status_code == 422
    swapped = key.patch(davis, {"attributes": {"more": "x", "k0": None}}, format="json")
    assert (swapped.status_code, len(swapped.json()["attributes"])) == (200, MOST_ATTRIBUTES)


@pytest.mark.django_db(transaction=True)
def test_ten_programs_add_a_tag_at_once_and_all_ten_are_there(key: KeyClient, davis: str) -> None:
    def add(number: int) -> int:
        try:
            body = {"add_tags": [f"t{number}"], "attributes": {f"a{number}": "x"}}
            return int(KeyClient(key.key).patch(davis, body, format="json").status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        assert set(pool.map(add, range(10))) == {200}
    told = key.get(davis).json()
    assert sorted(told["tags"]) == [f"t{number}" for number in range(10)]
    assert sorted(told["attributes"]) == [f"a{number}" for number in range(10)]


def test_id_that_a_customer_has_already_may_be_noted_again(key: APIClient, app: Inbox, davis: str) -> None:
    body = {"inbox": app.pk, "external_id": "u-7"}
    first, again = (key.post(f"{davis}/identities", body, format="json") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["identities"] == again.json()["identities"]
    assert len(again.json()["identities"]) == 2


@pytest.mark.parametrize("external_id", ["", " ", "x" * 256, "a\x00b", None, 7])
def test_what_is_no_id_makes_nobody_known(key: APIClient, app: Inbox, davis: str, external_id: Any) -> None:
    body = {"inbox": app.pk, "external_id": external_id}
    assert fields_of(key.post(f"{davis}/identities", body, format="json")) == ["external_id"]
    refused = key.post(LIST, {"name": "Eva", "identities": [body]}, format="json")
    assert fields_of(refused) == ["identities.0.external_id"]
    assert Contact.objects.count() == 1


def test_one_id_named_twice_is_one(key: APIClient, app: Inbox) -> None:
    identity = {"inbox": app.pk, "external_id": "u-7"}
    made = key.post(LIST, {"name": "Eva", "identities": [identity, identity]}, format="json")
    assert (made.status_code, len(made.json()["identities"])) == (201, 1)
    assert Contact.objects.count() == 1


def test_merged_customer_is_found_by_every_id_of_both(
    key: APIClient, app: Inbox, davi: Contact, davis: str
) -> None:
    other = receive(inbox=app, sender=Sender("u-7", name="D", email="d@example.com"), text="Oi")
    contact = other.conversation.contact
    key.patch(f"{LIST}/{contact.pk}", {"tags": ["vip"], "attributes": {"city": "Recife"}}, format="json")
    told = key.post(f"{davis}/merge", {"other": str(contact.pk)}, format="json").json()
    assert (told["email"], told["tags"], told["attributes"]) == (
        "davi@example.com",
        ["vip"],
        {"city": "Recife"},
    )
    for query in ("external_id=u-7", "external_id=davi", "email=DAVI@EXAMPLE.COM"):
        assert [row["id"] for row in results(key.get(f"{LIST}?{query}"))] == [str(davi.pk)], query
    conversation = key.get(f"/api/v1/conversations/{other.conversation.pk}").json()
    assert conversation["contact"]["id"] == str(davi.pk)


def test_erased_customer_takes_the_conversation_along_and_leaves_the_ticket(
    with_key: KeyMaker, davis: str, ticket: Ticket, conversation: Conversation
) -> None:
    admin = with_key("admin")
    assert admin.delete(davis).status_code == 204
    assert admin.get(f"/api/v1/conversations/{conversation.pk}").status_code == 404
    told = admin.get(f"/api/v1/tickets/{ticket.pk}").json()
    assert (told["subject"], told["requester"], told["conversations"]) == ("Pedido atrasado", None, [])
    assert "Davi" not in str(told)


def test_lead_is_told_no_more_of_a_customer_than_the_team_sees(
    as_elsa: APIClient, key: APIClient, other_team: Team
) -> None:
    foreign = Inbox.objects.create(name="Bills", channel="api", team=other_team)
    eva = receive(inbox=foreign, sender=Sender("e", name="Eva"), text="Oi").conversation.contact
    url = f"{LIST}/{eva.pk}"
    given = {"consents": [{"channel": "api", "state": "given"}]}
    for answer in (
        as_elsa.get(url),
        as_elsa.patch(url, {"name": "X"}, format="json"),
        as_elsa.get(f"{url}/consents"),
        as_elsa.put(f"{url}/consents", given, format="json"),
        as_elsa.post(f"{url}/identities", {"inbox": foreign.pk, "external_id": "x"}, format="json"),
    ):
        assert answer.status_code == 404
    assert key.get(url).json()["name"] == "Eva"


def test_consent_of_a_channel_leaves_those_of_others(key: APIClient, app: Inbox, davis: str) -> None:
    key.post(f"{davis}/identities", {"inbox": app.pk, "external_id": "u-7"}, format="json")

    def say(channel: str, state: str) -> dict[str, Any]:
        body = {"consents": [{"channel": channel, "state": state}]}
        told = key.put(f"{davis}/consents", body, format="json")
        assert told.status_code == 200, told.content
        return {row["channel"]: row["state"] for row in told.json()["consents"]}

    assert say("web", "given") == {"web": "given", "api": None}
    assert say("api", "withdrawn") == {"web": "given", "api": "withdrawn"}


@pytest.mark.parametrize(
    "consents",
    [
        [],
        None,
        [{"channel": "web"}],
        [{"state": "given"}],
        [{"channel": "web", "state": "perhaps"}],
        [{"channel": "web", "state": None}],
        [{"channel": "web", "state": "given", "source": "link"}],
        [{"channel": "web", "state": "given"}, {"channel": "pigeon", "state": "given"}],
    ],
)
def test_wrong_words_about_consent_enter_nothing(key: APIClient, davis: str, consents: Any) -> None:
    refused = key.put(f"{davis}/consents", {"consents": consents}, format="json")
    assert all(field.startswith("consents") for field in fields_of(refused))
    assert key.get(f"{davis}/consents").json()["consents"][0]["state"] is None


# --- Many at once ------------------------------------------------------------------------------------------
def test_email_that_two_customers_have_names_neither_of_them(key: APIClient) -> None:
    for name in ("Ana", "Bia"):
        Contact.objects.create(name=name, email="casa@example.com")
    rows = [{"email": "CASA@example.com", "name": "X"}, {"email": "nova@example.com", "name": "Nova"}]
    told = results(key.post(f"{LIST}/bulk", {"contacts": rows}, format="json"))
    assert [row["status"] for row in told] == [422, 201]
    assert sorted(Contact.objects.values_list("name", flat=True)) == ["Ana", "Bia", "Nova"]


def test_body_of_256_kib_is_read_and_one_byte_more_is_not(key: APIClient, db: None) -> None:
    def send(length: int) -> Any:
        empty = '{"contacts": [{"email": "eva@example.com", "name": "Eva"}]}'
        body = f"{empty}{' ' * (length - len(empty))}"
        return key.post(f"{LIST}/bulk", data=body, content_type="application/json")

    assert send(MAX_BODY).status_code == 200
    assert (MAX_BODY, send(MAX_BODY + 1).status_code) == (256 * 1024, 413)


def test_refusal_of_one_of_many_speaks_the_readers_language(key: APIClient, db: None) -> None:
    def said(language: str) -> str:
        body = {"contacts": [{"email": "nobody"}]}
        (told,) = results(key.post(f"{LIST}/bulk", body, format="json", HTTP_ACCEPT_LANGUAGE=language))
        detail: str = told["error"]["detail"]
        return detail

    assert len({said(language) for language in ("en", "pt-BR", "es")}) == 3


# --- Tags and custom fields --------------------------------------------------------------------------------
def test_tag_renamed_to_one_that_stands_there_too_stands_there_once(
    with_key: KeyMaker, davi: Contact
) -> None:
    Contact.objects.update(tags=["late", "x", "Delayed"])
    Conversation.objects.update(tags=["late"])
    Article.objects.create(title="A", language="en", tags=["delayed", "late"])
    admin = with_key("admin")
    assert admin.patch(f"{TAGS}/late", {"name": "Delayed"}, format="json").status_code == 200
    davi.refresh_from_db()
    assert [tag.lower() for tag in davi.tags].count("delayed") == 1
    assert "x" in davi.tags
    assert [tag.lower() for tag in Article.objects.get().tags] == ["delayed"]
    assert admin.get(f"{TAGS}/late").status_code == 404


@pytest.mark.parametrize("name", ["", " ", "a,b", "x" * 41, None, 5, "a\x00"])
def test_tag_is_not_renamed_to_what_is_none(with_key: KeyMaker, davi: Contact, name: Any) -> None:
    Contact.objects.update(tags=["late"])
    assert fields_of(with_key("admin").patch(f"{TAGS}/late", {"name": name}, format="json")) == ["name"]
    davi.refresh_from_db()
    assert davi.tags == ["late"]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("text", ["x", "x" * 500], ["", "x" * 501, 5, True]),
        ("number", [0, -1.5, 2**53, -(2**53)], ["5", True, 2**53 + 2, 1e300, "NaN"]),
        ("boolean", [True, False], ["true", 1, 0]),
        (
            "date",
            ["2026-11-30", "2024-02-29"],
            ["2026-02-29", "30/11/2026", "2026-11-30T00:00:00Z", 20261130],
        ),
        ("choice", ["S"], ["s", "", "L", ["S"]]),
        (
            "url",
            ["https://a.example/x?y=1", "http://a.example"],
            ["javascript:alert(1)", "//a.example", "a.example"],
        ),
    ],
)
@pytest.mark.parametrize("entity", ["contact", "conversation", "ticket"])
def test_value_fits_its_kind_wherever_it_stands(
    *,
    key: APIClient,
    ticket: Ticket,
    conversation: Conversation,
    entity: str,
    kind: str,
    good: list[Any],
    bad: list[Any],
) -> None:
    choices = ["S", "M"] if kind == "choice" else []
    CustomField.objects.create(entity=entity, key="k", label="K", kind=kind, choices=choices)
    pk = {"contact": conversation.contact_id, "conversation": conversation.pk, "ticket": ticket.pk}[entity]
    url = f"/api/v1/{entity}s/{pk}"
    for value in good:
        answer = key.patch(url, {"attributes": {"k": value}}, format="json")
        assert (answer.status_code, answer.json().get("attributes")) == (200, {"k": value}), value
    for value in bad:
        assert fields_of(key.patch(url, {"attributes": {"k": value}}, format="json")) == ["attributes.k"], (
            value
        )
    assert key.get(url).json()["attributes"] == {"k": good[-1]}
    assert key.patch(url, {"attributes": {"k": None}}, format="json").json()["attributes"] == {}


def test_values_come_back_with_a_field_of_the_same_key(
    with_key: KeyMaker, key: APIClient, davis: str
) -> None:
    body = {"entity": "contact", "key": "paid", "kind": "boolean"}
    admin = with_key("admin")
    first = admin.post(FIELDS, body, format="json").json()
    assert first["label"] == "paid"
    key.patch(davis, {"attributes": {"paid": True}}, format="json")
    assert admin.delete(f"{FIELDS}/{first['id']}").status_code == 204
    # Without the field only a text fits there.
    assert fields_of(key.patch(davis, {"attributes": {"paid": False}}, format="json")) == ["attributes.paid"]
    admin.post(FIELDS, body, format="json")
    assert key.get(davis).json()["attributes"] == {"paid": True}
    changed = key.patch(davis, {"attributes": {"paid": False}}, format="json").json()
    assert changed["attributes"] == {"paid": False}


# --- Canned replies ----------------------------------------------------------------------------------------
def test_reply_is_moved_to_no_team_that_one_does_not_lead(as_elsa: APIClient, other_team: Team) -> None:
    made = as_elsa.post(CANNED, {"shortcut": "a", "text": "x", "team": "support"}, format="json").json()
    for team in ("finance", None):
        refused = as_elsa.patch(f"{CANNED}/{made['id']}", {"team": team}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), team
    assert as_elsa.get(f"{CANNED}/{made['id']}").json() == made


def test_shortcut_is_taken_whatever_its_case_and_however_one_comes_to_it(
    as_ana: APIClient, team: Team, other_team: Team
) -> None:
    """By making one, by changing its shortcut, by moving it to the team that has it."""
    as_ana.post(CANNED, {"shortcut": "hi", "text": "x", "team": "support"}, format="json")
    other = as_ana.post(CANNED, {"shortcut": "HI", "text": "y", "team": "finance"}, format="json").json()
    third = as_ana.post(CANNED, {"shortcut": "bye", "text": "z", "team": "support"}, format="json").json()
    for answer in (
        as_ana.post(CANNED, {"shortcut": "Hi", "text": "x", "team": "support"}, format="json"),
        as_ana.patch(f"{CANNED}/{third['id']}", {"shortcut": "hI"}, format="json"),
        as_ana.patch(f"{CANNED}/{other['id']}", {"team": "support"}, format="json"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "shortcut_taken")
    stored = set(CannedReply.objects.values_list("shortcut", "team__slug"))
    assert stored == {("hi", "support"), ("hi", "finance"), ("bye", "support")}


@pytest.mark.parametrize(
    ("text", "said", "missing"),
    [
        ("{{contact.name|there}} / {{contact.email|none}}", "Davi Duarte / davi@example.com", []),
        ("{{ contact.name }}", "Davi Duarte", []),
        ("{{inbox.name}}", "Aurora", []),
        ("{{operator.name|the shop}}", "the shop", []),
        ("{{operator.name}}!", "!", ["operator.name"]),
        ("{{operator.name}} {{operator.name}}", " ", ["operator.name"]),
        ("no place {here}", "no place {here}", []),
    ],
)
def test_places_are_filled_by_what_a_program_knows(
    key: APIClient, conversation: Conversation, text: str, said: str, missing: list[str]
) -> None:
    made = key.post(CANNED, {"shortcut": "a", "text": text}, format="json")
    assert made.status_code == 201, made.content
    body = {"conversation": str(conversation.pk)}
    told = key.post(f"{CANNED}/{made.json()['id']}/render", body, format="json").json()
    assert (told["text"].strip(), told["missing"]) == (said.strip(), missing)


def test_title_of_the_inbox_or_else_its_name_and_the_id_are_said(
    key: APIClient, conversation: Conversation
) -> None:
    made = key.post(
        CANNED, {"shortcut": "a", "text": "{{inbox.name}} {{conversation.id}}"}, format="json"
    ).json()
    url, body = f"{CANNED}/{made['id']}/render", {"conversation": str(conversation.pk)}
    assert key.post(url, body, format="json").json()["text"] == f"Aurora {conversation.pk}"
    Inbox.objects.update(title="")
    assert key.post(url, body, format="json").json()["text"] == f"Shop {conversation.pk}"
    for wrong in ({}, {"conversation": str(uuid4())}, {"conversation": 7}):
        assert fields_of(key.post(url, wrong, format="json")) == ["conversation"]


def test_one_of_many_is_refused_in_the_language_of_who_asks(as_ana: APIClient) -> None:
    """What reads the rows is kept from one request to the next."""
    body = {"contacts": [{"email": "a@example.com", "tags": ["x"] * 500}]}

    def refusal(language: str) -> str:
        answer = as_ana.post(f"{LIST}/bulk", body, format="json", HTTP_ACCEPT_LANGUAGE=language)
        detail: str = answer.json()["results"][0]["error"]["detail"]
        return detail

    assert len({refusal("pt-BR"), refusal("en"), refusal("es")}) == 3


def test_nobody_becomes_of_a_customer_whom_no_inbox_knows(as_ana: APIClient) -> None:
    made = as_ana.post(LIST, {"name": "Eva"}, format="json").json()
    refused = as_ana.patch(f"{LIST}/{made['id']}", {"name": ""}, format="json")
    assert [error["field"] for error in refused.json()["errors"]] == ["name"]
    assert (
        as_ana.patch(
            f"{LIST}/{made['id']}", {"name": "", "phone": "+5511900000001"}, format="json"
        ).status_code
        == 200
    )
