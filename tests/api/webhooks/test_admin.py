"""Webhooks in the admin: made, tested, changed and looked at by administrators."""

import re
from typing import Any

import httpx
import pytest
from django.test import Client
from django.urls import reverse
from standardwebhooks import Webhook as Judge

from accounts.models import Team, User
from api.enums import CallStatus
from api.models import Webhook, WebhookCall
from conversations.models import Inbox
from tests.api.webhooks.conftest import call, hand_out, listen, write
from tests.fakes.receiver import Receiver, answering
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)
FORM = {"url": "https://shop.example/hooks", "description": "Shop", "is_active": "on", "events": ["*"]}
LIST, CALLS = "admin:api_webhook_changelist", "admin:api_webhookcall_changelist"


@pytest.fixture
def as_ana(ana: User) -> Client:
    client = Client()
    client.force_login(ana)
    return client


def page_of(webhook: Webhook) -> str:
    return reverse("admin:api_webhook_change", args=[webhook.pk])


def form_of(webhook: Webhook, **more: Any) -> dict[str, Any]:
    return {**FORM, "url": webhook.url, "all_teams": "on", **more}


def said(response: Any) -> str:
    return " ".join(str(each) for each in response.context["messages"])


def test_secret_is_shown_once_and_signs(as_ana: Client, receiver: Receiver, inbox: Inbox) -> None:
    url = reverse("admin:api_webhook_add")
    made = as_ana.post(url, {**FORM, "url": receiver.url, "all_teams": "on"}, follow=True)
    found = re.search(r"whsec_[A-Za-z0-9+/=]+", said(made))
    assert found is not None
    webhook = Webhook.objects.get()
    write(inbox, "Oi")
    hand_out(webhook)
    assert Judge(found[0]).verify(receiver.heard[0].body, dict(receiver.heard[0].headers))
    assert found[0] not in as_ana.get(page_of(webhook)).content.decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"all_teams": ""}, "teams"),
        ({"url": "ftp://shop.example"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["message.create"]}, "events"),
    ],
)
def test_form_says_what_is_wrong(as_ana: Client, change: dict[str, Any], field: str) -> None:
    url = reverse("admin:api_webhook_add")
    refused = as_ana.post(url, {**FORM, "all_teams": "on", **change})
    assert list(refused.context["errors"]) != []
    assert field in refused.context["adminform"].form.errors
    assert not Webhook.objects.exists()


def test_webhook_is_tied_to_teams_and_freed_again(as_ana: Client, receiver: Receiver, team: Team) -> None:
    webhook, _secret = listen(receiver)
    as_ana.post(page_of(webhook), form_of(webhook, all_teams="", teams=[team.pk]))
    webhook.refresh_from_db()
    assert (webhook.all_teams, list(webhook.teams.all())) == (False, [team])
    as_ana.post(page_of(webhook), form_of(webhook, events=["ticket.*"]))
    webhook.refresh_from_db()
    assert (webhook.all_teams, list(webhook.teams.all()), webhook.events) == (True, [], ["ticket.*"])


def test_buttons_test_rotate_and_send_again(as_ana: Client, receiver: Receiver, inbox: Inbox) -> None:
    webhook, secret = listen(receiver, events=["message.*"])
    passed = as_ana.post(page_of(webhook), form_of(webhook, _test="1"), follow=True)
    assert "The receiver took the test" in said(passed)
    receiver.reply = answering(500)
    failed = as_ana.post(page_of(webhook), form_of(webhook, _test="1"), follow=True)
    assert "The receiver answered 500." in said(failed)
    rotated = said(as_ana.post(page_of(webhook), form_of(webhook, _rotate="1"), follow=True))
    assert "whsec_" in rotated
    assert secret not in rotated
    write(inbox, "Oi")
    hand_out(webhook)
    WebhookCall.objects.filter(event__name="message.created").update(status=CallStatus.FAILED)
    assert "1 call is sent again." in said(
        as_ana.post(page_of(webhook), form_of(webhook, _replay="1"), follow=True)
    )
    call(webhook)
    assert receiver.names.count("message.created") == 2


