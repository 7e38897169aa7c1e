"""From a draft to its end over HTTP: what each verb does in each state."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from campaigns.enums import CampaignStatus
from campaigns.models import Campaign
from conversations.models import Contact, Inbox
from tests.api.conftest import fields_of, results, signed_in
from tests.api.test_campaigns import LIST, made

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
    assert fields_of(key.post(url, {"at": "now"}, format="json")) == ["at"]
    assert key.post(url, data=b"x", content_type="text/plain").status_code == 415
    assert Campaign.objects.get().status == "draft"
