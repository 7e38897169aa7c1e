"""python-telegram-bot, which real bots run on, judges our fixtures and our simulator."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, RetryAfter
from telegram.request import HTTPXRequest

from conversations.exchange import Edited, Incoming, Reacted
from tests.fakes.provider import Simulator, running
from tests.fakes.telegram import TOKEN, Telegram
from tests.integrations.telegram.case import UPDATES
from tests.integrations.telegram.kit import parsed

# What no library can know.
INVENTED = {"unknown_kind", "unknown_update"}
REAL = sorted(set(UPDATES) - INVENTED)


@pytest.fixture
def telegram() -> Iterator[Simulator]:
    with running(Telegram) as simulator:
        yield simulator


def bot_of(telegram: Simulator, token: str = TOKEN) -> Bot:
    request = HTTPXRequest(httpx_kwargs={"trust_env": False})
    base, files = f"{telegram.url}/bot", f"{telegram.url}/file/bot"
    return Bot(token, base_url=base, base_file_url=files, request=request, get_updates_request=request)


@pytest.mark.parametrize("name", REAL)
def test_fixture_is_an_update_to_the_library(name: str) -> None:
    raw = json.loads(UPDATES[name])
    update = Update.de_json(raw, None)
    (kind,) = set(raw) - {"update_id"}
    found: Any = getattr(update, kind)
    assert found is not None
    # Every field is one that the library knows, and none is missing that it must have.
    assert not (set(found.api_kwargs) - {"new_chat_member", "new_chat_participant"})


@pytest.mark.parametrize("name", REAL)
def test_library_and_adapter_read_alike(name: str) -> None:
    update = Update.de_json(json.loads(UPDATES[name]), None)
    message = update.effective_message
    for item in parsed(name, allow_groups=True):
        if isinstance(item, Incoming):
            assert update.effective_chat
            assert item.sender.external_id.partition("@")[0] == str(update.effective_chat.id)
            assert item.files == () or (message and message.effective_attachment)
            if message and not update.callback_query:
                assert item.external_id.endswith(f":{message.message_id}")
                assert item.sent_at == message.date
        if isinstance(item, Edited):
            assert message
            assert item.at == message.edit_date
        if isinstance(item, Reacted):
            assert update.message_reaction
            assert item.at == update.message_reaction.date


def test_library_reads_the_same_entities_out_of_a_formatted_text() -> None:
    update = Update.de_json(json.loads(UPDATES["text_formatted"]), None)
    assert update.message
    (item,) = parsed("text_formatted")
    assert isinstance(item, Incoming)
    for entity, text in update.message.parse_entities().items():
        assert text in item.text
        assert text in item.html, entity.type


async def test_library_sends_and_is_refused_as_by_telegram(
    telegram: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")
    async with bot_of(telegram) as bot:
        assert bot.username == "aurora_bot"
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="v:yes")]])
        sent = await bot.send_message(555, "<b>Hello</b>", parse_mode="HTML", reply_markup=keyboard)
        assert (sent.text, sent.chat.id) == ("Hello", 555)
        photo = await bot.send_photo(555, b"\x89PNG", caption="See")
        assert photo.caption == "See"
        with pytest.raises(BadRequest, match="parse entities"):
            await bot.send_message(555, "<b>Hello", parse_mode="HTML")
        with pytest.raises(BadRequest, match="too long"):
            await bot.send_message(555, "😀" * 2049)
        telegram.set_faults(too_many=1, retry_after=3)
        with pytest.raises(RetryAfter) as caught:
            await bot.send_message(555, "Hello")
        assert caught.value.retry_after == timedelta(seconds=3)
        telegram.set_faults(refuse=1)
        with pytest.raises(Forbidden):
            await bot.send_message(555, "Hello")
    assert [row["text"] for row in telegram.ledger()] == ["Hello", "See"]


async def test_library_polls_confirms_and_fetches_files(telegram: Simulator) -> None:
    telegram.say(text="one", name="Davi")
    telegram.say(content="JVBERg==", file_name="nota.pdf")
    async with bot_of(telegram) as bot:
        first, second = await bot.get_updates(timeout=1)
        assert first.message and first.message.text == "one"  # noqa: PT018 (mypy follows the whole)
        assert second.message and second.message.document  # noqa: PT018
        file = await second.message.document.get_file()
        assert bytes(await file.download_as_bytearray()) == b"%PDF"
        # Not confirmed: they come again, until a later offset is asked for.
        assert len(await bot.get_updates(timeout=0)) == 2
        assert await bot.get_updates(offset=second.update_id + 1, timeout=0) == ()
        assert await bot.get_updates(timeout=0) == ()


async def test_library_sets_and_deletes_a_webhook(telegram: Simulator) -> None:
    async with bot_of(telegram) as bot:
        telegram.say(text="waiting")
        assert await bot.set_webhook(
            "http://127.0.0.1:9/x", secret_token="a-secret", allowed_updates=["message"]
        )
        info = await bot.get_webhook_info()
        assert (info.url, info.allowed_updates) == ("http://127.0.0.1:9/x", ("message",))
        with pytest.raises(Conflict):
            await bot.get_updates(timeout=0)
        assert await bot.delete_webhook()
        assert (await bot.get_webhook_info()).url == ""


async def test_library_is_told_of_a_wrong_token(telegram: Simulator) -> None:
    bot = bot_of(telegram, "1:wrong")
    with pytest.raises(InvalidToken):
        await bot.initialize()
    await bot.shutdown()


async def test_button_that_is_pressed_carries_its_message(telegram: Simulator) -> None:
    async with bot_of(telegram) as bot:
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="v:yes")]])
        sent = await bot.send_message(555, "Sure?", reply_markup=keyboard)
        telegram.say(press="v:yes", message_id=sent.message_id)
        (update,) = await bot.get_updates(timeout=0)
    assert update.callback_query
    assert (update.callback_query.data, update.callback_query.message) == ("v:yes", sent)
    (item,) = parsed(update.to_dict())
    assert isinstance(item, Incoming)
    assert item.text == "yes"
