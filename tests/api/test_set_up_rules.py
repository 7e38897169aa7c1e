"""What the pages about integrations, AI agents, webhooks and campaigns promise at their edges."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Team
from agents.models import Agent, Run
from api.models import Webhook
from campaigns.models import Campaign
from conversations.actions import Sender, receive
from conversations.models import Conversation, Inbox
from tests.api.conftest import KeyMaker, fields_of, results

INTEGRATIONS, AGENTS, WEBHOOKS, CAMPAIGNS = (
    f"/api/v1/{name}" for name in ("integrations", "agents", "webhooks", "campaigns")
)
SECRET = "sixteen-letters-x"
MAIL = {
    "address": "news@shop.example", "imap_host": "mail.shop.example", "imap_password": "imap-secret",
    "smtp_host": "mail.shop.example",
}  # fmt: skip


@pytest.fixture
def till(other_team: Team) -> Inbox:
    """The inbox of another team."""
    return Inbox.objects.create(name="Till", team=other_team)


@pytest.fixture
def agent(inbox: Inbox) -> Agent:
    made = Agent.objects.create(name="Lia")
    made.inboxes.add(inbox)
    return made


def ran(agent: Agent, conversation: Conversation, status: str = "answered") -> Run:
    over = {"status": status, "up_to_seq": 1, "finished_at": timezone.now()}
    return Run.objects.create(agent=agent, conversation=conversation, **over)


# --- Integrations ------------------------------------------------------------------------------------------
def test_secret_that_signs_customers_is_shown_nowhere(admin: APIClient, db: None) -> None:
    body = {"channel": "web", "name": "Shop", "identity_secret": SECRET}
    made = admin.post(INTEGRATIONS, body, format="json")
    url = f"{INTEGRATIONS}/{made.json()['id']}"
    changed = admin.patch(url, {"identity_secret": SECRET[::-1]}, format="json")
    assert (made.status_code, changed.status_code) == (201, 200)
    for answer in (made, changed, admin.get(url), admin.get(INTEGRATIONS)):
        assert SECRET not in answer.content.decode()
        assert SECRET[::-1] not in answer.content.decode()
    assert made["ETag"] != changed["ETag"]


def test_secret_goes_to_another_server_only_when_it_is_given_again(admin: APIClient, db: None) -> None:
    made = admin.post(INTEGRATIONS, {"channel": "email", "name": "Mail", "config": MAIL}, format="json")
    assert made.status_code == 201, made.content
    url = f"{INTEGRATIONS}/{made.json()['id']}"
    moved = {"imap_host": "mail.thief.example"}
    assert fields_of(admin.patch(url, {"config": moved}, format="json")) == ["config.imap_password"]
    assert admin.get(url).json()["config"]["imap_host"] == MAIL["imap_host"]
    again = admin.patch(url, {"config": {**moved, "imap_password": "new"}}, format="json")
    assert (again.status_code, again.json()["config"]["imap_host"]) == (200, "mail.thief.example")


def test_lead_gives_an_integration_to_another_team_and_sees_it_no_more(
    as_elsa: APIClient, inbox: Inbox, other_team: Team
) -> None:
    url = f"{INTEGRATIONS}/{inbox.pk}"
    moved = as_elsa.patch(url, {"team": "finance"}, format="json")
    assert (moved.status_code, moved.json()["team"]) == (200, "finance")
    assert as_elsa.get(url).status_code == 404
    assert as_elsa.patch(url, {"team": "support"}, format="json").status_code == 404


def test_lead_neither_changes_nor_tests_what_is_another_teams(as_elsa: APIClient, till: Inbox) -> None:
    url = f"{INTEGRATIONS}/{till.pk}"
    assert as_elsa.patch(url, {"title": "X"}, format="json").status_code == 404
    assert as_elsa.post(f"{url}/test").status_code == 404
    assert as_elsa.delete(url).status_code == 403
    till.refresh_from_db()
    assert till.title == ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"allowed_origins": ["https://a.example"] * 51}, "allowed_origins"),
        ({"allowed_origins": "https://a.example"}, "allowed_origins"),
        ({"identity_secret": "x" * 15}, "identity_secret"),
        ({"identity_secret": "x" * 65}, "identity_secret"),
        ({"identity_secret": None}, "identity_secret"),
        ({"greeting": "x" * 301}, "greeting"),
        ({"position": "top"}, "position"),
        ({"color": "#12345g"}, "color"),
        ({"is_active": "true"}, "is_active"),
        ({"chat_per_minute": 2**40}, "chat_per_minute"),
        ({"config": {"bot_token": "x"}}, "config.bot_token"),
    ],
)
def test_wrong_change_of_a_widget_changes_nothing(
    admin: APIClient, inbox: Inbox, change: dict[str, Any], field: str
) -> None:
    url = f"{INTEGRATIONS}/{inbox.pk}"
    before = admin.get(url)
    refused = admin.patch(url, {"title": "New", **change}, format="json")
    assert fields_of(refused)[0].startswith(field)
    assert admin.get(url)["ETag"] == before["ETag"]


def test_pace_of_a_chat_is_left_to_the_server_by_null(admin: APIClient, inbox: Inbox) -> None:
    url = f"{INTEGRATIONS}/{inbox.pk}"
    assert admin.patch(url, {"chat_per_minute": 1}, format="json").json()["chat_per_minute"] == 1
    assert admin.patch(url, {"title": "X"}, format="json").json()["chat_per_minute"] == 1
    assert admin.patch(url, {"chat_per_minute": None}, format="json").json()["chat_per_minute"] is None


# --- AI agents ---------------------------------------------------------------------------------------------
def test_lead_changes_an_agent_only_where_they_see_all_its_inboxes(
    as_elsa: APIClient, agent: Agent, till: Inbox, inbox: Inbox
) -> None:
    url = f"{AGENTS}/{agent.pk}"
    assert as_elsa.patch(url, {"persona": "Kind"}, format="json").status_code == 200
    agent.inboxes.add(till)
    for answer in (
        as_elsa.patch(url, {"persona": "Rude"}, format="json"),
        as_elsa.patch(url, {"inboxes": [inbox.pk]}, format="json"),
        as_elsa.post(f"{url}/try", {"message": "Oi"}, format="json"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    agent.refresh_from_db()
    assert (agent.persona, agent.inboxes.count()) == ("Kind", 2)


def test_agent_is_tried_twenty_times_a_minute_by_each(
    admin: APIClient, with_key: KeyMaker, agent: Agent, still_minute: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who has asked too often is told when to come back, and holds up nobody else."""
    monkeypatch.setattr("agents.trial.PER_MINUTE", 1)
    url, body = f"{AGENTS}/{agent.pk}/try", {"message": "Where is my parcel?"}
    assert admin.post(url, body, format="json").status_code == 200
    refused = admin.post(url, body, format="json")
    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (429, "too_many", "42")
    assert with_key("admin").post(url, body, format="json").status_code == 200


