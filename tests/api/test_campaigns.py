"""Campaigns over HTTP: making them, changing them, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from campaigns.enums import Source
from campaigns.models import Campaign, Recipient, Upload
from conversations.models import Attachment, Inbox, MessageTemplate
from tests.api.conftest import KeyMaker, fields_of, results
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
    assert fields_of(key.post(LIST, body, format="json", HTTP_IDEMPOTENCY_KEY="a b")) == ["Idempotency-Key"]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_campaign(key: APIClient, number: Inbox) -> None:
    body = {"name": "Natal", "inbox": number.pk, "recipients": [{"address": "+5511999990001"}]}

    def post(_number: int) -> tuple[int, str]:
        try:
            response = key.post(LIST, body, format="json", HTTP_IDEMPOTENCY_KEY="once")
            return response.status_code, response.json().get("id", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(post, range(16)))
    # Whoever comes while it is being made is asked to come again.
    assert {status for status, _pk in answers} <= {201, 409}
    assert (201, str(Campaign.objects.get().pk)) in answers
    assert post(0)[0] == 201
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
    assert fields_of(key.patch(url, {"text": "c"}, format="json")) == ["variants"]
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


# --- Lists -------------------------------------------------------------------------------------------------
def test_message_on_a_site_with_a_list_is_not_started(key: APIClient, number: Inbox, inbox: Inbox) -> None:
    answer = made(key, number, text="Oi", recipients=[{"address": "+5511999990001"}])
    url = f"{LIST}/{answer['id']}"
    body = {"kind": "onsite", "inbox": inbox.pk}
    assert key.patch(url, body, format="json").status_code == 200
    found = key.post(f"{url}/start")
    assert found.status_code == 422
    assert "it cannot have a list of recipients" in found.content.decode()
    assert Campaign.objects.get().status == "draft"


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
