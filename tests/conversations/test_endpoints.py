"""Asking a provider about an inbox: what it says is a state, whatever it says."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Team, User
from conversations.actions import Sender, endpoints, receive, reply
from conversations.channels import (
    Capabilities,
    InboxBroken,
    SendFailed,
    SendLater,
    SendRefused,
    SendUnclear,
    adapter,
)
from conversations.enums import DeliveryStatus, Light
from conversations.exchange import Check, Template
from conversations.models import Conversation, Delivery, Inbox, InboxState, MessageTemplate
from core.actor import Actor
from core.errors import Forbidden
from core.reasons import said
from tests.fakes.api_channel import SECRET, ApiChannel
from tests.fakes.provider import Simulator, running
from tests.integrations.api.case import config

SHIPPED = Template("shipped", "pt_BR", "APPROVED", "UTILITY", "Olá {{1}}", ("1",), {"header": "x"})
Says = Callable[..., None]


@pytest.fixture
def program(settings: Any) -> Iterator[Simulator]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with running(ApiChannel, secret=SECRET) as simulator:
        yield simulator


@pytest.fixture
def api(team: Team) -> Inbox:
    """An inbox of the API channel whose callback nobody answers."""
    return Inbox.objects.create(name="API", channel="api", team=team, config=config("http://127.0.0.1:9"))


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Says:
    """Lets the provider of the API channel say things that the real one never does."""

    def says(name: str, answer: Any) -> None:
        def method(*_args: Any, **_more: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(adapter("api"), name, method)

    return says


def test_working_inbox_gets_a_green_light(api: Inbox, ana: User, program: Simulator) -> None:
    api.config = config(program.url)
    state = endpoints.test_inbox(inbox=api, by=ana.as_actor())
    state.refresh_from_db()
    assert (state.light, said(state.detail)) == (Light.GREEN, "Your program answered 200.")
    assert state.checked_at


def test_inbox_is_connected_with_the_address_of_its_door(
    api: Inbox, ana: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PUBLIC_URL = "https://help.example"
    told: dict[str, str] = {}

    def connect(_config: Any, **more: str) -> Check:
        told.update(more)
        return Check(Light.YELLOW, "Scan the code.", {"qr": "data:image/png;base64,AA=="})

    monkeypatch.setattr(adapter("api"), "connect", connect)
    state = endpoints.connect_inbox(inbox=api, by=ana.as_actor())
    assert told == {"url": f"https://help.example/hooks/{api.key}", "secret": api.secret}
    assert (state.light, state.details["qr"]) == (Light.YELLOW, "data:image/png;base64,AA==")


@pytest.mark.parametrize(
    ("error", "light"),
    [(SendLater("busy"), Light.YELLOW), (SendUnclear("cut"), Light.YELLOW), (InboxBroken("no"), Light.RED),
     (SendRefused("never"), Light.RED), (SendFailed("odd"), Light.RED)],
)  # fmt: skip
def test_failure_is_a_state_and_no_error(
    api: Inbox, ana: User, provider: Says, error: SendFailed, light: Light
) -> None:
    provider("test", error)
    state = endpoints.test_inbox(inbox=api, by=ana.as_actor())
    assert (state.light, state.detail) == (light, error.detail)


def test_missing_settings_are_named_and_never_quoted(api: Inbox, ana: User) -> None:
    api.config = {"callback_url": "ftp://user:hunter2@a.example"}
    state = endpoints.test_inbox(inbox=api, by=ana.as_actor())
    assert state.light == Light.RED
    assert "callback_url, signing_secret" in state.detail
    assert "hunter2" not in state.detail


def test_long_answer_is_cut_to_what_the_state_holds(api: Inbox, ana: User, provider: Says) -> None:
    provider("test", Check(Light.RED, "x" * 2000))
    assert len(endpoints.test_inbox(inbox=api, by=ana.as_actor()).detail) == 500


def test_code_to_scan_stays_until_it_is_not_needed(api: Inbox, ana: User, provider: Says) -> None:
    InboxState.objects.create(inbox=api, details={"qr": "data:image/png;base64,AA=="})
    provider("test", SendLater("busy"))
    assert endpoints.test_inbox(inbox=api, by=ana.as_actor()).details
    provider("test", Check(Light.GREEN, "Connected."))
    assert endpoints.test_inbox(inbox=api, by=ana.as_actor()).details == {}


@pytest.mark.parametrize("ask", [endpoints.test_inbox, endpoints.connect_inbox, endpoints.sync_templates])
def test_only_staff_asks(api: Inbox, ask: Callable[..., Any], conversation: Conversation) -> None:
    with pytest.raises(Forbidden):
        ask(inbox=api, by=conversation.contact.as_actor())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ask", [endpoints.test_inbox, endpoints.connect_inbox, endpoints.sync_templates])
def test_provider_is_asked_outside_any_transaction(
    ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    """A transaction that waits for somebody else's server holds its locks as long as that server likes."""
    api = Inbox.objects.create(name="API", channel="api", config=config("http://127.0.0.1:9"))
    seen: list[bool] = []

    def looks(*_args: Any, **_more: Any) -> Any:
        seen.append(connection.in_atomic_block)
        return () if ask is endpoints.sync_templates else Check(Light.GREEN, "")

    for name in ("test", "connect", "templates"):
        monkeypatch.setattr(adapter("api"), name, looks)
    ask(inbox=api, by=Actor.system())
    assert seen == [False]