def test_button_s_test_keeps_no_usual_thread_waiting(
    as_ana: Client, receiver: Receiver, quiet_server: LiveServer, callers: list[str]
) -> None:
    webhook, _secret = listen(receiver)
    page = f"{quiet_server.url}{page_of(webhook)}"
    with httpx.Client(cookies={"sessionid": as_ana.cookies["sessionid"].value}) as browser:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(page).text)
        assert token is not None
        form = form_of(webhook, _test="1")
        assert browser.post(page, data=form).status_code == 403, "without the form's token"
        sent = browser.post(page, data={**form, "csrfmiddlewaretoken": token[1]}, follow_redirects=True)
    assert "The receiver took the test" in sent.text
    assert callers == ["waiting"]


def test_page_says_why_a_webhook_was_switched_off(as_ana: Client, receiver: Receiver, inbox: Inbox) -> None:
    webhook, _secret = listen(receiver)
    receiver.reply = answering(then=410)
    write(inbox, "Oi")
    hand_out(webhook)
    shown = as_ana.get(page_of(webhook)).content.decode()
    assert "The receiver answered 410: it wants no more calls." in shown
    assert "light-red" in as_ana.get(reverse(LIST)).content.decode()


def test_call_is_shown_with_its_tries_and_what_was_sent_and_made_again(
    as_ana: Client, receiver: Receiver, inbox: Inbox
) -> None:
    webhook, _secret = listen(receiver, events=["message.*"])
    receiver.reply = lambda _heard: (200, {}, b"<script>alert(1)</script>")
    write(inbox, "Onde?")
    hand_out(webhook)
    row = WebhookCall.objects.get()
    page = reverse("admin:api_webhookcall_change", args=[row.pk])
    shown = as_ana.get(page).content.decode()
    assert "Onde?" in shown
    assert row.event.webhook_id in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "It is sent again." in said(as_ana.post(f"{page.removesuffix('change/')}act/", follow=True))
    call(webhook)
    chosen = {"action": "replay", "_selected_action": [row.pk]}
    assert "1 call is sent again." in said(as_ana.post(reverse(CALLS), chosen, follow=True))
    call(webhook)
    assert len(receiver.heard) == 3


def test_pages_are_for_administrators(receiver: Receiver, bruno: User, inbox: Inbox) -> None:
    webhook, _secret = listen(receiver)
    write(inbox, "Oi")
    hand_out(webhook)
    row = WebhookCall.objects.earliest("pk")
    client = Client()
    client.force_login(bruno)
    page = reverse("admin:api_webhookcall_change", args=[row.pk])
    for url in (reverse(LIST), reverse(CALLS), reverse("admin:api_webhook_add"), page_of(webhook), page):
        assert client.get(url).status_code == 403, url
    assert client.post(page_of(webhook), form_of(webhook, _rotate="1")).status_code == 403
    assert client.post(f"{page.removesuffix('change/')}act/").status_code == 403


@pytest.mark.parametrize("number", [1, 20])
def test_lists_ask_the_database_the_same_however_long_they_are(
    as_ana: Client, receiver: Receiver, inbox: Inbox, number: int, django_assert_max_num_queries: Any
) -> None:
    webhook, _secret = listen(receiver)
    for count in range(number):
        listen(receiver, events=["ticket.*"])
        write(inbox, "Oi", who=f"visitor {count}")
    hand_out(webhook)
    for url in (reverse(LIST), reverse(CALLS)):
        with django_assert_max_num_queries(14):
            as_ana.get(url)


def test_call_is_headed_by_what_happened_and_not_by_numbers(
    as_ana: Client, receiver: Receiver, inbox: Inbox
) -> None:
    """Its heading was an id; filters were headed "By event", which no other language says so."""
    listen(receiver, events=["message.*"])
    write(inbox, "Oi")
    hand_out(Webhook.objects.get())
    made = WebhookCall.objects.get()
    page = as_ana.get(f"/admin/api/webhookcall/{made.pk}/change/").content.decode()
    assert "message.created" in str(made)
    assert str(made.event.subject) not in str(made)
    assert f"<h2>{made}</h2>" in page
    listed = as_ana.get("/admin/api/webhookcall/", headers={"accept-language": "pt-br"}).content.decode()
    assert "<summary>Situação</summary>" in listed
    assert "<summary>Evento</summary>" in listed
