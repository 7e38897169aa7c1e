"""Customers over HTTP: written down, found, changed, merged, erased; many at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Team
from conversations.actions import Sender, erasing, receive
from conversations.models import Contact, Conversation, CustomField, Inbox
from tests.api.conftest import KeyMaker, fields_of, results

LIST = "/api/v1/contacts"


@pytest.fixture
def davis(davi: Contact) -> str:
    """The address of the customer."""
    return f"{LIST}/{davi.pk}"


def test_nobody_at_all_is_no_customer(key: APIClient) -> None:
    for body in ({}, {"name": "  ", "tags": ["vip"]}):
        answer = key.post(LIST, body, format="json")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "name")
    assert not Contact.objects.exists()


def test_customer_is_made_whole_and_told_whole(key: APIClient, app: Inbox) -> None:
    CustomField.objects.create(entity="contact", key="orders", label="Orders", kind="number")
    body = {
        "name": "Eva Lima", "email": "eva@example.com", "phone": "+55 11 90000-0000", "language": "pt-BR",
        "timezone": "America/Sao_Paulo", "tags": ["vip"], "attributes": {"orders": 3, "city": "Recife"},
    }  # fmt: skip
    identity = {"inbox": app.pk, "external_id": "u-7"}
    made = key.post(LIST, {**body, "identities": [identity]}, format="json")
    assert made.status_code == 201
    answer = made.json()
    assert {name: answer[name] for name in body} == body
    assert answer["display_name"] == "Eva Lima"
    (known,) = answer["identities"]
    assert (known["external_id"], known["inbox"]) == ("u-7", {"id": app.pk, "name": "App", "channel": "api"})
    read = key.get(f"{LIST}/{answer['id']}")
    assert (read.json(), read["ETag"]) == (answer, made["ETag"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"phone": "call"}, "phone"),
        ({"timezone": "Mars"}, "timezone"),
        ({"name": "x" * 121}, "name"),
        ({"name": 5}, "name"),
        ({"tags": ["x" * 41]}, "tags.0"),
        ({"tags": ["a,b"]}, "tags"),
        ({"tags": [""]}, "tags.0"),
        ({"tags": [str(number) for number in range(21)]}, "tags"),
        ({"tags": ["a"], "add_tags": ["b"]}, "add_tags"),
        ({"attributes": []}, "attributes"),
        ({"attributes": {"city": 5}}, "attributes.city"),
        ({"attributes": {"city": ["a"]}}, "attributes.city"),
        ({"attributes": {"": "x"}}, "attributes."),
        ({"attributes": {"a\u0000": "x"}}, "attributes.a"),
        ({"attributes": {"plan": "brass"}}, "attributes.plan"),
        ({"merged_into": None}, "merged_into"),
        ({"created_at": "2020-01-01T00:00:00Z"}, "created_at"),
        ({"id": "x"}, "id"),
    ],
)
def test_what_is_no_value_is_refused_by_its_path(
    key: APIClient, davis: str, davi: Contact, body: dict[str, Any], field: str
) -> None:
    CustomField.objects.create(
        entity="contact", key="plan", label="Plan", kind="choice", choices=["gold", "silver"]
    )
    assert field in fields_of(key.patch(davis, body, format="json"))
    davi.refresh_from_db()
    assert (davi.tags, davi.attributes, davi.name) == ([], {}, "Davi Duarte")


def test_half_of_a_sign_in_a_name_is_no_crash(key: APIClient, davis: str) -> None:
    for body in (b'{"attributes": {"\\ud800": "x"}}', b'{"attributes": {"a": "\\ud800"}}'):
        assert key.patch(davis, body, content_type="application/json").status_code == 422


def test_change_leaves_what_it_does_not_name(key: APIClient, davis: str) -> None:
    key.patch(davis, {"tags": ["a", "b"], "attributes": {"city": "Recife", "shoe": "38"}}, format="json")
    body = {"add_tags": ["c"], "remove_tags": ["A"], "attributes": {"shoe": None}, "phone": "+1 2"}
    answer = key.patch(davis, body, format="json").json()
    assert (answer["tags"], answer["attributes"]) == (["b", "c"], {"city": "Recife"})
    assert (answer["name"], answer["phone"]) == ("Davi Duarte", "+1 2")
    again = key.patch(davis, body, format="json").json()
    assert again == answer


def test_customers_are_found(key: APIClient, app: Inbox, davi: Contact) -> None:
    sender = Sender("u-7", name="Eva Lima", email="Eva@Example.com", phone="+55 (11) 90000-0001")
    eva = receive(inbox=app, sender=sender, text="Oi").conversation.contact
    Contact.objects.filter(pk=eva.pk).update(tags=["vip"])
    Contact.objects.filter(pk=davi.pk).update(
        created_at=timezone.now() - timedelta(days=9), updated_at=timezone.now() - timedelta(days=8)
    )
    since = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query in (
        "q=va%20li", "q=EXAMPLE.COM", "email=eva@example.com", "phone=5511900000001", "tag=vip",
        f"inbox={app.pk}", f"inbox={app.pk}&external_id=u-7", "external_id=u-7",
        f"created_since={since}", f"updated_since={since}",
    ):  # fmt: skip
        found = [each["id"] for each in results(key.get(f"{LIST}?{query}"))]
        assert found == [str(eva.pk)] or (query == "q=EXAMPLE.COM" and str(eva.pk) in found), query
    for query in ("tag=VIP", "external_id=u-8", f"inbox={davi.conversations.get().inbox_id}&external_id=u-7"):
        assert results(key.get(f"{LIST}?{query}")) == [], query
    for query, field in (
        ("q=ab", "q"),
        ("created_since=yesterday", "created_since"),
        ("locale=pt", "locale"),
    ):
        assert field in fields_of(key.get(f"{LIST}?{query}"))


def test_lists_go_on_where_they_ended(key: APIClient, app: Inbox) -> None:
    for number in range(5):
        receive(inbox=app, sender=Sender(f"u{number}", name=f"P{number}"), text="Oi")
    for ordering in ("created_at", "-updated_at"):
        url, seen = f"{LIST}?limit=2&ordering={ordering}", []
        while url:
            answer = key.get(url).json()
            seen += [each["name"] for each in answer["results"]]
            url = answer["next"]
        assert sorted(seen) == [f"P{number}" for number in range(5)]


def test_ids_of_other_teams_inboxes_are_not_told(
    as_bruno: APIClient, key: APIClient, davi: Contact, davis: str, other_team: Team
) -> None:
    foreign = Inbox.objects.create(name="Bills", channel="api", team=other_team)
    key.post(f"{davis}/identities", {"inbox": foreign.pk, "external_id": "secret"}, format="json")
    assert len(key.get(davis).json()["identities"]) == 2
    assert "secret" not in as_bruno.get(davis).content.decode()
    assert results(as_bruno.get(f"{LIST}?external_id=secret")) == []
    assert "secret" not in as_bruno.get(f"{LIST}?q=Davi").content.decode()


def test_id_that_somebody_else_has_is_a_conflict(key: APIClient, app: Inbox, davis: str) -> None:
    receive(inbox=app, sender=Sender("u-7", name="Eva"), text="Oi")
    body = {"inbox": app.pk, "external_id": "u-7"}
    refused = key.post(f"{davis}/identities", body, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    refused = key.post(LIST, {"name": "Eva", "identities": [body]}, format="json")
    assert refused.json()["errors"][0]["field"] == "identities.0.external_id"


def test_two_customers_become_one(key: APIClient, app: Inbox, davi: Contact, davis: str) -> None:
    other = receive(inbox=app, sender=Sender("d", name="D", phone="+1 2"), text="Oi").conversation.contact
    answer = key.post(f"{davis}/merge", {"other": str(other.pk)}, format="json").json()
    assert (answer["name"], answer["phone"], len(answer["identities"])) == ("Davi Duarte", "+1 2", 2)
    assert [each["id"] for each in results(key.get(LIST))] == [str(davi.pk)]
    assert key.get(f"{LIST}/{other.pk}").json()["merged_into"] == str(davi.pk)
    assert key.patch(f"{LIST}/{other.pk}", {"name": "X"}, format="json").status_code == 409
    for pk in (other.pk, davi.pk):
        assert key.post(f"{davis}/merge", {"other": str(pk)}, format="json").status_code == 409


def test_erased_customer_is_gone_and_much_takes_a_job(
    with_key: KeyMaker, davis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = with_key("admin")
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "AT_ONCE", 0)
        assert admin.delete(davis).status_code == 202
    assert admin.get(davis).status_code == 200
    assert admin.delete(davis).status_code == 204
    assert admin.get(davis).status_code == admin.delete(davis).status_code == 404
    assert not Conversation.objects.exists()


def test_key_of_one_team_sees_whom_it_makes(with_key: KeyMaker, app: Inbox, team: Team) -> None:
    client = with_key("read", "write", teams=[team])
    assert fields_of(client.post(LIST, {"name": "Eva"}, format="json")) == ["identities"]
    made = client.post(
        LIST, {"name": "Eva", "identities": [{"inbox": app.pk, "external_id": "7"}]}, format="json"
    ).json()
    assert client.get(f"{LIST}/{made['id']}").json() == made


# --- Many at once ------------------------------------------------------------------------------------------
def test_each_of_many_has_an_answer_of_its_own(key: APIClient, app: Inbox, davi: Contact) -> None:
    rows: list[Any] = [
        {"inbox": app.pk, "external_id": "u1", "name": "Eva", "tags": ["vip"]},
        {"email": "davi@example.com", "attributes": {"city": "Recife"}},
        {"inbox": app.pk, "name": "No id"},
        {"inbox": 2**40, "external_id": "u2"},
        {"name": "Nobody"},
        {"email": "x@example.com", "colour": "red"},
        {"email": "y@example.com", "attributes": {"a": 5}},
        "nonsense",
        {"inbox": app.pk, "external_id": "u1", "tags": ["new"]},
    ]
    answer = key.post(f"{LIST}/bulk", {"contacts": rows}, format="json")
    assert answer.status_code == 200
    told = answer.json()["results"]
    assert [each["status"] for each in told] == [201, 200, 422, 404, 422, 422, 422, 422, 200]
    fields = [each["error"]["errors"][0]["field"] if each["error"] else None for each in told]
    assert fields == [
        None, None, "external_id", "inbox", "email", "colour", "attributes.a", "", None
    ]  # fmt: skip
    assert told[0]["id"] == told[-1]["id"]
    assert Contact.objects.get(pk=told[0]["id"]).tags == ["vip", "new"]
    assert Contact.objects.get(pk=davi.pk).attributes == {"city": "Recife"}
    assert Contact.objects.count() == 2


def test_a_thousand_fit_and_no_more(key: APIClient, app: Inbox) -> None:
    rows = [{"inbox": app.pk, "external_id": f"u{number}", "name": "N"} for number in range(1001)]
    assert fields_of(key.post(f"{LIST}/bulk", {"contacts": rows}, format="json")) == ["contacts"]
    assert fields_of(key.post(f"{LIST}/bulk", {"contacts": []}, format="json")) == ["contacts"]
    answer = key.post(f"{LIST}/bulk", {"contacts": rows[:1000]}, format="json")
    assert {each["status"] for each in answer.json()["results"]} == {201}
    assert Contact.objects.count() == 1000


def test_repeated_request_makes_nobody_twice(key: APIClient) -> None:
    told = [
        key.post(LIST, {"name": "Eva"}, format="json", HTTP_IDEMPOTENCY_KEY="k1").json() for _time in range(2)
    ]
    assert told[0] == told[1]
    assert Contact.objects.count() == 1


# --- What was agreed to ------------------------------------------------------------------------------------
def test_consent_is_told_entered_and_not_overruled(
    as_ana: APIClient, as_bruno: APIClient, key: APIClient, davis: str
) -> None:
    url = f"{davis}/consents"
    assert key.get(url).json() == {
        "consents": [{"channel": "web", "state": None, "source": None, "changed_at": None}]
    }
    given = {"consents": [{"channel": "web", "state": "given"}]}
    assert as_bruno.put(url, given, format="json").status_code == 403
    etag = key.get(url)["ETag"]
    (told,) = key.put(url, given, format="json", HTTP_IF_MATCH=etag).json()["consents"]
    assert (told["state"], told["source"]) == ("given", "api")
    withdrawn = {"consents": [{"channel": "web", "state": "withdrawn"}]}
    assert key.put(url, withdrawn, format="json", HTTP_IF_MATCH=etag).status_code == 412
    assert key.put(url, withdrawn, format="json").json()["consents"][0]["state"] == "withdrawn"
    assert key.put(url, given, format="json").status_code == 409
    assert key.get(url).json()["consents"][0]["state"] == "withdrawn"
    assert as_ana.put(url, given, format="json").json()["consents"][0]["source"] == "staff"
    unknown = {"consents": [{"channel": "telegram", "state": "given"}]}
    assert fields_of(key.put(url, unknown, format="json")) == ["consents.telegram"]