def test_mended_inbox_ends_its_pause_and_wakes_what_waits(api: Inbox, ana: User, provider: Says) -> None:
    later = timezone.now() + timedelta(hours=1)
    conversation = receive(inbox=api, sender=Sender("c1"), text="hi").conversation
    reply(conversation=conversation, text="hello", by=ana.as_actor())
    Delivery.objects.update(next_try_at=later, attempts=4)
    failed = replace_delivery(DeliveryStatus.FAILED)
    InboxState.objects.update_or_create(inbox=api, defaults={"failures": 9, "not_before": later})
    provider("test", Check(Light.YELLOW, "hm"))
    assert endpoints.test_inbox(inbox=api, by=ana.as_actor()).not_before == later
    provider("test", Check(Light.GREEN, ""))
    state = endpoints.test_inbox(inbox=api, by=ana.as_actor())
    assert (state.failures, state.not_before) == (0, None)
    assert Delivery.objects.get(status=DeliveryStatus.QUEUED).next_try_at is None
    failed.refresh_from_db()
    assert failed.next_try_at == later


def replace_delivery(status: DeliveryStatus) -> Delivery:
    """A second delivery beside the first, in another state."""
    row = Delivery.objects.get()
    return Delivery.objects.create(
        message=row.message, conversation=row.conversation, inbox=row.inbox, seq=row.seq, part=7,
        status=status, next_try_at=row.next_try_at,
    )  # fmt: skip


# --- templates ---------------------------------------------------------------------------------------------
def test_templates_are_fetched_changed_and_forgotten(api: Inbox, ana: User, provider: Says) -> None:
    other = Inbox.objects.create(name="Other", channel="api")
    now = timezone.now()
    MessageTemplate.objects.create(inbox=other, name="kept", language="en", status="APPROVED", synced_at=now)
    english = replace(SHIPPED, language="en", body="Hello {{1}}")
    provider("templates", (SHIPPED, english))
    assert endpoints.sync_templates(inbox=api, by=ana.as_actor()) == 2
    before = MessageTemplate.objects.get(inbox=api, language="en").pk
    provider("templates", (replace(english, status="PAUSED", body="Hi {{1}}"),))
    assert endpoints.sync_templates(inbox=api, by=ana.as_actor()) == 1
    row = MessageTemplate.objects.get(inbox=api)
    assert (row.pk, row.status, row.body) == (before, "PAUSED", "Hi {{1}}")
    assert (row.category, row.variables, row.details) == ("UTILITY", ["1"], {"header": "x"})
    assert MessageTemplate.objects.filter(inbox=other).exists()


def test_file_above_a_template_is_remembered(api: Inbox, ana: User, provider: Says) -> None:
    provider("templates", (SHIPPED, replace(SHIPPED, name="shoes", header_format="IMAGE")))
    endpoints.sync_templates(inbox=api, by=ana.as_actor())
    told = {row.name: row.header_format for row in MessageTemplate.objects.filter(inbox=api)}
    assert told == {"shipped": "", "shoes": "IMAGE"}


def test_template_told_twice_is_kept_once(api: Inbox, ana: User, provider: Says) -> None:
    provider("templates", (SHIPPED, replace(SHIPPED, body="Oi {{1}}")))
    endpoints.sync_templates(inbox=api, by=ana.as_actor())
    assert MessageTemplate.objects.get(inbox=api).body == "Oi {{1}}"


def test_provider_that_cannot_be_asked_loses_no_template(api: Inbox, ana: User, provider: Says) -> None:
    provider("templates", (SHIPPED,))
    endpoints.sync_templates(inbox=api, by=ana.as_actor())
    provider("templates", SendLater("busy"))
    with pytest.raises(SendLater):
        endpoints.sync_templates(inbox=api, by=ana.as_actor())
    api.config = {}
    with pytest.raises(InboxBroken):
        endpoints.sync_templates(inbox=api, by=ana.as_actor())
    assert MessageTemplate.objects.get(inbox=api).name == "shipped"


def test_channels_without_templates_fetch_none(inbox: Inbox, ana: User) -> None:
    assert not Capabilities().templates
    assert endpoints.sync_templates(inbox=inbox, by=ana.as_actor()) == 0
