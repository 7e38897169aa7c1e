"""Sending to a simulated Instagram, which checks what it is given."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from conversations.channels import SendRefused, adapter
from conversations.exchange import Echo, Incoming, Receipt, Sender
from integrations.instagram.adapter import InstagramConfig
from tests.fakes.instagram import ACCOUNT, Instagram
from tests.fakes.provider import Simulator, running
from tests.integrations.instagram.case import CASE
from tests.integrations.meta.door import opened
from tests.integrations.meta.sendings import choices, file, saying

instagram = adapter("instagram")


@pytest.fixture(scope="module")
def _running() -> Iterator[Simulator]:
    with running(Instagram, **CASE.options) as simulator:
        yield simulator


@pytest.fixture
def simulator(_running: Simulator) -> Simulator:
    _running.set_faults(mute=True)
    return _running


def settings(simulator: Simulator, **more: Any) -> InstagramConfig:
    return InstagramConfig.model_validate({**CASE.config(simulator.url), **more})


def last(simulator: Simulator) -> dict[str, Any]:
    row: dict[str, Any] = simulator.ledger()[-1]
    return row


def test_text_arrives_without_its_marks_and_without_metadata(simulator: Simulator) -> None:
    sent = instagram.send(saying("instagram", "Hello **there**"), settings(simulator))
    row = last(simulator)
    assert (row["text"], row["provider_id"]) == ("Hello there", sent.provider_id)


def test_limit_is_counted_in_bytes(simulator: Simulator) -> None:
    instagram.send(saying("instagram", "é" * 500), settings(simulator))
    with pytest.raises(SendRefused) as caught:
        instagram.send(saying("instagram", "é" * 501), settings(simulator))
    assert caught.value.provider_code == ""
    assert instagram.capabilities.text_bytes


def test_list_of_choices_is_left_out_where_it_does_not_fit(simulator: Simulator) -> None:
    message = saying("instagram", "é" * 490, choices=choices("Exchange a product that is broken"))
    instagram.send(message, settings(simulator))
    assert last(simulator)["text"] == "é" * 490


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [("image/jpeg", "image"), ("video/mp4", "video"), ("audio/mp4", "audio"), ("application/pdf", "file")],
)
def test_file_is_announced_by_its_address(simulator: Simulator, content_type: str, kind: str) -> None:
    url = "https://desk.example/files/signed"
    message = saying("instagram", "", files=(file("a", content_type, b"x", url),))
    instagram.send(message, settings(simulator))
    assert last(simulator)["raw"]["message"] == {"attachment": {"type": kind, "payload": {"url": url}}}


@pytest.mark.parametrize(
    ("content_type", "size"), [("application/zip", 1), ("text/csv", 1), ("image/png", 8 * 1024 * 1024 + 1)]
)
def test_file_that_instagram_does_not_take_is_refused_here(
    simulator: Simulator, content_type: str, size: int
) -> None:
    before = len(simulator.ledger())
    with pytest.raises(SendRefused, match="Instagram takes"):
        instagram.send(
            saying("instagram", "", files=(file("a", content_type, b"x" * size),)), settings(simulator)
        )
    assert len(simulator.ledger()) == before


def test_closed_window_is_a_refusal_and_the_inbox_stays_whole(simulator: Simulator) -> None:
    simulator.say(**{"from": "24007", "late": True})
    with pytest.raises(SendRefused) as caught:
        instagram.send(saying("instagram", to="24007"), settings(simulator))
    assert caught.value.provider_code == "10.2534022"


def test_person_answers_late_where_meta_allows_it(simulator: Simulator) -> None:
    """Chatwoot #3873: a day was all, although people have seven."""
    simulator.say(**{"from": "24008", "late": True})
    tagged = settings(simulator, human_agent_tag=True)
    instagram.send(saying("instagram", to="24008"), tagged)
    assert last(simulator)["raw"]["tag"] == "HUMAN_AGENT"
    assert instagram.window(tagged) == timedelta(days=7)


def test_name_or_else_the_handle_of_a_customer_is_asked_for(simulator: Simulator) -> None:
    assert instagram.profile("24001", settings(simulator)) == Sender("24001", name="Davi Souza")
    assert instagram.profile("9001", settings(simulator)) is None


def test_other_id_of_the_account_is_told_apart(simulator: Simulator) -> None:
    """Instagram Login shows an id that webhooks never name: everything would be ignored."""
    check = instagram.test(settings(simulator, account_id="8217366612345678"))
    assert check.light == "red"
    assert ACCOUNT in check.detail


def test_account_that_sends_nothing_is_yellow_until_it_is_connected(simulator: Simulator) -> None:
    simulator.say(subscribed=[])
    assert instagram.test(settings(simulator)).light == "yellow"
    check = instagram.connect(settings(simulator), url="https://desk.example/hooks/k", secret="")
    assert check.light == "green"


def test_echo_and_seen_come_back_for_what_we_sent(simulator: Simulator) -> None:
    with opened("instagram", settings(simulator)) as door:
        simulator.hook(hook=door.url)
        simulator.set_faults()
        sent = instagram.send(saying("instagram", "Oi!"), settings(simulator))
        echo, seen = door.wait_for(2)
    assert isinstance(echo, Echo)
    assert isinstance(seen, Receipt)
    assert echo.external_id == seen.provider_id == sent.provider_id
    assert (echo.text, seen.status) == ("Oi!", "read")


def test_webhook_that_comes_again_tells_the_same(simulator: Simulator) -> None:
    with opened("instagram", settings(simulator)) as door:
        simulator.hook(hook=door.url)
        simulator.set_faults(duplicates=5, mute=True)
        told = [simulator.say(text=f"n{number}")["mid"] for number in range(10)]
        items = door.wait_for_all(told)
    assert {item.text for item in items if isinstance(item, Incoming)} == {
        f"n{number}" for number in range(10)
    }


def test_linked_page_is_where_messages_go() -> None:
    class_of_page = InstagramConfig.model_validate(
        {**CASE.config("https://graph.facebook.com/v25.0"), "page_id": "106839461122334", "api_url": ""}
    )
    assert class_of_page.base_url == "https://graph.facebook.com/v25.0"
    assert (class_of_page.node, class_of_page.account) == ("106839461122334", ACCOUNT)
    assert class_of_page.proves


def test_instagram_login_has_its_own_address() -> None:
    direct = InstagramConfig.model_validate({**CASE.config(""), "api_url": ""})
    assert direct.base_url == "https://graph.instagram.com/v25.0"
    assert direct.node == ACCOUNT
    assert not direct.proves


def test_customer_sees_that_it_was_read_and_that_somebody_writes(simulator: Simulator) -> None:
    for typing in (False, True):
        instagram.mark_read(["m1", "m2"], settings(simulator), to="24001", typing=typing)
    acts = [(each["recipient"]["id"], each["sender_action"]) for each in simulator.http.get("/_acts").json()]
    assert acts == [("24001", "mark_seen"), ("24001", "mark_seen"), ("24001", "typing_on")]
