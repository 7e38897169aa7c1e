"""Trying a campaign out over HTTP, on somebody whom its inbox knows."""

from typing import Any

from rest_framework.test import APIClient

from campaigns.models import Campaign, Recipient
from conversations.models import (
    Contact,
    ContactIdentity,
    Conversation,
    Delivery,
    Inbox,
    Message,
    MessageTemplate,
)
from tests.api.conftest import fields_of, signed_in
from tests.api.test_campaign_people import TEXT, url_of
from tests.api.test_campaigns import LIST, made
from tests.campaigns.conftest import people


def test_test_goes_to_whom_the_inbox_knows(
    key: APIClient, number: Inbox, offer: MessageTemplate, conversation: Conversation
) -> None:
    ((maria),) = people(number, 1)
    answer = made(
        key,
        number,
        segment={},
        variants=[{"text": "Só por aqui"}, {**TEXT, "values": {"1": "{{name}}", "2": "5%"}}],
    )
    url = url_of(answer, "test")
    for to in ({"contact": str(maria.pk)}, {"address": "+55 11 90000-0000"}, {"address": "5511900000000"}):
        told = key.post(url, {"to": to, "variant": "B"}, format="json")
        assert (told.status_code, told.json()["text"]) == (201, "Oi Maria 0, 5% de desconto.")
        there = {"conversation": told.json()["conversation"]}
        assert key.post(url, {"to": there, "variant": "B"}, format="json").status_code == 201
    assert Delivery.objects.count() == Message.objects.filter(direction="out").count() == 6
    assert not Recipient.objects.exists()
    closed = key.post(url, {"to": {"contact": str(maria.pk)}}, format="json")
    assert (closed.status_code, closed.json()["code"]) == (409, "window_closed")
    for body, field in [
        ({}, "to"),
        ({"to": {}}, "to"),
        ({"to": None}, "to"),
        ({"to": "x"}, "to"),
        ({"to": {"address": "+5511999999999"}}, "to.address"),
        ({"to": {"address": "a\x00"}}, "to.address"),
        ({"to": {"contact": str(conversation.contact_id)}}, "to.contact"),
        ({"to": {"conversation": str(conversation.pk)}}, "to.conversation"),
        ({"to": {"contact": str(conversation.pk)}}, "to.contact"),
        ({"to": {"contact": str(maria.pk), "address": "x"}}, "to"),
        ({"to": {"contact": str(maria.pk)}, "variant": "C"}, "variant"),
        ({"to": {"contact": str(maria.pk)}, "variant": "Z"}, "variant"),
    ]:
        assert fields_of(key.post(url, body, format="json")) == [field], body
    Contact.objects.filter(pk=maria.pk).update(name="")
    refused = key.post(url, {"to": {"contact": str(maria.pk)}, "variant": "B"}, format="json")
    assert fields_of(refused) == ["to"]
    assert "name" in refused.json()["detail"]
    assert Message.objects.filter(direction="out").count() == 6


def test_test_reaches_another_id_of_the_same_person(
    key: APIClient, number: Inbox, offer: MessageTemplate
) -> None:
    ((maria),) = people(number, 1)
    root = maria.identities.get()
    ContactIdentity.objects.create(inbox=number, contact=maria, external_id="551190000", same_as=root)
    answer = made(key, number, segment={}, **TEXT)
    told = key.post(url_of(answer, "test"), {"to": {"address": "551190000"}}, format="json")
    assert Conversation.objects.get(pk=told.json()["conversation"]).identity_id == root.pk


def test_operator_reads_and_decides_nothing(bruno: Any, campaign: Campaign) -> None:
    as_bruno, url = signed_in(bruno), f"{LIST}/{campaign.pk}"
    for what in ("", "/stats", "/recipients", "/lists"):
        assert as_bruno.get(f"{url}{what}").status_code == 200
    refused = as_bruno.post(f"{url}/test", {"to": {"address": "+5511999990001"}}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert not Message.objects.exists()
