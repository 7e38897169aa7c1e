"""What `manage.py check` says about the settings of models."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 (Django's name)

from llm.media import INPUTS, NOTHING, wished
from llm.prices import prices
from llm.providers import BUILTIN, MOCK, PROVIDERS, resolve, wished_provider

SECONDS = ("LLM_TIMEOUT_SECONDS", "LLM_FIRST_TOKEN_SECONDS")
MODELS = ("LLM_MODEL", "LLM_FALLBACK_MODEL")


@register()
def check_seconds(**_: Any) -> list[CheckMessage]:
    """llm.E001: a deadline is not a number of seconds above zero."""
    return [
        Error(f"{name} is {settings.LLM.get(name)!r}, not a number of seconds above zero.", id="llm.E001")
        for name in SECONDS
        if not _is_positive(settings.LLM.get(name, ""))
    ]


@register()
def check_models(**_: Any) -> list[CheckMessage]:
    """llm.W001: a model names a provider that has no key, so that another one is asked for it."""
    found: list[CheckMessage] = []
    if wished_provider(settings.LLM) in {BUILTIN, MOCK}:
        return found
    for name in MODELS:
        model = settings.LLM.get(name, "").strip()
        wanted = next((known for known in PROVIDERS if model.startswith(f"{known.name}/")), None)
        asked = resolve(settings.LLM, model)
        if wanted and asked.name != wanted.name:
            key = wanted.address or wanted.key
            hint = f"Set {key}, or name a model of {asked.name}."
            found.append(
                Warning(
                    f"{name} is {model}, but {key} is not set: {asked.model} is asked.", hint, id="llm.W001"
                )
            )
    return found


@register()
def check_inputs(**_: Any) -> list[CheckMessage]:
    """llm.E002: LLM_INPUTS names something that no model is ever given."""
    unknown = [word for word in wished(settings.LLM.get("LLM_INPUTS", "")) if word not in {*INPUTS, NOTHING}]
    if not unknown:
        return []
    known = ", ".join([*INPUTS, NOTHING])
    return [Error(f"LLM_INPUTS names {', '.join(unknown)}; it knows {known}.", id="llm.E002")]


@register()
def check_prices(**_: Any) -> list[CheckMessage]:
    """llm.E004: LLM_PRICES holds something that is no price."""
    try:
        prices(settings.LLM.get("LLM_PRICES", ""))
    except ValueError as error:
        told = f"LLM_PRICES holds {str(error)!r}; write model=in/out, such as custom/mine=0.15/0.60."
        return [Error(told, id="llm.E004")]
    return []


@register()
def check_provider(**_: Any) -> list[CheckMessage]:
    """llm.E003: LLM_PROVIDER names nobody we know. llm.W002: it names one that has no key."""
    name = wished_provider(settings.LLM)
    known = {each.name: each.address or each.key for each in PROVIDERS}
    if not name or name in {BUILTIN, MOCK}:
        return []
    if name not in known:
        return [Error(f"LLM_PROVIDER is {name}; it knows {', '.join([*known, MOCK])}.", id="llm.E003")]
    if settings.LLM.get(known[name], "").strip():
        return []
    hint = f"Set {known[name]}, or LLM_PROVIDER={MOCK}."
    asked = resolve(settings.LLM, "").model
    told = f"LLM_PROVIDER is {name}, but {known[name]} is not set: {asked} is asked."
    return [Warning(told, hint, id="llm.W002")]


def _is_positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False