@pytest.mark.parametrize("message", ["", "  ", None, 5, "a\x00", "x" * 10_001])
def test_agent_is_not_tried_with_what_is_no_message(admin: APIClient, agent: Agent, message: Any) -> None:
    assert fields_of(admin.post(f"{AGENTS}/{agent.pk}/try", {"message": message}, format="json")) == [
        "message"
    ]


def test_agent_that_never_answered_is_deleted_and_others_are_switched_off(
    admin: APIClient, agent: Agent, conversation: Conversation
) -> None:
    idle = admin.post(AGENTS, {"name": "Nina"}, format="json").json()
    assert admin.delete(f"{AGENTS}/{idle['id']}").status_code == 204
    assert admin.get(f"{AGENTS}/{idle['id']}").status_code == 404
    run = ran(agent, conversation)
    assert admin.delete(f"{AGENTS}/{agent.pk}").status_code == 409
    off = admin.patch(f"{AGENTS}/{agent.pk}", {"is_active": False}, format="json")
    assert off.json()["is_active"] is False
    assert admin.get(f"/api/v1/runs/{run.pk}").status_code == 200
    assert [row["id"] for row in results(admin.get(f"{AGENTS}?is_active=true"))] == []


def test_runs_of_an_agent_of_two_teams_are_each_teams_own(
    as_bruno: APIClient, admin: APIClient, agent: Agent, till: Inbox, conversation: Conversation
) -> None:
    foreign = receive(inbox=till, sender=Sender("e", name="Eva"), text="Oi").conversation
    agent.inboxes.add(till)
    mine, theirs = ran(agent, conversation), ran(agent, foreign, "failed")
    url = f"{AGENTS}/{agent.pk}/runs"
    assert [row["id"] for row in results(as_bruno.get(url))] == [str(mine.pk)]
    for query in (f"conversation={foreign.pk}", "status=failed", f"conversation={uuid4()}"):
        assert results(as_bruno.get(f"{url}?{query}")) == [], query
    for query in (f"conversation={foreign.pk}", "status=failed"):
        assert [row["id"] for row in results(admin.get(f"{url}?{query}"))] == [str(theirs.pk)], query
    assert fields_of(admin.get(f"{url}?status=lost")) == ["status"]


# --- Webhooks ----------------------------------------------------------------------------------------------
def hook(admin: APIClient, **more: Any) -> dict[str, Any]:
    made = admin.post(WEBHOOKS, {"url": "https://shop.example/hooks", **more}, format="json")
    assert made.status_code == 201, made.content
    told: dict[str, Any] = made.json()
    return told


def test_secret_of_a_webhook_is_shown_when_it_is_made_and_never_again(admin: APIClient, db: None) -> None:
    made = hook(admin)
    url, secret = f"{WEBHOOKS}/{made['id']}", made.pop("secret")
    rotated = admin.post(f"{url}/rotate", {}, format="json").json().pop("secret")
    assert secret.startswith("whsec_")
    assert rotated != secret
    changed = admin.patch(url, {"description": "Loja"}, format="json")
    for answer in (admin.get(url), admin.get(WEBHOOKS), changed):
        for hidden in (secret, rotated, "whsec_"):
            assert hidden not in answer.content.decode()


