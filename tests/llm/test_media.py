"""What a model is given beside text: what it takes, nothing else, and never its bytes as tokens."""

import base64
from typing import Any

import pytest

from llm import door
from llm.attempt import MEDIA_TOKENS
from llm.media import as_sent, known_inputs, part
from llm.providers import resolve
from llm.types import ChatMessage, Media
from tests.fakes.openai_server import OpenAIServer, Reply

PICTURE = Media("image/jpeg", b"\xff\xd8\xffpixels")
SOUND = Media("audio/mpeg", b"ID3sound")
TOLD: ChatMessage = {"role": "user", "content": "[picture: a.jpg]", "media": [PICTURE, SOUND]}
PLAIN = {"role": "user", "content": "[picture: a.jpg]"}


def inputs(config: dict[str, str], model: str = "", wish: str = "") -> frozenset[str]:
    return known_inputs(resolve(config, model), wish, sees=lambda _: False, hears=lambda _: False)


def test_message_without_media_is_sent_as_it_is() -> None:
    assert as_sent({"role": "user", "content": "Hi"}, frozenset({"image/jpeg"})) == {
        "role": "user",
        "content": "Hi",
    }


def test_model_that_takes_nothing_gets_the_words_alone() -> None:
    assert as_sent(TOLD, frozenset()) == PLAIN


def test_model_gets_what_it_takes_after_the_words() -> None:
    sent = as_sent(TOLD, frozenset({"image/jpeg"}))
    assert sent == {"role": "user", "content": [{"type": "text", "text": TOLD["content"]}, part(PICTURE)]}


def test_picture_and_sound_have_the_shapes_of_the_protocol() -> None:
    data = base64.b64encode(PICTURE.content).decode()
    assert part(PICTURE) == {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}
    for kind, form in (("audio/wav", "wav"), ("audio/mpeg", "mp3"), ("audio/ogg", "ogg")):
        assert part(Media(kind, b"x")) == {
            "type": "input_audio",
            "input_audio": {"data": "eA==", "format": form},
        }


@pytest.mark.parametrize(
    ("wish", "types"),
    [
        ("image", {"image/jpeg"}),
        ("Image, wav mp3", {"image/jpeg", "audio/wav", "audio/mpeg"}),
        ("ogg", {"audio/ogg"}),
        ("none", set()),
    ],
)
def test_setting_says_what_no_table_knows(wish: str, types: set[str]) -> None:
    assert inputs({"LLM_BASE_URL": "http://127.0.0.1:1"}, wish=wish) == types


def test_setting_can_keep_files_from_a_model_that_sees() -> None:
    seeing = resolve({"OPENAI_API_KEY": "x"}, "")
    assert known_inputs(seeing, "none", sees=lambda _: True, hears=lambda _: True) == frozenset()


def test_builtin_answerer_is_given_no_files_whatever_the_setting_says() -> None:
    assert inputs({}, wish="image,mp3") == frozenset()


def test_gemini_hears_what_telephones_record() -> None:
    assert inputs({"GEMINI_API_KEY": "x"}) == {"audio/wav", "audio/mpeg", "audio/ogg"}


def test_model_behind_openrouter_is_looked_up_under_its_own_name() -> None:
    provider = resolve({"OPENROUTER_API_KEY": "x"}, "openrouter/openai/gpt-4o-mini")
    known = known_inputs(provider, "", sees=lambda name: name == "openai/gpt-4o-mini", hears=lambda _: False)
    assert known == {"image/jpeg"}


@pytest.mark.parametrize(
    ("model", "types"),
    [
        ("gpt-4o-mini", {"image/jpeg"}),
        ("gpt-4o-audio-preview", {"audio/wav", "audio/mpeg"}),
        ("main", set()),
    ],
)
async def test_table_knows_models(config: dict[str, str], model: str, types: set[str]) -> None:
    config["LLM_MODEL"] = model
    assert await door.inputs() == types
    assert await door.inputs("custom/gpt-4o-mini") == {"image/jpeg"}


async def test_model_that_may_step_in_counts(config: dict[str, str]) -> None:
    config["LLM_FALLBACK_MODEL"] = "custom/gpt-4o-mini"
    assert await door.inputs() == {"image/jpeg"}


async def test_blind_model_is_sent_words_and_the_one_that_steps_in_the_picture(
    config: dict[str, str], server: OpenAIServer, no_ledger: None
) -> None:
    config["LLM_FALLBACK_MODEL"] = "custom/gpt-4o-mini"
    server.script(Reply(status=400), Reply(text="A lamp."))
    answer = await door.complete([TOLD], purpose="test")
    assert answer.text == "A lamp."
    blind, seeing = (chat["messages"][0] for chat in server.chats)
    assert blind == PLAIN
    assert seeing["content"] == [{"type": "text", "text": TOLD["content"]}, part(PICTURE)]


async def test_bytes_of_a_picture_are_no_measure_of_its_tokens(
    config: dict[str, str], server: OpenAIServer, no_ledger: None
) -> None:
    config["LLM_MODEL"] = "gpt-4o-mini"
    server.script(Reply(text="A lamp.", usage=None))
    huge: ChatMessage = {**TOLD, "media": [Media("image/jpeg", b"x" * 40_000)]}
    answer = await door.stream([huge], purpose="test", on_text=_nobody)
    assert answer.usage.estimated
    assert MEDIA_TOKENS <= answer.usage.prompt_tokens < MEDIA_TOKENS + 100


async def _nobody(_text: Any) -> None:
    return
