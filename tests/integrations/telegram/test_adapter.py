"""The bot's settings, proof of webhooks, files, and what a test of the connection says."""

import base64
import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from conversations.channels import SendFailed, SendRefused
from conversations.exchange import File, Incoming
from core.errors import TooLarge, Unauthenticated
from integrations.telegram.config import TelegramConfig
from tests.fakes.provider import Simulator, running
from tests.fakes.site import Site, page
from tests.fakes.telegram import TOKEN, Telegram
from tests.integrations.telegram.case import HEADER, SECRET, UPDATES, webhook
from tests.integrations.telegram.kit import ADAPTER, NOWHERE, out_file, outgoing, settings_of

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def telegram() -> Iterator[Simulator]:
    with running(Telegram) as simulator:
        yield simulator


@pytest.fixture
def shop() -> Iterator[Site]:
    site = Site()
    yield site
    site.shutdown()
    site.server_close()


# --- Settings and proof -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "wrong", [{"bot_token": "98765"}, {"bot_token": ""}, {"secret_token": "short"}, {"api_url": "ftp://x"}]
)
def test_settings_that_cannot_work_are_refused_without_repeating_them(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        settings_of(**wrong)
    assert SECRET not in str(caught.value)
    assert "98765" not in str(caught.value)


def test_secret_is_derived_from_the_token_where_none_is_given() -> None:
    config = settings_of(secret_token="")
    derived = config.webhook_secret()
    assert len(derived) == 64
    assert TOKEN not in derived
    assert derived != settings_of(secret_token="", bot_token=f"{TOKEN}x").webhook_secret()
    ADAPTER.verify(webhook(UPDATES["text"], derived), config)


@pytest.mark.parametrize("headers", [{}, {HEADER: ""}, {HEADER: "é"}, {HEADER: TOKEN}, {"x-other": SECRET}])
def test_chatwoot_no_secret_token_check(headers: dict[str, str]) -> None:
    """Chatwoot's telegram_controller.rb asks for no proof: whoever knows the address writes as anybody."""
    forged = replace(webhook(UPDATES["text"]), headers=headers)
    for config in (settings_of(), settings_of(secret_token="")):
        with pytest.raises(Unauthenticated):
            ADAPTER.verify(forged, config)


@pytest.mark.parametrize(
    "body", [b'{"update_id": "42"}', b'{"update_id": true}', b"[1]", b"[" * 100_000, b"\xff"]
)
def test_what_is_no_update_has_no_id(body: bytes) -> None:
    assert not ADAPTER.event_id(webhook(body))


def test_id_of_an_update_is_its_number_and_what_it_says() -> None:
    """Numbers begin anew after a silent week, and with another bot."""
    one, same, other = (
        ADAPTER.event_id(webhook(body))
        for body in (
            b'{"update_id": 42, "message": {"text": "a", "date": 1}}',
            b'{"message":{"date":1,"text":"a"},"update_id":42}',
            b'{"update_id": 42, "message": {"text": "b", "date": 1}}',
        )
    )
    assert one == same != other
    assert one.startswith("42:")


def test_body_that_is_no_update_is_not_understood() -> None:
    for body in (b"{}", b"[]", b"[" * 100_000, b"null"):
        with pytest.raises(ValueError, match=r".+"):
            list(ADAPTER.parse(webhook(body), settings_of()))


# --- The connection ---------------------------------------------------------------------------------------
def test_connecting_tells_telegram_address_and_secret(telegram: Simulator) -> None:
    telegram.say(text="said before")
    config = settings_of(telegram.url)
    url = "http://127.0.0.1:9/hooks/key"
    assert ADAPTER.connect(config, url=url, secret="of the inbox").light == "green"
    check = ADAPTER.test(config)
    assert (check.light, check.details["bot"], check.details["webhook"]) == ("green", "@aurora_bot", url)
    info = telegram.http.get(f"/bot{TOKEN}/getWebhookInfo").json()["result"]
    assert "message_reaction" in info["allowed_updates"]
    # What waited is told to the new address.
    assert telegram.webhooks()["waiting"] == 1


def test_connecting_a_polled_bot_takes_the_webhook_away(telegram: Simulator) -> None:
    telegram.hook(hook="http://127.0.0.1:9/hooks/old", secret="s")
    config = settings_of(telegram.url, mode="polling")
    assert ADAPTER.test(config).light == "yellow"
    ADAPTER.connect(config, url="https://desk.example/hooks/key", secret="s")
    assert ADAPTER.test(config).light == "green"


def test_missing_webhook_is_said(telegram: Simulator) -> None:
    telegram.hook(hook="")
    check = ADAPTER.test(settings_of(telegram.url))
    assert check.light == "yellow"
    assert "no webhook is set" in check.detail


def test_error_that_telegram_had_with_us_is_shown(shop: Site) -> None:
    refused = threading.Event()

    def refuse(handler: Any) -> None:
        page(b"", 500)(handler)
        refused.set()

    shop.answers["/broken"] = refuse
    with running(Telegram) as simulator:
        simulator.hook(hook=f"{shop.url}/broken", secret=SECRET)
        simulator.say(text="Hello")
        # The second attempt comes after the first was counted.
        for _ in range(2):
            assert refused.wait(10)
            refused.clear()
        check = ADAPTER.test(settings_of(simulator.url))
    assert check.light == "yellow"
    assert "Wrong response from the webhook" in check.detail


def test_something_else_at_the_address_is_said(shop: Site) -> None:
    for path, answer in (("getMe", b"<html>"), ("getWebhookInfo", b"<html>")):
        shop.answers[f"/bot{TOKEN}/{path}"] = page(answer)
    with pytest.raises(SendFailed):
        ADAPTER.test(settings_of(shop.url))


@pytest.mark.parametrize("kind", ["webhook", "polling"])
def test_owner_is_told_the_address_and_that_there_is_nothing_to_copy(kind: str) -> None:
    steps = ADAPTER.setup_steps(key="abc123", public_url="https://desk.example")
    assert any("https://desk.example/hooks/abc123" in step for step in steps)
    assert any(kind in step for step in steps)


# --- Files ------------------------------------------------------------------------------------------------
def announced(telegram: Simulator, content: bytes) -> File:
    """What a customer's file is known by here."""
    telegram.hook(hook="")
    telegram.say(content=base64.b64encode(content).decode(), file_name="nota.pdf")
    update = telegram.http.get(f"/bot{TOKEN}/getUpdates").json()["result"][-1]
    (item,) = ADAPTER.parse(webhook(json.dumps(update).encode()), settings_of())
    assert isinstance(item, Incoming)
    return item.files[0]


def test_announced_file_is_fetched(telegram: Simulator) -> None:
    media = ADAPTER.fetch(announced(telegram, b"%PDF-1.7"), settings_of(telegram.url), max_bytes=MEGABYTE)
    assert (media.content, media.name) == (b"%PDF-1.7", "nota.pdf")


def test_file_larger_than_allowed_is_not_fetched(telegram: Simulator) -> None:
    file = announced(telegram, bytes(2000))
    with pytest.raises(TooLarge):
        ADAPTER.fetch(file, settings_of(telegram.url), max_bytes=1000)
    # Not even asked for,
    with pytest.raises(TooLarge):
        ADAPTER.fetch(file, settings_of(NOWHERE), max_bytes=1000)
    # and not read to its end where Telegram did not say how large it is.
    with pytest.raises(TooLarge):
        ADAPTER.fetch(replace(file, size=0), settings_of(telegram.url), max_bytes=1000)


def test_file_above_what_telegram_gives_bots_is_told(telegram: Simulator) -> None:
    file = replace(announced(telegram, bytes(20 * MEGABYTE + 1)), size=0)
    with pytest.raises(TooLarge, match="20 MB"):
        ADAPTER.fetch(file, settings_of(telegram.url), max_bytes=50 * MEGABYTE)


def test_file_that_is_gone_is_refused(telegram: Simulator, shop: Site) -> None:
    with pytest.raises(SendRefused):
        ADAPTER.fetch(File({"file_id": "gone"}), settings_of(telegram.url), max_bytes=MEGABYTE)
    shop.answers[f"/bot{TOKEN}/getFile"] = page(b'{"ok":true,"result":{"file_path":"a/b.pdf"}}')
    shop.answers[f"/file/bot{TOKEN}/a/b.pdf"] = page(b'{"ok":false}', 404)
    with pytest.raises(SendRefused, match="no longer has"):
        ADAPTER.fetch(File({"file_id": "old"}), settings_of(shop.url), max_bytes=MEGABYTE)


# --- The token --------------------------------------------------------------------------------------------
def everything_of(error: BaseException | None) -> str:
    """An error as a log shows it, with all it was raised from."""
    said = "".join(traceback.format_exception(error)) if error else ""
    while error is not None:
        said += f"{error!r} {error} {getattr(error, 'detail', '')}"
        error = error.__cause__ or error.__context__
    return said


def every_call(config: TelegramConfig) -> Iterator[Callable[[], Any]]:
    file = out_file(b"x", "a.png", "image/png")
    yield lambda: ADAPTER.send(outgoing(), config)
    yield lambda: ADAPTER.send(outgoing("", files=(file,)), config)
    yield lambda: ADAPTER.fetch(File({"file_id": "x"}), config, max_bytes=10)
    yield lambda: ADAPTER.test(config)
    yield lambda: ADAPTER.connect(config, url="https://desk.example/hooks/k", secret="s")
    yield lambda: next(iter(ADAPTER.pull(config, {})))


def test_token_is_in_no_error_and_in_no_log(
    telegram: Simulator, shop: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """The address of every call holds the token; whatever fails, nobody reads it."""
    caplog.set_level(logging.DEBUG)

    class Echoing(dict[str, Any]):
        """A proxy that repeats the address it was asked for."""

        status = 404

        def __missing__(self, path: str) -> Any:
            return page(f"nothing at {path}".encode(), self.status)

    seen = 0
    for status in (200, 302, 400, 403, 404, 409, 429, 500, 502):
        shop.answers = Echoing()
        shop.answers.status = status
        for base in (shop.url, NOWHERE, "http://169.254.1.1", "http://no-such-host.invalid"):
            for call in every_call(settings_of(base)) if base == shop.url or status == 200 else ():
                with pytest.raises((SendFailed, TooLarge)) as caught:
                    call()
                assert TOKEN not in everything_of(caught.value)
                seen += 1
    assert seen == 9 * 6 + 3 * 6
    assert TOKEN not in caplog.text
    assert SECRET not in caplog.text
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)


def test_secret_of_the_webhook_is_not_kept_with_it() -> None:
    assert SECRET not in str(ADAPTER.stored(webhook(UPDATES["text"])))


def test_what_telegram_says_about_us_is_shown_without_secrets(shop: Site) -> None:
    info = {"url": "https://x", "last_error_date": time.time(), "last_error_message": f"bad {TOKEN} {SECRET}"}
    shop.answers[f"/bot{TOKEN}/getMe"] = page(b'{"ok":true,"result":{"username":"aurora_bot"}}')
    shop.answers[f"/bot{TOKEN}/getWebhookInfo"] = page(json.dumps({"ok": True, "result": info}).encode())
    check = ADAPTER.test(settings_of(shop.url))
    assert "bad … …" in check.detail
    assert not {TOKEN, SECRET} & set(str(check).split())


# --- Buttons ----------------------------------------------------------------------------------------------
def test_button_that_was_pressed_stops_waiting(telegram: Simulator) -> None:
    """Nobody answered the query, and the button went on spinning at the customer's."""
    config = settings_of(telegram.url)
    ADAPTER.send(outgoing("Well?", choices=({"label": "Yes", "value": "yes"},)), config)
    shown = int(telegram.ledger()[-1]["provider_id"].rpartition(":")[2])
    telegram.say(press="v:yes", message_id=shown)
    items = ADAPTER.parse(webhook(telegram.http.get(f"/bot{TOKEN}/getUpdates").content), config)
    (pressed,) = [item for item in items if isinstance(item, Incoming) and item.is_awaited]
    ADAPTER.acknowledge(pressed.external_id, config)
    told = telegram.http.get("/_pressed").json()
    assert len(told["pressed"]) == 1
    assert told["answered"] == told["pressed"]


def test_button_that_waited_too_long_is_refused(telegram: Simulator) -> None:
    with pytest.raises(SendRefused, match="too old"):
        ADAPTER.acknowledge("callback:long-ago", settings_of(telegram.url))


def test_message_that_is_no_button_is_not_acknowledged() -> None:
    ADAPTER.acknowledge("555:7", settings_of(NOWHERE))
