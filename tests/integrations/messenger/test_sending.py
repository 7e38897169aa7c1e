"""Sending to a simulated Messenger, which checks what it is given."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from conversations.channels import InboxBroken, SendLater, SendRefused, SendUnclear, adapter
from conversations.exchange import File, Incoming, Receipt, Sender
from core.errors import TooLarge
from integrations.messenger.adapter import MessengerConfig
from tests.fakes.messenger import PAGE, Messenger
from tests.fakes.meta import APP, PIXEL
from tests.fakes.provider import Simulator, running
from tests.integrations.messenger.case import CASE
from tests.integrations.meta.door import opened
from tests.integrations.meta.sendings import choices, file, saying

messenger = adapter("messenger")


@pytest.fixture(scope="module")
def _running() -> Iterator[Simulator]:
    with running(Messenger, **CASE.options) as simulator:
        yield simulator


@pytest.fixture
def simulator(_running: Simulator) -> Simulator:
    _running.set_faults(mute=True)
    return _running


def settings(simulator: Simulator, **more: Any) -> MessengerConfig:
    return MessengerConfig.model_validate({**CASE.config(simulator.url), **more})


def last(simulator: Simulator) -> dict[str, Any]:
    row: dict[str, Any] = simulator.ledger()[-1]
    return row


def test_text_arrives_without_its_marks_and_with_our_key(simulator: Simulator) -> None:
    message = saying("messenger", "Hello **there**: [shop](https://loja.example)")
    sent = messenger.send(message, settings(simulator))
    row = last(simulator)
    assert row["text"] == "Hello there: shop (https://loja.example)"
    assert (row["provider_id"], row["key"]) == (sent.provider_id, message.key)
    assert row["raw"]["messaging_type"] == "RESPONSE"


def test_answer_quotes_the_message(simulator: Simulator) -> None:
    messenger.send(saying("messenger", reply_to="m_abc"), settings(simulator))
    assert last(simulator)["raw"]["reply_to"] == {"mid": "m_abc"}


def test_answer_to_a_button_quotes_nothing(simulator: Simulator) -> None:
    """Ids that we made up for what has none are unknown to Meta, which would refuse the message."""
    messenger.send(saying("messenger", reply_to="postback:24001:0f"), settings(simulator))
    assert "reply_to" not in last(simulator)["raw"]


def test_choices_become_quick_replies(simulator: Simulator) -> None:
    messenger.send(saying("messenger", choices=choices("Yes", "No")), settings(simulator))
    message = last(simulator)["raw"]["message"]
    assert [(each["title"], each["payload"]) for each in message["quick_replies"]] == [
        ("Yes", "Yes"),
        ("No", "No"),
    ]
    assert message["text"] == "Hello"


def test_choice_that_is_too_long_for_a_button_stands_in_the_text(simulator: Simulator) -> None:
    whole = "Exchange a product that is broken"
    messenger.send(saying("messenger", choices=choices(whole, "No")), settings(simulator))
    message = last(simulator)["raw"]["message"]
    assert message["quick_replies"][0]["title"] == "Exchange a product …"
    assert message["quick_replies"][0]["payload"] == whole
    assert message["text"] == f"Hello\n\n- {whole}\n- No"


def test_more_choices_than_there_are_buttons_are_all_told(simulator: Simulator) -> None:
    labels = [f"Option {number}" for number in range(15)]
    messenger.send(saying("messenger", choices=choices(*labels)), settings(simulator))
    message = last(simulator)["raw"]["message"]
    assert len(message["quick_replies"]) == 13
    assert all(label in message["text"] for label in labels)


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [("image/png", "image"), ("video/mp4", "video"), ("audio/ogg", "audio"), ("application/pdf", "file")],
)
def test_file_is_sent_as_bytes(simulator: Simulator, content_type: str, kind: str) -> None:
    content = bytes(range(256)) * 40 + b"\r\n--boundary--\r\n"
    message = saying("messenger", "", files=(file('no"ta\r\n.bin', content_type, content),))
    sent = messenger.send(message, settings(simulator))
    row = last(simulator)
    assert row["raw"]["filedata"] == {
        "name": "no_ta__.bin",
        "type": content_type,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert (row["kind"], row["key"], row["provider_id"]) == (kind, message.key, sent.provider_id)


def test_quotation_that_is_refused_is_left_out(simulator: Simulator) -> None:
    """The message that is answered may be gone; the answer is not to be lost with it."""
    before = len(simulator.ledger())
    messenger.send(saying("messenger", reply_to="m_gone"), settings(simulator))
    assert len(simulator.ledger()) == before + 1
    assert "reply_to" not in last(simulator)["raw"]


def test_success_without_an_id_is_unclear(simulator: Simulator) -> None:
    """It may have gone out: whether to repeat is not for the adapter to say."""
    with pytest.raises(SendUnclear, match="recipient_id"):
        messenger.send(saying("messenger", to="24066"), settings(simulator))


def test_text_that_is_too_long_is_refused_here(simulator: Simulator) -> None:
    before = len(simulator.ledger())
    with pytest.raises(SendRefused):
        messenger.send(saying("messenger", "a" * 2001), settings(simulator))
    assert len(simulator.ledger()) == before


def test_closed_window_is_told_by_its_code(simulator: Simulator) -> None:
    simulator.say(**{"from": "24007", "late": True})
    with pytest.raises(SendRefused) as caught:
        messenger.send(saying("messenger", to="24007"), settings(simulator))
    assert caught.value.provider_code == "10.2018278"


def test_person_answers_late_where_meta_allows_it(simulator: Simulator) -> None:
    """Chatwoot #3873: a day was all, although people have seven."""
    simulator.say(**{"from": "24008", "late": True})
    tagged = settings(simulator, human_agent_tag=True)
    messenger.send(saying("messenger", to="24008", reply_to="m_1"), tagged)
    raw = last(simulator)["raw"]
    assert (raw["messaging_type"], raw["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")
    assert messenger.window(tagged) == timedelta(days=7)
    assert messenger.window(settings(simulator)) == timedelta(hours=24)


def test_machine_does_not_answer_late(simulator: Simulator) -> None:
    simulator.say(**{"from": "24009", "late": True})
    with pytest.raises(SendRefused):
        messenger.send(
            saying("messenger", to="24009", author_kind="agent"), settings(simulator, human_agent_tag=True)
        )


def test_message_within_the_window_has_no_tag(simulator: Simulator) -> None:
    messenger.send(saying("messenger"), settings(simulator, human_agent_tag=True))
    assert "tag" not in last(simulator)["raw"]


def test_refused_message_is_not_sent_in_other_ways(simulator: Simulator) -> None:
    simulator.set_faults(refuse=1)
    with pytest.raises(SendRefused) as caught:
        messenger.send(saying("messenger", reply_to="m_1"), settings(simulator, human_agent_tag=True))
    assert caught.value.provider_code == "551.1545041"


def test_tag_opens_nothing_but_the_window(simulator: Simulator) -> None:
    """Who is refused for another reason is not written to in the name of a late answer."""
    with pytest.raises(SendRefused) as caught:
        messenger.send(saying("messenger", to="24077"), settings(simulator, human_agent_tag=True))
    assert caught.value.provider_code == "551.1545041"


def test_unclear_message_is_not_sent_in_other_ways(simulator: Simulator) -> None:
    simulator.set_faults(cut=1, mute=True)
    before = len(simulator.ledger())
    with pytest.raises(SendUnclear):
        messenger.send(saying("messenger", reply_to="m_1"), settings(simulator, human_agent_tag=True))
    assert len(simulator.ledger()) == before + 1


@pytest.mark.parametrize(
    "broken", [{"access_token": "old"}, {"app_secret": "another-secret"}, {"page_id": "7"}]
)
def test_settings_that_do_not_work_break_the_inbox(simulator: Simulator, broken: dict[str, str]) -> None:
    with pytest.raises((InboxBroken, SendRefused)) as caught:
        messenger.send(saying("messenger"), settings(simulator, **broken))
    assert caught.value.detail


def test_token_is_never_in_an_address(simulator: Simulator) -> None:
    """The simulator refuses tokens in the query; failures show addresses to people."""
    with pytest.raises(SendLater) as caught:
        messenger.send(saying("messenger"), settings(simulator, api_url="http://127.0.0.1:9"))
    assert settings(simulator).access_token.get_secret_value() not in caught.value.detail


def test_name_of_a_customer_is_asked_for(simulator: Simulator) -> None:
    assert messenger.profile("24001", settings(simulator)) == Sender("24001", name="Davi Souza")


def test_customer_who_does_not_agree_stays_nameless(simulator: Simulator) -> None:
    assert messenger.profile("9001", settings(simulator)) is None


def test_id_with_a_slash_asks_for_nothing_else(simulator: Simulator) -> None:
    """The simulator names whoever is asked for; its other addresses have no names."""
    person = f"{PAGE}/subscribed_apps"
    assert messenger.profile(person, settings(simulator)) == Sender(person, name="Davi Souza")


def test_file_is_fetched_without_our_token(simulator: Simulator) -> None:
    media = messenger.fetch(
        File({"url": f"{simulator.url}/media/a.png?oh=1"}), settings(simulator), max_bytes=1000
    )
    assert (media.content, media.content_type, media.name) == (PIXEL, "image/png", "a.png")


def test_file_that_is_gone_is_refused_and_the_inbox_stays_whole(simulator: Simulator) -> None:
    with pytest.raises(SendRefused, match="does not keep"):
        messenger.fetch(File({"url": f"{simulator.url}/media/gone.png"}), settings(simulator), max_bytes=1000)


def test_file_server_that_answers_oddly_is_not_asked_again(simulator: Simulator) -> None:
    with pytest.raises(SendRefused, match="418"):
        messenger.fetch(File({"url": f"{simulator.url}/media/odd.png"}), settings(simulator), max_bytes=1000)


def test_file_that_no_server_offers_is_asked_for_later(simulator: Simulator) -> None:
    with pytest.raises(SendLater):
        messenger.fetch(File({"url": "http://127.0.0.1:9/a.png"}), settings(simulator), max_bytes=1000)


def test_file_server_that_is_busy_is_asked_later(simulator: Simulator) -> None:
    """Chatwoot saved the message without its file when the media host answered 503."""
    with pytest.raises(SendLater) as caught:
        messenger.fetch(File({"url": f"{simulator.url}/media/busy.png"}), settings(simulator), max_bytes=1000)
    assert caught.value.retry_after == 3


def test_file_that_is_too_large_is_not_read(simulator: Simulator) -> None:
    with pytest.raises(TooLarge):
        messenger.fetch(File({"url": f"{simulator.url}/media/a.png"}), settings(simulator), max_bytes=10)


@pytest.mark.parametrize(
    "url", ["", "http://10.0.0.1/a.png", "http://169.254.169.254/latest", "file:///etc/passwd"]
)
def test_file_inside_the_network_is_not_fetched(simulator: Simulator, url: str) -> None:
    with pytest.raises(SendRefused):
        messenger.fetch(File({"url": url}), settings(simulator), max_bytes=1000)


def test_connection_of_another_page_is_red(simulator: Simulator) -> None:
    check = messenger.test(settings(simulator, page_id="106839461199999"))
    assert check.light == "red"
    assert "106839461199999" in check.detail


def test_page_that_sends_nothing_is_yellow_until_it_is_connected() -> None:
    with running(Messenger, **CASE.options) as simulator:
        config = settings(simulator)
        simulator.say(subscribed=["feed"])
        assert messenger.test(config).light == "yellow"
        assert messenger.connect(config, url="https://desk.example/hooks/k", secret="").light == "green"


def test_app_is_told_our_address_and_asks_for_the_token(simulator: Simulator) -> None:
    with_app = settings(simulator, app_id=APP)
    with opened("messenger", with_app) as door:
        assert messenger.connect(with_app, url=door.url, secret="").light == "green"
        simulator.say(**{"from": "24001", "text": "Oi"})
        (item,) = door.wait_for(1)
    assert isinstance(item, Incoming)
    assert item.text == "Oi"


def test_address_that_is_not_ours_is_told_to_the_owner(simulator: Simulator) -> None:
    elsewhere = settings(simulator, app_id=APP, verify_token="another-token")
    with opened("messenger", settings(simulator)) as door, pytest.raises(SendRefused, match="2200"):
        messenger.connect(elsewhere, url=door.url, secret="")


def test_echo_returns_our_key_and_receipts_follow(simulator: Simulator) -> None:
    message = saying("messenger")
    with opened("messenger", settings(simulator)) as door:
        simulator.hook(hook=door.url)
        simulator.set_faults(duplicates=1)
        sent = messenger.send(message, settings(simulator))
        items = [item for item in door.wait_for(4) if isinstance(item, Receipt)]
    echoed = next(item for item in items if item.key)
    assert (echoed.key, echoed.provider_id, echoed.status) == (message.key, sent.provider_id, "sent")
    named = next(item for item in items if item.status == "delivered" and item.provider_id)
    assert named.provider_id == sent.provider_id
    assert any(item.status == "read" and item.reader == message.to for item in items)


def test_customer_sees_that_it_was_read_and_that_somebody_writes(simulator: Simulator) -> None:
    for typing in (False, True):
        messenger.mark_read(["m1", "m2"], settings(simulator), to="24001", typing=typing)
    acts = [(each["recipient"]["id"], each["sender_action"]) for each in simulator.http.get("/_acts").json()]
    assert acts == [("24001", "mark_seen"), ("24001", "mark_seen"), ("24001", "typing_on")]