def test_webhook_hears_of_everything_where_nothing_is_said(admin: APIClient, team: Team) -> None:
    made = hook(admin)
    assert (made["events"], made["teams"], made["all_teams"], made["active"]) == (["*"], [], True, True)
    url = f"{WEBHOOKS}/{made['id']}"
    tied = admin.patch(url, {"teams": ["support"], "events": ["ticket.*", "ticket.*"]}, format="json").json()
    assert (tied["events"], tied["teams"], tied["all_teams"]) == (["ticket.*"], ["support"], False)
    freed = admin.patch(url, {"teams": []}, format="json").json()
    assert (freed["teams"], freed["all_teams"], freed["events"]) == ([], True, ["ticket.*"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "ftp://shop.example"}, "url"),
        ({"url": "shop.example/hooks"}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"events": []}, "events"),
        ({"events": ["ticket.burned"]}, "events"),
        ({"events": ["ping"]}, "events"),
        ({"events": ["note.created", 5]}, "events.1"),
        ({"teams": ["nowhere"]}, "teams.0"),
        ({"active": "no"}, "active"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
def test_wrong_webhook_is_neither_made_nor_changed(
    admin: APIClient, db: None, change: dict[str, Any], field: str
) -> None:
    refused = admin.post(WEBHOOKS, {"url": "https://shop.example/hooks", **change}, format="json")
    assert fields_of(refused) == [field]
    assert not Webhook.objects.exists()
    url = f"{WEBHOOKS}/{hook(admin)['id']}"
    before = admin.get(url)
    assert fields_of(admin.patch(url, change, format="json")) == [field]
    assert admin.get(url)["ETag"] == before["ETag"]


@pytest.mark.parametrize("hours", [-1, 1.5, "24", True, 10**9])
def test_former_secret_signs_on_for_no_odd_time(admin: APIClient, db: None, hours: Any) -> None:
    made = hook(admin)
    refused = admin.post(f"{WEBHOOKS}/{made['id']}/rotate", {"hours": hours}, format="json")
    assert fields_of(refused) == ["hours"]
    assert [each["secret"] for each in Webhook.objects.get().secrets] == [made["secret"]]


def test_secret_rotated_under_one_key_is_rotated_once(admin: APIClient, db: None) -> None:
    url = f"{WEBHOOKS}/{hook(admin)['id']}/rotate"
    first, again = (admin.post(url, {}, format="json", HTTP_IDEMPOTENCY_KEY="r") for _ in range(2))
    assert first.json()["secret"] == again.json()["secret"]
    assert len(Webhook.objects.get().secrets) == 2


def test_nothing_is_told_again_by_what_is_switched_off(admin: APIClient, db: None) -> None:
    url = f"{WEBHOOKS}/{hook(admin, active=False)['id']}/replay"
    refused = admin.post(url, {"since": "2026-01-01T00:00:00Z"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    for wrong in ({}, {"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}):
        assert fields_of(admin.post(url, wrong, format="json")) == ["since"]


def test_calls_of_one_webhook_are_not_found_under_another(admin: APIClient, db: None) -> None:
    mine, other = hook(admin), hook(admin)
    for path in (f"{WEBHOOKS}/{mine['id']}/calls/1", f"{WEBHOOKS}/{other['id']}/calls/{2**70}"):
        assert admin.get(path).status_code == 404
        assert admin.post(f"{path}/replay").status_code == 404
    assert fields_of(admin.get(f"{WEBHOOKS}/{mine['id']}/calls?status=lost")) == ["status"]


# --- Campaigns ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", ["approve", "start", "pause", "resume", "cancel"])
def test_verb_of_an_operator_is_refused_and_moves_nothing(
    as_bruno: APIClient, campaign: Campaign, verb: str
) -> None:
    refused = as_bruno.post(f"{CAMPAIGNS}/{campaign.pk}/{verb}")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    campaign.refresh_from_db()
    assert campaign.status == "draft"


def test_list_that_is_taken_away_leaves_a_campaign_for_nobody_yet(key: APIClient, campaign: Campaign) -> None:
    url = f"{CAMPAIGNS}/{campaign.pk}"
    assert len(results(key.get(f"{url}/recipients"))) == 1
    assert key.delete(f"{url}/recipients").status_code == 204
    assert results(key.get(f"{url}/recipients")) == []
    assert results(key.get(f"{url}/lists")) == []
    assert key.post(f"{url}/start").status_code == 422
    assert key.get(url).json()["status"] == "draft"


def test_recipient_of_a_list_is_on_it_once_however_the_number_is_written(
    key: APIClient, campaign: Campaign
) -> None:
    url = f"{CAMPAIGNS}/{campaign.pk}/recipients"
    people = [{"address": number} for number in ("+55 11 99999-0001", "5511999990002", "+55 (11) 999990002")]
    assert key.post(url, {"recipients": people}, format="json").status_code == 201
    assert sorted(row["address"] for row in results(key.get(url))) == ["5511999990001", "5511999990002"]
