"""Inboxes through the API: what goes in, what never comes out, what a provider is asked."""

import json
import threading
from typing import Any

import httpx
import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import Team
from conversations.channels import adapter, channel_choices
from conversations.enums import Light
from conversations.exchange import Check
from conversations.models import Conversation, Inbox, InboxState
from tests.api.conftest import KeyMaker, results
from tests.conversations.conftest import scripted as scripted  # noqa: PLC0414 (a fixture)
from tests.conversations.scripted import ScriptedAdapter
from tests.live import LiveServer

URL = "/api/v1/integrations"
TOKEN = "123456789:AAE-abcdefghijklmnopqrstuvwxyz01"
SECRET = "sixteen-letters-x"


def make(client: APIClient, **more: Any) -> Any:
    config = {"bot_token": TOKEN, "secret_token": SECRET}
    body = {"channel": "telegram", "name": "Bot", "config": config, **more}
    return client.post(URL, body, format="json")


def test_made_integration_tells_what_the_provider_must_know_and_no_secret(
    admin: APIClient, team: Team, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://desk.example"
    made = make(admin, team="support", chat_per_minute=7)
    assert made.status_code == 201, made.content
    inbox = Inbox.objects.get()
    assert (inbox.team, inbox.config["bot_token"], inbox.chat_per_minute) == (team, TOKEN, 7)
    told = made.json()
    assert told["config"] == {
        "mode": "webhook", "allow_groups": False, "api_url": "https://api.telegram.org",
    }  # fmt: skip
    assert told["secrets_set"] == ["bot_token", "secret_token"]
    assert told["webhook_url"] == f"https://desk.example/hooks/{inbox.key}"
    assert (told["script"], told["health"]["light"]) == ("", "unknown")
    assert len(told["setup_steps"]) == 5
    for answer in (made, admin.get(URL), admin.get(f"{URL}/{inbox.pk}")):
        text = answer.content.decode()
        assert TOKEN not in text
        assert SECRET not in text
        assert inbox.secret not in text


def test_widget_comes_with_its_line_of_html(admin: APIClient, db: None) -> None:
    told = make(admin, channel="web", name="Shop", config={}).json()
    assert told["script"].startswith("<script src=")
    assert told["key"] in told["script"]
    assert told["webhook_url"] == ""


def test_secrets_left_out_stay_and_can_be_replaced_and_forgotten(admin: APIClient, db: None) -> None:
    url = f"{URL}/{make(admin).json()['id']}"
    changed = admin.patch(url, {"config": {"mode": "polling", "secret_token": None}}, format="json").json()
    assert (changed["config"]["mode"], changed["secrets_set"]) == ("polling", ["bot_token"])
    assert Inbox.objects.get().config["bot_token"] == TOKEN
    other = TOKEN.replace("01", "02")
    admin.patch(url, {"config": {"bot_token": other}}, format="json")
    stored = Inbox.objects.get().config
    assert (stored["bot_token"], stored["mode"]) == (other, "polling")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"config": {"bot_token": "x"}}, "config.bot_token"), ({"config": {}}, "config.bot_token"),
        ({"config": {"bot_token": TOKEN, "colour": 1}}, "config.colour"), ({"config": []}, "config"),
        ({"config": {"bot_token": TOKEN, "allow_groups": "yes"}}, "config.allow_groups"),
        ({"channel": "fax"}, "channel"), ({"name": ""}, "name"), ({"color": "red"}, "color"),
        ({"chat_per_minute": 0}, "chat_per_minute"), ({"chat_per_minute": "5"}, "chat_per_minute"),
        ({"identity_secret": "x" * 20}, "identity_secret"), ({"identity_secret": "x"}, "identity_secret"),
        ({"secret": "x"}, "secret"), ({"key": "mine"}, "key"), ({"team": "nowhere"}, "team"),
    ],
)  # fmt: skip
def test_wrong_words_are_refused_with_the_path_of_the_field(
    admin: APIClient, db: None, more: dict[str, Any], field: str
) -> None:
    refused = make(admin, **more)
    assert refused.status_code == 422, refused.content
    assert refused.json()["errors"][0]["field"] == field
    assert TOKEN not in refused.content.decode()
    assert not Inbox.objects.exists()


