from typing import Any

import pytest
from django.core.checks import run_checks


def found(settings: Any, **values: str) -> list[str]:
    usual = {"LLM_TIMEOUT_SECONDS": "60", "LLM_FIRST_TOKEN_SECONDS": "20"}
    settings.LLM = dict.fromkeys(settings.LLM, "") | usual | values
    return [str(message.id) for message in run_checks() if str(message.id).startswith("llm.")]


def test_checks_are_silent_without_any_key(settings: Any):
    assert found(settings) == []


@pytest.mark.parametrize("seconds", ["", "0", "-1", "soon", "nan"])
def test_checks_name_a_deadline_that_is_none(settings: Any, seconds: str):
    assert found(settings, LLM_TIMEOUT_SECONDS=seconds) == ["llm.E001"]


def test_checks_name_a_model_whose_provider_has_no_key(settings: Any):
    assert found(settings, OPENAI_API_KEY="sk", LLM_MODEL="groq/llama") == ["llm.W001"]
    assert found(settings, OPENAI_API_KEY="sk", LLM_FALLBACK_MODEL="groq/llama") == ["llm.W001"]
    assert found(settings, OPENAI_API_KEY="sk", GROQ_API_KEY="gq", LLM_MODEL="groq/llama") == []
    assert found(settings, OPENAI_API_KEY="sk", LLM_MODEL="gpt-4o") == []


@pytest.mark.parametrize("wish", ["", "none", "image, wav,mp3 OGG"])
def test_inputs_that_models_take_are_no_error(settings: Any, wish: str) -> None:
    assert found(settings, LLM_INPUTS=wish) == []


def test_input_that_no_model_is_given_is_an_error(settings: Any) -> None:
    assert found(settings, LLM_INPUTS="image,film") == ["llm.E002"]


@pytest.mark.parametrize("price", ["mine", "mine=1", "mine=a/b", "=1/2", "mine=-1/2", "mine=NaN/1"])
def test_a_price_that_cannot_be_read_is_an_error(settings: Any, price: str) -> None:
    assert found(settings, LLM_PRICES=f"custom/other=0.1/0.2, {price}") == ["llm.E004"]


def test_checks_name_a_provider_that_is_unknown_or_has_no_key(settings: Any) -> None:
    assert found(settings, LLM_PROVIDER="skynet") == ["llm.E003"]
    assert found(settings, LLM_PROVIDER="gemini", OPENAI_API_KEY="sk") == ["llm.W002"]
    assert found(settings, LLM_PROVIDER="Gemini", GEMINI_API_KEY="g") == []
    assert found(settings, LLM_PROVIDER="mock", LLM_MODEL="groq/llama", OPENAI_API_KEY="sk") == []
