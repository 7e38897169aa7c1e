"""Long polling: nothing is forgotten before it is stored, whatever becomes of the numbers."""

import json
import threading
from collections.abc import Iterator

import pytest

from conversations.channels import InboxBroken
from conversations.exchange import Batch
from tests.fakes.provider import Simulator, running
from tests.fakes.telegram import Telegram
from tests.integrations.telegram.kit import ADAPTER, settings_of


@pytest.fixture
def telegram() -> Iterator[Simulator]:
    with running(Telegram) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.telegram.polling.POLL_SECONDS", 0.2)


def polls(telegram: Simulator, cursor: dict[str, int] | None = None) -> Iterator[Batch]:
    return ADAPTER.pull(settings_of(telegram.url, mode="polling"), cursor or {})


def texts(batch: Batch) -> list[str]:
    return [json.loads(event.body)["message"]["text"] for event in batch.events]


def test_only_polling_inboxes_are_polled() -> None:
    assert ADAPTER.pulls(settings_of(mode="polling"))
    assert not ADAPTER.pulls(settings_of(mode="webhook"))


def test_updates_come_in_order_with_their_numbers_and_a_cursor(telegram: Simulator) -> None:
    told = [telegram.say(text=text)["update_id"] for text in ("one", "two")]
    batch = next(polls(telegram))
    assert texts(batch) == ["one", "two"]
    assert [event.event_id.partition(":")[0] for event in batch.events] == [str(number) for number in told]
    assert batch.cursor["offset"] == told[-1] + 1


def test_what_was_not_stored_comes_again(telegram: Simulator) -> None:
    telegram.say(text="one")
    assert texts(next(polls(telegram))) == ["one"]
    # The process died before the batch was stored: nobody asked for the next one.
    assert texts(next(polls(telegram))) == ["one"]


def test_asking_for_the_next_batch_confirms_the_last(telegram: Simulator) -> None:
    telegram.say(text="one")
    stream = polls(telegram)
    assert texts(next(stream)) == ["one"]
    assert next(stream) == Batch((), {})
    telegram.say(text="two")
    assert texts(next(stream)) == ["two"]
    assert telegram.http.get(f"/bot{token()}/getWebhookInfo").json()["result"]["pending_update_count"] == 1


def test_new_process_goes_on_from_the_cursor(telegram: Simulator) -> None:
    telegram.say(text="one")
    cursor = next(polls(telegram)).cursor
    telegram.say(text="two")
    assert texts(next(polls(telegram, dict(cursor)))) == ["two"]


def test_numbers_that_start_anew_below_the_cursor_lose_no_message(telegram: Simulator) -> None:
    """After a quiet week Telegram numbers updates from elsewhere; an old offset would drop them unseen."""
    telegram.say(text="one")
    stream = polls(telegram)
    next(stream)
    next(stream)
    telegram.say(restart_ids=5)
    telegram.say(text="after the holidays")
    assert texts(next(stream)) == ["after the holidays"]
    stale = {"offset": 800_000_000, "at": 1}
    assert texts(next(polls(telegram, stale))) == ["after the holidays"]


def test_webhook_that_is_still_set_is_taken_away_and_nothing_dropped(telegram: Simulator) -> None:
    telegram.say(text="waiting")
    telegram.hook(hook="http://127.0.0.1:9/hooks/old", secret="s")
    assert texts(next(polls(telegram))) == ["waiting"]


def test_second_program_on_the_same_bot_is_named(
    telegram: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.telegram.polling.POLL_SECONDS", 5)
    stream = polls(telegram)
    rival = threading.Timer(0.5, lambda: telegram.http.get(f"/bot{token()}/getUpdates"))
    rival.start()
    with pytest.raises(InboxBroken, match="Another program"):
        next(stream)
    rival.join()


def token() -> str:
    return settings_of().bot_token.get_secret_value()
