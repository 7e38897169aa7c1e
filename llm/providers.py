"""Which provider and model to ask, as a pure function of the settings.

Reads the mapping `settings.LLM`: one key per provider, `OLLAMA_API_BASE`, or `LLM_BASE_URL` with an optional
`LLM_API_KEY` for anything that speaks OpenAI's protocol (vLLM, llama.cpp, LM Studio, a gateway). An empty
value counts as absent. Where several are present the one that `LLM_PROVIDER` names is asked, or else the one
named first in `PROVIDERS`; `mock` there is the built-in answerer, whatever keys there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

BUILTIN = "builtin"
BUILTIN_MODEL = f"{BUILTIN}/quote"
# What older systems call an answerer without a provider.
MOCK = "mock"
# For servers that take no key: their clients must send one.
NO_KEY = "none"


@dataclass(frozen=True, slots=True)
class _Known:
    """How a provider is recognised and reached.

    `dialect` is LiteLLM's name for its protocol; `path` is added to an address that is given without it.
    """

    name: str
    key: str
    dialect: str
    model: str
    address: str = ""
    path: str = ""


PROVIDERS = (
    _Known("custom", "LLM_API_KEY", "openai", "default", address="LLM_BASE_URL"),
    _Known("openai", "OPENAI_API_KEY", "openai", "gpt-4o-mini"),
    _Known("openrouter", "OPENROUTER_API_KEY", "openrouter", "openai/gpt-4o-mini"),
    _Known("gemini", "GEMINI_API_KEY", "gemini", "gemini-2.5-flash"),
    _Known("groq", "GROQ_API_KEY", "groq", "llama-3.3-70b-versatile"),
    _Known("anthropic", "ANTHROPIC_API_KEY", "anthropic", "claude-haiku-4-5"),
    _Known("ollama", "", "openai", "llama3.1", address="OLLAMA_API_BASE", path="/v1"),
)


@dataclass(frozen=True, slots=True)
class Provider:
    """A model and how to reach it. `model` is the name shown and stored, such as `groq/llama-3.3-70b`."""

    name: str
    model: str
    litellm_model: str
    api_key: str = field(default="", repr=False)
    api_base: str = ""


def choose(config: Mapping[str, str]) -> Provider:
    """Returns the provider to ask first: `LLM_MODEL` where it is set, else the default of the first key."""
    return resolve(config, _value(config, "LLM_MODEL"))


def fallback(config: Mapping[str, str]) -> Provider | None:
    """Returns the provider to ask when the first one fails, or None when there is no other."""
    name = _value(config, "LLM_FALLBACK_MODEL")
    other = resolve(config, name) if name else None
    return None if other == choose(config) else other


def resolve(config: Mapping[str, str], model: str) -> Provider:
    """Returns how to reach a model by its name; an empty name is the default of the first provider.

    A name that begins with a provider whose key is present (`groq/…`) goes there. Any other name goes to the
    first provider as it is: `openai/gpt-oss-20b` on one's own server is sent there whole. Without any key
    every name ends at the built-in answerer, which needs none.
    """
    present = _present(config)
    first, _, rest = model.partition("/")
    if first == BUILTIN and rest:
        return Provider(BUILTIN, model, model)
    for known in present:
        if known.name == first and rest:
            return _provider(config, known, rest)
    if not present:
        return Provider(BUILTIN, BUILTIN_MODEL, BUILTIN_MODEL)
    return _provider(config, present[0], model or present[0].model)


def decided_by(config: Mapping[str, str]) -> str:
    """Returns the name of the setting that decided which provider is asked first; empty where none is set."""
    if wished_provider(config) and (
        not (present := _present(config)) or present[0].name == wished_provider(config)
    ):
        return "LLM_PROVIDER"
    first = choose(config)
    return next((known.address or known.key for known in PROVIDERS if known.name == first.name), "")


def configured(config: Mapping[str, str]) -> list[Provider]:
    """Returns each provider that has a key, with its usual model; the one that is asked first is first."""
    return [_provider(config, known, known.model) for known in _present(config)]


def wished_provider(config: Mapping[str, str]) -> str:
    """Returns the provider that was chosen by name, in lower case; empty where keys decide."""
    return _value(config, "LLM_PROVIDER").lower()


def _present(config: Mapping[str, str]) -> list[_Known]:
    """Returns the providers that have a key, the wished one first."""
    name = wished_provider(config)
    if name in {MOCK, BUILTIN}:
        return []
    present = [known for known in PROVIDERS if _is_present(config, known)]
    return sorted(present, key=lambda known: known.name != name)


def _value(config: Mapping[str, str], name: str) -> str:
    return config.get(name, "").strip()


def _is_present(config: Mapping[str, str], known: _Known) -> bool:
    return bool(_value(config, known.address or known.key))


def _provider(config: Mapping[str, str], known: _Known, model: str) -> Provider:
    address = _value(config, known.address).rstrip("/") if known.address else ""
    if address and known.path and not address.endswith(known.path):
        address += known.path
    key = _value(config, known.key) if known.key else ""
    return Provider(
        name=known.name,
        model=f"{known.name}/{model}",
        litellm_model=f"{known.dialect}/{model}",
        api_key=key or NO_KEY,
        api_base=address,
    )
