"""One contract for all adapters: whoever adds a channel adds a case, and these run for it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from conversations.channels import (
    InboxBroken,
    Repeat,
    SendFailed,
    SendLater,
    SendRefused,
    SendUnclear,
    adapter,
)
from conversations.exchange import Echo, Incoming, Outgoing, Webhook
from core.errors import HelpdeskError, Unauthenticated
from tests.fakes.provider import Simulator, running
from tests.integrations.contract import Case

# The widget has no provider.
KINDS = sorted(set(settings.CHANNEL_ADAPTERS) - {"web"})
NOWHERE = "http://127.0.0.1:9"


@cache
def case_of(kind: str) -> Case:
    case: Case = import_module(f"tests.integrations.{kind}.case").CASE
    return case


def settings_of(kind: str, url: str = NOWHERE) -> Any:
    return adapter(kind).config.model_validate(case_of(kind).config(url))


def outgoing(kind: str, text: str = "Hello **there**") -> Outgoing:
    return Outgoing(
        key=uuid4().hex,
        part=0,
        attempt=1,
        to=case_of(kind).to,
        text=text,
        html=f"<p>{text}</p>",
        files=(),
        choices=(),
        details={},
        reply_to="",
        thread=(),
        subject="A matter",
        author="Bruno",
        author_kind="operator",
        conversation_id=uuid4(),
        message_id=uuid4(),
        created_at=datetime.now(UTC),
        contact_name="Davi",
        contact_email="davi@example.com",
    )


@pytest.fixture(params=[kind for kind in KINDS if case_of(kind).simulator])
def channel(request: pytest.FixtureRequest) -> Iterator[tuple[str, Simulator]]:
    case = case_of(request.param)
    assert case.simulator
    with running(case.simulator, **case.options) as simulator:
        yield request.param, simulator


@pytest.mark.parametrize("kind", KINDS)
def test_genuine_webhooks_are_believed_and_read_alike_twice(kind: str) -> None:
    for webhook in case_of(kind).genuine:
        adapter(kind).verify(webhook, settings_of(kind))
        items = list(adapter(kind).parse(webhook, settings_of(kind)))
        assert items
        assert items == list(adapter(kind).parse(webhook, settings_of(kind)))
        ids = [item.external_id for item in items if isinstance(item, Incoming | Echo)]
        assert all(ids)
        assert len(ids) == len(set(ids))
        assert all(len(each) <= 255 for each in ids)


@pytest.mark.parametrize("kind", KINDS)
def test_webhooks_without_proof_are_refused(kind: str) -> None:
    case = case_of(kind)
    for webhook in case.genuine:
        for name in case.credentials:
            for value in (None, "", "x", webhook.headers[name][:-1], f"{webhook.headers[name]}x"):
                headers = {key: kept for key, kept in webhook.headers.items() if key != name}
                forged = replace(webhook, headers=headers if value is None else {**headers, name: value})
                with pytest.raises(Unauthenticated):
                    adapter(kind).verify(forged, settings_of(kind))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if case_of(kind).signs_body])
def test_one_byte_more_breaks_the_signature(kind: str) -> None:
    for webhook in case_of(kind).genuine:
        with pytest.raises(Unauthenticated):
            adapter(kind).verify(replace(webhook, body=webhook.body + b" "), settings_of(kind))


@pytest.mark.parametrize("kind", KINDS)
@given(body=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)))
def test_any_bytes_have_an_id_and_end_the_parser_quickly(kind: str, body: bytes) -> None:
    for given_body in (body, b'{"entry": [' + body + b"]}", b"[" * 500):
        webhook = Webhook("POST", "https://desk.example/hooks/x", {}, {}, given_body)
        assert isinstance(adapter(kind).event_id(webhook), str)
        try:
            list(adapter(kind).parse(webhook, settings_of(kind)))
        except (RecursionError, MemoryError) as error:
            pytest.fail(f"{error!r}")
        except Exception:  # noqa: BLE001, S112 (quarantined by the spine)
            continue


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_stay_out_of_what_is_printed(kind: str) -> None:
    config = settings_of(kind)
    secrets = [
        field.get_secret_value()
        for _, field in config
        if hasattr(field, "get_secret_value") and field.get_secret_value()
    ]
    printed = f"{config!r} {config}"
    assert not [each for each in secrets if each in printed]


@pytest.mark.parametrize("kind", sorted(settings.CHANNEL_ADAPTERS))
def test_the_owner_is_told_what_to_do(kind: str) -> None:
    steps = adapter(kind).setup_steps(key="abc123", public_url="https://desk.example")
    assert steps
    assert "abc123" in " ".join(steps) + adapter(kind).setup_text(
        key="abc123", public_url="https://desk.example"
    )


def test_message_is_sent_once_with_an_id(channel: tuple[str, Simulator]) -> None:
    kind, simulator = channel
    sent = adapter(kind).send(outgoing(kind), settings_of(kind, simulator.url))
    assert sent.provider_id
    (row,) = simulator.ledger()
    assert "Hello" in row["text"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"too_many": 1, "retry_after": 7}, SendLater),
        ({"error": 1}, SendLater),
        ({"refuse": 1}, SendRefused),
        ({"cut": 1}, SendUnclear),
    ],
)
def test_every_failure_is_told_by_its_kind(
    channel: tuple[str, Simulator], fault: dict[str, float], error: type[SendFailed]
) -> None:
    kind, simulator = channel
    simulator.set_faults(**fault)
    with pytest.raises(error) as caught:
        adapter(kind).send(outgoing(kind), settings_of(kind, simulator.url))
    assert caught.value.detail
    if "retry_after" in fault:
        assert caught.value.retry_after == 7


def test_nobody_at_home_is_tried_later(channel: tuple[str, Simulator]) -> None:
    kind, _ = channel
    with pytest.raises(SendLater):
        adapter(kind).send(outgoing(kind), settings_of(kind, NOWHERE))


def test_the_connection_can_be_tested(channel: tuple[str, Simulator]) -> None:
    kind, simulator = channel
    assert adapter(kind).test(settings_of(kind, simulator.url)).light == "green"
    with pytest.raises((SendLater, InboxBroken)):
        adapter(kind).test(settings_of(kind, NOWHERE))


def test_what_callbacks_promise_is_kept(channel: tuple[str, Simulator]) -> None:
    kind, simulator = channel
    if adapter(kind).capabilities.repeat != Repeat.CALLBACK:
        return
    message = outgoing(kind)
    adapter(kind).send(message, settings_of(kind, simulator.url))
    assert simulator.ledger()[0]["key"] == message.key


def test_errors_are_ours() -> None:
    assert issubclass(SendFailed, HelpdeskError)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_fed_in_by_hand_is_read_whatever_account_it_names(kind: str) -> None:
    """Payloads of a support case, or of a judge, name an account that is not set up here."""
    spoken, own = adapter(kind), settings_of(kind)
    others = own.model_copy(
        update={
            name: "999"
            for name in ("phone_number_id", "business_account_id", "account_id", "page_id", "instance")
            if hasattr(own, name)
        }
    )
    for webhook in case_of(kind).genuine:
        told = [item for item in spoken.parse(webhook, own) if isinstance(item, Incoming | Echo)]
        read = list(spoken.parse(webhook, spoken.for_any_account(others)))
        assert all(item in read for item in told)
