"""How the phone stands, and setting it up."""

from collections.abc import Iterator
from typing import Any

import pytest

from conversations.channels import InboxBroken, SendLater
from conversations.enums import DeliveryStatus
from conversations.exchange import Connection, Ignored, Receipt
from integrations.evolution import connection
from integrations.evolution.adapter import EvolutionAdapter
from tests.fakes.evolution import INSTANCE, QR, Evolution
from tests.fakes.provider import Simulator, running
from tests.integrations.evolution.case import DAVI, LID, SECRET, settings_of, told

URL = "https://desk.example/hooks/k"


@pytest.fixture
def server() -> Iterator[Simulator]:
    with running(Evolution, secret=SECRET) as simulator:
        yield simulator


def set_up(server: Simulator) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = server.http.get("/_set_up").raise_for_status().json()
    return rows


@pytest.mark.parametrize(
    ("name", "light", "state"),
    [
        ("connection_open", "green", "open"),
        ("connection_connecting", "yellow", "connecting"),
        ("connection_close", "red", "close"),
        ("qrcode_limit", "red", "connecting"),
        ("logout", "red", "close"),
    ],
)
def test_connection_is_told_as_a_light(name: str, light: str, state: str) -> None:
    (item,) = told(name)
    assert isinstance(item, Connection)
    assert (item.light, item.details["state"]) == (light, state)
    assert item.detail


def test_qr_code_is_there_to_be_shown() -> None:
    (item,) = told("qrcode")
    assert isinstance(item, Connection)
    assert (item.light, item.details["qr"]) == ("yellow", QR)


@pytest.mark.parametrize(
    "picture",
    [
        'data:image/png;base64,"><script>',
        "javascript:alert(1)",
        "data:text/html;base64,PHA+",
        "https://x.example/qr",
    ],
)
def test_what_is_no_picture_is_not_shown(picture: str) -> None:
    check = connection.scan({"qrcode": {"base64": picture, "pairingCode": "ABCD1234"}})
    assert check.details["qr"] == ""
    assert check.details["pairing_code"] == "ABCD1234"


@pytest.mark.parametrize("name", ["contacts_upsert", "presence"])
def test_other_events_are_ignored_with_their_name(name: str) -> None:
    (item,) = told(name)
    assert isinstance(item, Ignored)
    assert name.split("_", maxsplit=1)[0] in item.reason


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("update_server_ack", DeliveryStatus.SENT),
        ("update_delivery_ack", DeliveryStatus.DELIVERED),
        ("update_read", DeliveryStatus.READ),
        ("update_played", DeliveryStatus.READ),
        ("update_error", DeliveryStatus.FAILED),
        ("update_lid", DeliveryStatus.READ),
        ("update_v1", DeliveryStatus.READ),
        ("update_raw", DeliveryStatus.DELIVERED),
    ],
)
def test_status_is_told_of_the_key_we_were_given(name: str, status: DeliveryStatus) -> None:
    (item,) = told(name)
    assert isinstance(item, Receipt)
    assert (item.status, item.provider_id) == (status, "BAE5F0F0F0F0F0F0")
    assert bool(item.error) == (status == DeliveryStatus.FAILED)


@pytest.mark.parametrize("name", ["update_pending", "update_of_theirs"])
def test_status_that_says_nothing_of_ours_is_ignored(name: str) -> None:
    (item,) = told(name)
    assert isinstance(item, Ignored)


def test_caller_is_the_person_who_writes() -> None:
    (item,) = told("call")
    assert item.sender.external_id == DAVI  # type: ignore[union-attr]  # the type is tested with the kinds
    assert item.sender.aliases == (LID,)  # type: ignore[union-attr]  # the same


@pytest.mark.parametrize(("state", "light"), [("open", "green"), ("connecting", "yellow"), ("close", "red")])
def test_test_tells_the_state_of_the_phone(server: Simulator, state: str, light: str) -> None:
    server.say(state=state)
    assert EvolutionAdapter().test(settings_of(server.url)).light == light


def test_connect_sets_the_webhook_with_our_secret(server: Simulator) -> None:
    check = EvolutionAdapter().connect(settings_of(server.url), url=URL, secret="of the inbox")
    assert check.light == "green"
    (row,) = set_up(server)
    assert row["webhook"]["url"] == URL
    assert row["webhook"]["headers"] == {"x-hook-secret": SECRET}
    assert {"MESSAGES_UPSERT", "MESSAGES_UPDATE", "MESSAGES_EDITED"} <= set(row["webhook"]["events"])
    assert row["webhook"]["base64"] is False


def test_connect_makes_a_missing_instance_and_returns_its_code(server: Simulator) -> None:
    """Evolution #1541 and #2385: the answer to create has a count and no code; it must be asked for."""
    check = EvolutionAdapter().connect(settings_of(server.url, instance="new shop"), url=URL, secret="")
    assert (check.light, check.details["qr"]) == ("yellow", QR)
    created, _webhook = set_up(server)
    assert created["create"]["instanceName"] == "new shop"
    assert created["create"]["integration"] == "WHATSAPP-BAILEYS"
    assert created["create"]["groupsIgnore"] is True


def test_connect_shows_the_code_of_a_phone_that_left(server: Simulator) -> None:
    server.say(state="close")
    check = EvolutionAdapter().connect(settings_of(server.url), url=URL, secret="")
    assert check.details["qr"] == QR


def test_connect_leaves_out_what_an_older_server_does_not_know(server: Simulator) -> None:
    server.say(old=True)
    EvolutionAdapter().connect(settings_of(server.url), url=URL, secret="")
    (row,) = set_up(server)
    assert "MESSAGES_EDITED" not in row["webhook"]["events"]
    assert "MESSAGES_UPSERT" in row["webhook"]["events"]


def test_wrong_key_breaks_the_inbox_and_is_not_told(server: Simulator) -> None:
    for attempt in (
        lambda config: EvolutionAdapter().test(config),
        lambda config: EvolutionAdapter().connect(config, url=URL, secret=""),
    ):
        with pytest.raises(InboxBroken) as caught:
            attempt(settings_of(server.url, api_key="the-wrong-key"))
        assert "the-wrong-key" not in caught.value.detail


def test_missing_instance_breaks_the_inbox(server: Simulator) -> None:
    with pytest.raises(InboxBroken):
        EvolutionAdapter().test(settings_of(server.url, instance="nobody"))


def test_name_of_an_instance_cannot_leave_its_address(server: Simulator) -> None:
    with pytest.raises((InboxBroken, SendLater)):
        EvolutionAdapter().test(settings_of(server.url, instance=f"x/../{INSTANCE}?a=b"))
