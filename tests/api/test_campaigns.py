"""Campaigns over HTTP: making them, changing them, and what is refused."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Team, User
from campaigns.enums import CampaignStatus, Source
from campaigns.models import Campaign, Recipient, Upload
from conversations.models import Attachment, Contact, Inbox, MessageTemplate
from tests.api.conftest import KeyMaker, results, signed_in
from tests.campaigns.conftest import people

LIST = "/api/v1/campaigns"
VIPS = {"match": "all", "rules": [{"field": "tag", "op": "has", "value": "vip"}]}


def made(client: APIClient, inbox: Inbox, **more: Any) -> dict[str, Any]:
    """Makes a campaign and returns what is told of it."""
    response = client.post(LIST, {"name": "Natal", "inbox": inbox.pk, **more}, format="json")
    assert response.status_code == 201, response.content
    answer: dict[str, Any] = response.json()
    return answer


def words_of(answer: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (one["label"], one["share"], one["subject"], one["text"], one["template"])
        for one in answer["variants"]
    ]


def errors_of(response: Any) -> list[str]:
    assert response.status_code == 422, response.content
    return [error["field"] for error in response.json()["errors"]]


def test_campaign_is_made_and_told_whole(key: APIClient, number: Inbox, offer: MessageTemplate) -> None:
    answer = made(
        key,
        number,
        segment=VIPS,
        template={"name": "offer"},
        values={"1": "{{first_name|amiga}}", "2": "10%"},
        brief="Até sexta",
        needs_consent=True,
        starts_at="2030-11-27T09:00:00-03:00",
        quiet_from="22:00",
        quiet_until="08:00",
        timezone="America/Sao_Paulo",
        per_minute=600,
        daily_limit=1000,
        price="0.0625",
        currency="BRL",
    )
    campaign = Campaign.objects.get()
    assert answer == {
        "id": str(campaign.pk),
        "name": "Natal",
        "kind": "broadcast",
        "inbox": {"id": number.pk, "name": "Aurora", "channel": "whatsapp_cloud"},
        "status": "draft",
        "source": "segment",
        "segment": VIPS,
        "variants": [
            {
                "label": "A",
                "share": 1,
                "subject": "",
                "text": "",
                "template": {"name": "offer", "language": "pt_BR", "status": "APPROVED"},
                "values": {"1": "{{first_name|amiga}}", "2": "10%"},
                "file": None,
            }
        ],
        "brief": "Até sexta",
        "needs_consent": True,
        "leaves_busy": False,
        "starts_at": answer["starts_at"],
        "quiet_from": "22:00:00",
        "quiet_until": "08:00:00",
        "timezone": "America/Sao_Paulo",
        "per_minute": 600,
        "daily_limit": 1000,
        "price": "0.0625",
        "currency": "BRL",
        "url_pattern": "",
        "seconds": 10,
        "visitors": "any",
        "error": "",
        "created_by": "Shop",
        "approved_by": "",
        "approved_at": None,
        "started_at": None,
        "finished_at": None,
        "created_at": answer["created_at"],
        "updated_at": answer["updated_at"],
    }
    assert campaign.starts_at is not None
    assert campaign.starts_at.isoformat() == "2030-11-27T12:00:00+00:00"
    assert key.get(f"{LIST}/{campaign.pk}").json() == answer
    assert results(key.get(LIST)) == [answer]


def test_variants_share_the_recipients(key: APIClient, number: Inbox) -> None:
    variants = [{"text": "Olá"}, {"text": "Oi", "share": 3}]
    assert words_of(made(key, number, variants=variants)) == [
        ("A", 1, "", "Olá", None), ("B", 3, "", "Oi", None)
    ]  # fmt: skip


def test_nobody_gets_a_campaign_that_names_nobody(
    key: APIClient, number: Inbox, offer: MessageTemplate
) -> None:
    people(number, 3)
    answer = made(key, number, template={"name": "offer"}, values={"1": "x", "2": "y"})
    assert answer["source"] == Source.LIST
    refused = key.post(f"{LIST}/{answer['id']}/start")
    assert (refused.status_code, refused.json()["detail"]) == (422, "Give a list of recipients.")


def test_everybody_has_to_be_said(key: APIClient, number: Inbox) -> None:
    answer = made(key, number, segment={}, text="Olá")
    assert (answer["source"], answer["segment"]) == ("segment", {"match": "all", "rules": []})


def test_message_on_a_site_is_made_too(key: APIClient, inbox: Inbox) -> None:
    answer = made(
        key, inbox, kind="onsite", text="Posso ajudar?", url_pattern="https://shop.example/cart*",
        seconds=30, visitors="returning",
    )  # fmt: skip
    told = {name: answer[name] for name in ("kind", "url_pattern", "seconds", "visitors")}
    assert told == {
        "kind": "onsite", "url_pattern": "https://shop.example/cart*", "seconds": 30, "visitors": "returning"
    }  # fmt: skip
    body = {"recipients": [{"address": "+5511999990001"}]}
    refused = key.post(f"{LIST}/{answer['id']}/recipients", body, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert key.post(f"{LIST}/{answer['id']}/start").json()["status"] == "running"


# --- Sent twice --------------------------------------------------------------------------------------------
def test_same_idempotency_key_makes_one_campaign(key: APIClient, with_key: KeyMaker, number: Inbox) -> None:
    body = {"name": "Natal", "inbox": number.pk, "recipients": [{"address": "+5511999990001"}]}
    first, again = (key.post(LIST, body, format="json", HTTP_IDEMPOTENCY_KEY="natal") for _number in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, again.json())
    assert (Campaign.objects.count(), Upload.objects.count(), Recipient.objects.count()) == (1, 1, 1)
    other = with_key("write", "read").post(LIST, body, format="json", HTTP_IDEMPOTENCY_KEY="natal")
    assert other.json()["id"] != first.json()["id"]
    assert errors_of(key.post(LIST, body, format="json", HTTP_IDEMPOTENCY_KEY="a b")) == ["Idempotency-Key"]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_campaign(key: APIClient, number: Inbox) -> None:
    body = {"name": "Natal", "inbox": number.pk, "recipients": [{"address": "+5511999990001"}]}

    def post(_number: int) -> tuple[int, str]:
        try:
            response = key.post(LIST, body, format="json", HTTP_IDEMPOTENCY_KEY="once")
            return response.status_code, response.json()["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(post, range(16)))) == 1
    assert (Campaign.objects.count(), Upload.objects.count(), Recipient.objects.count()) == (1, 1, 1)


# --- Changing ----------------------------------------------------------------------------------------------
def test_change_leaves_what_it_does_not_name(
    key: APIClient, campaign: Campaign, number: Inbox, offer: MessageTemplate
) -> None:
    url = f"{LIST}/{campaign.pk}"
    before = key.get(url).json()
    answer = key.patch(url, {"brief": "Até sexta", "quiet_from": None}, format="json").json()
    assert answer == {**before, "brief": "Até sexta", "updated_at": answer["updated_at"]}
    assert key.patch(url, {}, format="json").json() == answer
    body = {"inbox": number.pk, "template": {"name": "offer", "language": "pt_BR"}, "values": {"1": "x"}}
    moved = key.patch(url, body, format="json").json()
    assert moved["inbox"]["id"] == number.pk
    assert moved["variants"][0]["values"] == {"1": "x"}
    assert key.patch(url, {"values": {"2": "y"}}, format="json").json()["variants"][0] == {
        **moved["variants"][0], "values": {"2": "y"}
    }  # fmt: skip
    free = key.patch(url, {"template": None, "text": "Olá"}, format="json").json()
    assert words_of(free) == [("A", 1, "", "Olá", None)]


def test_several_wordings_are_changed_together(key: APIClient, number: Inbox) -> None:
    url = f"{LIST}/{made(key, number, variants=[{'text': 'a'}, {'text': 'b', 'share': 2}])['id']}"
    assert errors_of(key.patch(url, {"text": "c"}, format="json")) == ["variants"]
    answer = key.patch(url, {"variants": [{"text": "c"}]}, format="json").json()
    assert words_of(answer) == [("A", 1, "", "c", None)]


def test_file_that_people_gave_stays_with_its_template(
    key: APIClient, number: Inbox, offer: MessageTemplate
) -> None:
    url = f"{LIST}/{made(key, number, template={'name': 'offer'}, values={'1': 'x'})['id']}"
    file = Attachment.objects.create(inbox=number, uploader="lead", name="oferta.png", size=1)
    Campaign.objects.get(inbox=number).variants.update(file=file)
    assert key.patch(url, {"values": {"1": "y"}}, format="json").json()["variants"][0]["file"] == "oferta.png"
    assert key.patch(url, {"template": None}, format="json").json()["variants"][0]["file"] is None


def test_change_takes_the_approval_back(key: APIClient, campaign: Campaign) -> None:
    url = f"{LIST}/{campaign.pk}"
    approved = key.post(f"{url}/approve").json()
    assert (approved["status"], approved["approved_by"]) == ("approved", "Shop")
    assert key.patch(url, {"name": "Páscoa"}, format="json").json()["status"] == "draft"


def test_rules_do_not_silently_join_a_list(key: APIClient, campaign: Campaign) -> None:
    url = f"{LIST}/{campaign.pk}"
    assert key.patch(url, {"segment": VIPS}, format="json").json()["source"] == "segment"
    refused = key.post(f"{url}/approve")
    assert refused.status_code == 422
    assert "Take everybody off the list" in refused.json()["detail"]
    assert key.delete(f"{url}/recipients").status_code == 204
    assert key.post(f"{url}/approve").status_code == 200


# --- From a draft to its end -------------------------------------------------------------------------------
VERBS = ("approve", "start", "pause", "resume", "cancel")
# What a key gets in each state: the state after it, or a refusal.
TABLE: dict[str, dict[str, str | int]] = {
    "draft": {"approve": "approved", "start": "running", "pause": 409, "resume": 409, "cancel": "cancelled"},
    "approved": {
        "approve": "approved", "start": "running", "pause": 409, "resume": 409, "cancel": "cancelled"
    },
    "scheduled": {
        "approve": 409, "start": "scheduled", "pause": "paused", "resume": "scheduled", "cancel": "cancelled"
    },
    "running": {
        "approve": 409, "start": "running", "pause": "paused", "resume": "running", "cancel": "cancelled"
    },
    "paused": {"approve": 409, "start": 409, "pause": "paused", "resume": "running", "cancel": "cancelled"},
    "done": {"approve": 409, "start": 409, "pause": 409, "resume": 409, "cancel": 409},
    "cancelled": {"approve": 409, "start": 409, "pause": 409, "resume": 409, "cancel": "cancelled"},
}  # fmt: skip


def bring(campaign: Campaign, status: str) -> None:
    now = timezone.now()
    over = now if status in {"done", "cancelled"} else None
    Campaign.objects.filter(pk=campaign.pk).update(
        status=status, approved_at=None if status == "draft" else now, finished_at=over
    )


@pytest.mark.parametrize("status", CampaignStatus.values)
@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_in_each_state(key: APIClient, campaign: Campaign, status: str, verb: str) -> None:
    bring(campaign, status)
    wanted = TABLE[status][verb]
    answer = key.post(f"{LIST}/{campaign.pk}/{verb}")
    if wanted == 409:
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert Campaign.objects.get().status == status
    else:
        assert (answer.status_code, answer.json()["status"]) == (200, wanted)
        assert answer.json() == key.get(f"{LIST}/{campaign.pk}").json()


@pytest.mark.parametrize("status", CampaignStatus.values)
def test_what_has_begun_is_neither_changed_nor_deleted_at_work(
    key: APIClient, campaign: Campaign, status: str
) -> None:
    url = f"{LIST}/{campaign.pk}"
    bring(campaign, status)
    is_open, is_at_work = status in {"draft", "approved"}, status in {"scheduled", "running", "paused"}
    answer = key.patch(url, {"brief": "x"}, format="json")
    assert answer.status_code == (200 if is_open else 409)
    body = {"recipients": [{"address": "+5511999990009"}]}
    assert key.post(f"{url}/recipients", body, format="json").status_code == (201 if is_open else 409)
    contact = {"contacts": [str(Contact.objects.earliest("created_at").pk)]}
    assert key.post(f"{url}/recipients", contact, format="json").status_code == (201 if is_open else 409)
    assert key.delete(f"{url}/recipients").status_code == (204 if is_open else 409)
    bring(campaign, status)
    assert key.delete(url).status_code == (409 if is_at_work else 204)
    assert key.get(url).status_code == (200 if is_at_work else 404)


def test_people_approve_before_they_start(lead: Any, campaign: Campaign) -> None:
    elsa = signed_in(User.objects.get(pk=lead.id))
    url = f"{LIST}/{campaign.pk}"
    assert elsa.post(f"{url}/start").status_code == 409
    assert elsa.post(f"{url}/approve").json()["approved_by"] == "Elsa"
    assert elsa.post(f"{url}/start").json()["status"] == "running"


def test_start_at_its_time_waits(key: APIClient, campaign: Campaign) -> None:
    url = f"{LIST}/{campaign.pk}"
    assert key.patch(url, {"starts_at": "2199-12-30T23:59:59-12:00"}, format="json").status_code == 200
    assert key.post(f"{url}/start").json()["status"] == "scheduled"
    assert results(key.get(LIST))[0]["status"] == "scheduled"


def test_everything_that_hinders_is_told(key: APIClient, number: Inbox) -> None:
    answer = made(key, number, segment={}, timezone="America/Sao_Paulo")
    refused = key.post(f"{LIST}/{answer['id']}/approve")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert refused.json()["detail"] == "Write what is to be said."


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_take_nothing_beside(key: APIClient, campaign: Campaign, verb: str) -> None:
    url = f"{LIST}/{campaign.pk}/{verb}"
    assert errors_of(key.post(url, {"at": "now"}, format="json")) == ["at"]
    assert key.post(url, data=b"x", content_type="text/plain").status_code == 415
    assert Campaign.objects.get().status == "draft"


# --- Lists -------------------------------------------------------------------------------------------------
def test_filters_narrow_lists(key: APIClient, campaign: Campaign, inbox: Inbox) -> None:
    made(key, inbox, kind="onsite", text="Olá", name="Site")
    for query, names in {
        "status=draft&ordering=created_at": ["Natal", "Site"],
        "ordering=-created_at": ["Site", "Natal"],
        "status=running": [],
        f"inbox={campaign.inbox_id}": ["Natal"],
        f"inbox={inbox.pk}": ["Site"],
        "inbox=99999": [],
        "kind=onsite": ["Site"],
        "kind=broadcast&ordering=updated_at": ["Natal"],
    }.items():
        assert [row["name"] for row in results(key.get(f"{LIST}?{query}"))] == names, query


def test_pages_hold_every_campaign_once(key: APIClient, number: Inbox) -> None:
    for position in range(5):
        made(key, number, name=f"C{position}", text="Olá")
    Campaign.objects.update(updated_at=timezone.now())
    whole = results(key.get(f"{LIST}?ordering=updated_at"))
    rows: list[Any] = []
    following: str | None = f"{LIST}?ordering=updated_at&limit=2"
    while following:
        page = key.get(following)
        rows += results(page)
        following = page.json()["next"]
    assert rows == whole
    assert len({row["id"] for row in rows}) == 5


# --- Refusals ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"inbox": 999_999}, "inbox"),
        ({"inbox": "1"}, "inbox"),
        ({"inbox": True}, "inbox"),
        ({"inbox": 2**70}, "inbox"),
        ({"kind": "mail"}, "kind"),
        ({"status": "running"}, "status"),
        ({"source": "list"}, "source"),
        ({"idempotency_key": "x"}, "idempotency_key"),
        ({"segment": []}, "segment"),
        ({"segment": False}, "segment"),
        ({"segment": {"rule": []}}, "segment"),
        ({"segment": {"rules": [{"field": "tag", "op": "has"}]}}, "segment"),
        ({"segment": {"rules": [{"field": "tag", "op": "has", "value": "a\x00"}]}}, "segment"),
        ({"segment": {"rules": [{"field": "campaign", "op": "got", "value": "-" * 36}]}}, "segment"),
        ({"segment": {"rules": [{"field": "created", "op": "after", "value": "9999-12-31"}]}}, "segment"),
        ({"segment": {"rules": [{"field": "created", "op": "before", "value": "0001-01-01"}]}}, "segment"),
        ({"segment": {}, "recipients": [{"address": "x"}]}, "segment"),
        ({"kind": "onsite", "recipients": [{"address": "x"}]}, "recipients"),
        ({"text": 5}, "text"),
        ({"text": "x" * 4001}, "text"),
        ({"text": "\ud800"}, "text"),
        ({"template": "offer"}, "template"),
        ({"template": {"name": "nothing"}}, "template"),
        ({"template": {"name": "offer", "language": "en"}}, "template"),
        ({"template": {"name": "double"}}, "template.language"),
        ({"template": {"name": "theirs"}}, "template"),
        ({"template": {"name": "offer", "id": 1}}, "template.id"),
        ({"values": {"1": 5}}, "values.1"),
        ({"values": {"a\x00": "x"}}, "values"),
        ({"values": {"\ud800": "x"}}, "values"),
        ({"values": {str(name): "x" for name in range(41)}}, "values"),
        ({"variants": []}, "variants"),
        ({"variants": [{"text": "x"}] * 6}, "variants"),
        ({"variants": [{"text": "x"}], "text": "y"}, "text"),
        ({"variants": [{"text": "x"}, {"text": "x", "share": 0}]}, "variants.1.share"),
        ({"variants": [{"text": "x"}, {"template": {"name": "nothing"}}]}, "variants.1.template"),
        ({"variants": [{"label": "A"}]}, "variants.0.label"),
        ({"starts_at": "2026-11-27T09:00:00"}, "starts_at"),
        ({"starts_at": "9999-12-31T23:59:59-12:00"}, "starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+12:00"}, "starts_at"),
        ({"starts_at": 1_800_000_000}, "starts_at"),
        ({"quiet_from": "22:00"}, "quiet_until"),
        ({"quiet_from": "25:00", "quiet_until": "08:00"}, "quiet_from"),
        ({"quiet_from": 22, "quiet_until": "08:00"}, "quiet_from"),
        ({"timezone": "Sao Paulo"}, "timezone"),
        ({"per_minute": 0}, "per_minute"),
        ({"per_minute": "60"}, "per_minute"),
        ({"per_minute": None}, "per_minute"),
        ({"per_minute": 2**40}, "per_minute"),
        ({"daily_limit": 0}, "daily_limit"),
        ({"daily_limit": 2**31}, "daily_limit"),
        ({"needs_consent": "yes"}, "needs_consent"),
        ({"price": -1}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "100000"}, "price"),
        ({"currency": "reais"}, "currency"),
        ({"seconds": -1}, "seconds"),
        ({"visitors": "all"}, "visitors"),
        ({"contacts": []}, "contacts"),
        ({"contacts": "x"}, "contacts"),
        ({"contacts": ["x"]}, "contacts.0"),
        ({"contacts": [str(uuid4())]}, "contacts.0"),
        ({"recipients": []}, "recipients"),
        ({"recipients": ["+5511999990001"]}, "recipients.0"),
        ({"recipients": [{"address": " "}]}, "recipients.0.address"),
        ({"recipients": [{"address": "x", "phone": "y"}]}, "recipients.0.phone"),
        ({"recipients": [{"address": "x", "values": {"E-mail": "y"}}]}, "recipients.0.values"),
        ({"recipients": [{"address": "x", "values": {"a;b": "y"}}]}, "recipients.0.values"),
        (
            {"recipients": [{"address": "x", "values": {f"v{n}": "y"}} for n in range(41)]},
            "recipients",
        ),
        ({"recipients": [{"address": "x"}] * 1001}, "recipients"),
        ({"recipients": [{"address": "x"}], "region": "XX"}, "region"),
        ({"recipients": [{"address": "x"}], "region": "Brasil"}, "region"),
    ],
)
def test_wrong_bodies_make_nothing(
    key: APIClient, number: Inbox, offer: MessageTemplate, more: Any, field: str
) -> None:
    for name, inbox in (("double", number), ("double", number), ("theirs", None)):
        owner = inbox or Inbox.objects.create(name="Other", channel="whatsapp_cloud")
        language = f"l{MessageTemplate.objects.count()}"
        MessageTemplate.objects.create(
            inbox=owner, name=name, language=language, status="APPROVED", synced_at=timezone.now()
        )
    # json.dumps writes lone surrogates as escapes, as a hostile client would.
    body = json.dumps({"name": "Natal", "inbox": number.pk, **more})
    refused = key.post(LIST, data=body.encode(), content_type="application/json")
    assert errors_of(refused) == [field]
    assert not Campaign.objects.exists()


def test_what_is_not_for_changing_is_refused(key: APIClient, campaign: Campaign) -> None:
    for name in ("id", "status", "source", "error", "approved_by", "recipients", "contacts", "region"):
        assert errors_of(key.patch(f"{LIST}/{campaign.pk}", {name: None}, format="json")) == [name]


def test_customers_of_others_cannot_be_written_to(
    with_key: KeyMaker, number: Inbox, team: Team, other_team: Team
) -> None:
    theirs = Inbox.objects.create(name="Theirs", channel="whatsapp_cloud", team=other_team)
    (foreign,), (own,) = people(theirs, 1, start=5), people(number, 1)
    client = with_key("write", "read", teams=[team])
    body = {"name": "Natal", "inbox": number.pk, "contacts": [str(own.pk), str(foreign.pk)]}
    assert errors_of(client.post(LIST, body, format="json")) == ["contacts.1"]
    assert client.post(LIST, {**body, "contacts": [str(own.pk)]}, format="json").status_code == 201
    assert [row.contact_id for row in Recipient.objects.all()] == [own.pk]
