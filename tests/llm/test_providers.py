import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm.providers import BUILTIN, BUILTIN_MODEL, NO_KEY, PROVIDERS, Provider, choose, fallback, resolve

KEYS = [known.address or known.key for known in PROVIDERS]
values = st.text(st.characters(codec="ascii", exclude_categories=["C", "Z"]), min_size=1, max_size=20)
configs = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["", "  ", "http://127.0.0.1:1", "key"]))
names = st.one_of(
    st.just(""),
    values,
    st.builds("{}/{}".format, st.sampled_from([k.name for k in PROVIDERS]), st.just("") | values),
)


def test_choose_without_any_key_is_the_builtin_answerer():
    assert choose({}) == Provider("builtin", BUILTIN_MODEL, BUILTIN_MODEL)
    assert choose({"OPENAI_API_KEY": " "}).model == "builtin/quote"


def test_choose_takes_each_provider_from_its_key_alone():
    chosen = {known.name: choose({known.address or known.key: "http://h/x"}) for known in PROVIDERS}
    assert {name: provider.model for name, provider in chosen.items()} == {
        "custom": "custom/default",
        "openai": "openai/gpt-4o-mini",
        "openrouter": "openrouter/openai/gpt-4o-mini",
        "gemini": "gemini/gemini-2.5-flash",
        "groq": "groq/llama-3.3-70b-versatile",
        "anthropic": "anthropic/claude-haiku-4-5",
        "ollama": "ollama/llama3.1",
    }
    assert chosen["custom"].litellm_model == "openai/default"
    assert chosen["groq"].api_key == "http://h/x"


def test_choose_with_an_address_of_ones_own_asks_there_first_and_needs_no_key():
    chosen = choose({"LLM_BASE_URL": "http://gpu:8000/v1/", "OPENAI_API_KEY": "sk"})
    assert (chosen.name, chosen.api_base, chosen.api_key) == ("custom", "http://gpu:8000/v1", NO_KEY)


def test_choose_speaks_to_ollama_through_its_openai_door():
    for address in ("http://localhost:11434", "http://localhost:11434/v1/"):
        chosen = choose({"OLLAMA_API_BASE": address, "LLM_MODEL": "qwen3"})
        assert (chosen.litellm_model, chosen.api_base) == ("openai/qwen3", "http://localhost:11434/v1")


def test_model_with_a_provider_whose_key_is_present_goes_there():
    config = {"OPENAI_API_KEY": "sk", "GROQ_API_KEY": "gq", "LLM_MODEL": "groq/qwen/qwen3-32b"}
    assert choose(config) == Provider("groq", "groq/qwen/qwen3-32b", "groq/qwen/qwen3-32b", "gq")


def test_model_with_a_provider_that_has_no_key_is_sent_whole_to_the_first_provider():
    config = {"LLM_BASE_URL": "http://gpu/v1", "LLM_MODEL": "openai/gpt-oss-20b"}
    assert choose(config).litellm_model == "openai/openai/gpt-oss-20b"


def test_provider_named_without_a_model_is_no_provider():
    config = {"OPENAI_API_KEY": "sk", "GROQ_API_KEY": "gq", "LLM_MODEL": "groq/"}
    assert choose(config).name == "openai"


def test_builtin_can_be_asked_for_in_spite_of_a_key():
    assert choose({"OPENAI_API_KEY": "sk", "LLM_MODEL": "builtin/quote"}).name == "builtin"


def test_fallback_is_none_when_unset_or_the_same():
    config = {"OPENAI_API_KEY": "sk"}
    assert fallback(config) is None
    assert fallback(config | {"LLM_FALLBACK_MODEL": "gpt-4o-mini"}) is None
    assert fallback(config | {"LLM_FALLBACK_MODEL": "openai/gpt-4o-mini"}) is None


def test_fallback_may_be_another_provider_or_the_builtin_answerer():
    config = {"OPENAI_API_KEY": "sk", "ANTHROPIC_API_KEY": "an"}
    other = fallback(config | {"LLM_FALLBACK_MODEL": "anthropic/claude-haiku-4-5"})
    assert other is not None
    assert (other.name, other.api_key) == ("anthropic", "an")
    builtin = fallback(config | {"LLM_FALLBACK_MODEL": "builtin/quote"})
    assert builtin is not None
    assert builtin.name == "builtin"


@given(configs, names)
def test_resolve_only_goes_where_a_key_is(config: dict[str, str], name: str):
    chosen = resolve(config, name)
    present = [known.name for known in PROVIDERS if config.get(known.address or known.key, "").strip()]
    assert chosen.name in (present or ["builtin"])
    first = name.partition("/")[0]
    expected = first if first in present and name.partition("/")[2] else (present or ["builtin"])[0]
    assert chosen.name == expected


@given(configs, names)
def test_resolve_of_the_name_it_gave_is_the_same_provider(config: dict[str, str], name: str):
    once = resolve(config, name)
    assert resolve(config, once.model) == once


@given(configs)
def test_empty_and_unknown_settings_change_nothing(config: dict[str, str]):
    assert choose(config) == choose(
        config | {"SOMETHING": "else", "LLM_MODEL": " ", "LLM_FALLBACK_MODEL": "x"}
    )


def test_a_key_is_not_shown_when_a_provider_is_printed():
    assert "sk-secret" not in repr(choose({"OPENAI_API_KEY": "sk-secret"}))


def test_provider_is_chosen_by_its_name_among_those_with_a_key():
    config = {"OPENAI_API_KEY": "a", "GEMINI_API_KEY": "b", "LLM_PROVIDER": " Gemini "}
    assert choose(config).model == "gemini/gemini-2.5-flash"
    assert choose({**config, "LLM_PROVIDER": "openrouter"}).name == "openai"
    assert resolve(config, "openai/gpt-4o").model == "openai/gpt-4o"


@pytest.mark.parametrize("name", ["mock", "builtin", "MOCK"])
def test_mock_is_the_builtin_answerer_whatever_keys_there_are(name):
    config = {"OPENAI_API_KEY": "a", "LLM_MODEL": "openai/gpt-4o", "LLM_PROVIDER": name}
    assert choose(config).name == BUILTIN
    assert resolve(config, "openai/gpt-4o").name == BUILTIN
    assert fallback({**config, "LLM_FALLBACK_MODEL": "openai/gpt-4o"}) is None
