"""What is refused of campaigns over HTTP, with the name of the field."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Team
from campaigns.models import Campaign, Recipient
from conversations.models import Inbox, MessageTemplate
from tests.api.conftest import KeyMaker, fields_of
from tests.api.test_campaigns import LIST
from tests.campaigns.conftest import people


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
    assert fields_of(refused) == [field]
    assert not Campaign.objects.exists()


def test_what_is_not_for_changing_is_refused(key: APIClient, campaign: Campaign) -> None:
    for name in ("id", "status", "source", "error", "approved_by", "recipients", "contacts", "region"):
        assert fields_of(key.patch(f"{LIST}/{campaign.pk}", {name: None}, format="json")) == [name]


def test_customers_of_others_cannot_be_written_to(
    with_key: KeyMaker, number: Inbox, team: Team, other_team: Team
) -> None:
    theirs = Inbox.objects.create(name="Theirs", channel="whatsapp_cloud", team=other_team)
    (foreign,), (own,) = people(theirs, 1, start=5), people(number, 1)
    client = with_key("write", "read", teams=[team])
    body = {"name": "Natal", "inbox": number.pk, "contacts": [str(own.pk), str(foreign.pk)]}
    assert fields_of(client.post(LIST, body, format="json")) == ["contacts.1"]
    assert client.post(LIST, {**body, "contacts": [str(own.pk)]}, format="json").status_code == 201
    assert [row.contact_id for row in Recipient.objects.all()] == [own.pk]