def test_channel_of_an_integration_stays(admin: APIClient, inbox: Inbox) -> None:
    refused = admin.patch(f"{URL}/{inbox.pk}", {"channel": "email"}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown")


def test_settings_are_shown_to_those_only_who_may_change_them(
    admin: APIClient, as_bruno: APIClient, with_key: KeyMaker, team: Team
) -> None:
    url = f"{URL}/{make(admin, team='support').json()['id']}"
    for client in (as_bruno, with_key("read", "write", teams=[team]), with_key("read")):
        told = client.get(url).json()
        assert told["name"] == "Bot"
        hidden = ("config", "secrets_set", "webhook_url", "setup_steps")
        assert [told[name] for name in hidden] == [None] * 4
    assert with_key("admin", teams=[team]).get(url).json()["config"]["mode"] == "webhook"


def test_inbox_with_conversations_is_switched_off_and_not_deleted(
    admin: APIClient, conversation: Conversation
) -> None:
    url = f"{URL}/{conversation.inbox_id}"
    refused = admin.delete(url)
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert "Switch it off" in refused.json()["detail"]
    assert admin.patch(url, {"is_active": False}, format="json").json()["is_active"] is False
    assert Conversation.objects.exists()


def test_list_is_narrowed(admin: APIClient, inbox: Inbox, other_team: Team) -> None:
    make(admin, is_active=False)

    def names(query: str) -> list[str]:
        return [row["name"] for row in results(admin.get(f"{URL}?{query}"))]

    assert names("channel=telegram") == names("team=none") == names("is_active=false") == ["Bot"]
    assert names("is_active=true") == names("team=support") == ["Shop"]
    assert names("ordering=-id") == ["Bot", "Shop"]


def test_channels_describe_their_settings(admin: APIClient, db: None) -> None:
    told = {row["channel"]: row for row in results(admin.get(f"{URL}/channels"))}
    assert set(told) == set(channel_choices())
    token = told["telegram"]["config_schema"]["properties"]["bot_token"]
    assert (token["format"], token["writeOnly"], token["title"]) == ("password", True, "Bot token")
    assert told["telegram"]["config_schema"]["required"] == ["bot_token"]
    assert told["web"]["sends"] is False
    json.dumps(told)
    few = results(admin.get(f"{URL}/channels?fields=channel"))
    assert few[0].keys() == {"channel"}


# --- asking the provider -----------------------------------------------------------------------------------


@pytest.fixture
def line(scripted: type[ScriptedAdapter], team: Team) -> Inbox:
    return Inbox.objects.create(name="Line", channel="scripted", team=team)


def test_test_asks_the_provider_and_tells_what_it_said(admin: APIClient, line: Inbox) -> None:
    told = admin.post(f"{URL}/{line.pk}/test").json()
    assert (told["light"], told["detail"]) == ("green", "fine")
    assert told["checked_at"] is not None
    assert InboxState.objects.get().light == "green"
    assert admin.get(f"{URL}/{line.pk}").json()["health"]["light"] == "green"


def test_settings_that_do_not_work_are_an_answer(admin: APIClient, line: Inbox) -> None:
    Inbox.objects.update(config={"is_pulled": "perhaps"})
    told = admin.post(f"{URL}/{line.pk}/test")
    assert (told.status_code, told.json()["light"]) == (200, "red")
    assert told.json()["detail"] == "These settings are missing or wrong: is_pulled."


@pytest.mark.django_db(transaction=True)
def test_provider_is_asked_outside_of_any_transaction(
    ana: Any, line: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def test(config: Any) -> Check:
        seen.append(connection.in_atomic_block)
        return Check(Light.GREEN, "fine")

    monkeypatch.setattr(adapter("scripted"), "test", test)
    client = APIClient()
    client.force_login(ana)
    for key in ("", "once", "once"):
        assert client.post(f"{URL}/{line.pk}/test", HTTP_IDEMPOTENCY_KEY=key or "first").status_code == 200
    assert seen == [False, False]


@pytest.mark.django_db(transaction=True)
def test_provider_that_takes_its_time_keeps_no_usual_thread_waiting(
    with_key: KeyMaker, line: Inbox, quiet_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def test(config: Any) -> Check:
        names.append(threading.current_thread().name)
        return Check(Light.GREEN, "fine")

    monkeypatch.setattr(adapter("scripted"), "test", test)
    headers = {"Authorization": f"Api-Key {with_key('admin').key}"}
    answer = httpx.post(f"{quiet_server.url}{URL}/{line.pk}/test", headers=headers)
    assert answer.json()["detail"] == "fine"
    assert [name.partition("-")[0] for name in names] == ["waiting"]
