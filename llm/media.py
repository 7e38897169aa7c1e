"""Pictures and sounds beside the text of a message, for models that take them.

A message carries what there is; what is sent is decided for each provider, since the one that steps in may be
blind. The text must stand for itself: whoever writes it names the files in words.
"""

import base64
from collections.abc import Callable
from typing import Any

from llm.providers import BUILTIN, Provider
from llm.types import ChatMessage, Media

# What `LLM_INPUTS` may name.
INPUTS = {"image": "image/jpeg", "wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}
NOTHING = "none"
# Wherever a model of OpenAI's protocol hears at all: https://platform.openai.com/docs/guides/audio
HEARD = {"audio/wav": "wav", "audio/mpeg": "mp3"}
# Every Gemini hears, and more: https://ai.google.dev/gemini-api/docs/audio (LiteLLM's table does not know).
HEARD_BY_GEMINI = {**HEARD, "audio/ogg": "ogg"}
Asks = Callable[[str], bool]


def known_inputs(provider: Provider, wish: str, *, sees: Asks, hears: Asks) -> frozenset[str]:
    """Returns the types that a provider's model takes beside text.

    `wish` (`LLM_INPUTS`) says it for models that no table knows, and `none` that none is given any. `sees`
    and `hears` are asked with LiteLLM's names otherwise.
    """
    if provider.name == BUILTIN:
        return frozenset()
    if words := wished(wish):
        return frozenset(INPUTS[word] for word in words if word in INPUTS)
    names = {provider.litellm_model}
    if provider.name == "openrouter":
        # Whose models are other people's, under their own names.
        names.add(provider.litellm_model.partition("/")[2])
    types = {"image/jpeg"} if any(map(sees, names)) else set()
    if provider.name == "gemini":
        types.update(HEARD_BY_GEMINI)
    elif any(map(hears, names)):
        types.update(HEARD)
    return frozenset(types)


def wished(wish: str) -> list[str]:
    """Returns the words of `LLM_INPUTS`."""
    return wish.lower().replace(",", " ").split()


def as_sent(message: ChatMessage, taken: frozenset[str]) -> dict[str, Any]:
    """Returns a message in OpenAI's shape, with what the model takes as parts after the text."""
    plain: dict[str, Any] = {name: value for name, value in message.items() if name != "media"}
    parts = [part(media) for media in message.get("media", ()) if media.content_type in taken]
    if parts:
        plain["content"] = [{"type": "text", "text": message["content"]}, *parts]
    return plain


def part(media: Media) -> dict[str, Any]:
    """Returns a picture or sound as a part of a message's content."""
    data = base64.b64encode(media.content).decode()
    if media.content_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": f"data:{media.content_type};base64,{data}"}}
    return {
        "type": "input_audio",
        "input_audio": {"data": data, "format": HEARD_BY_GEMINI[media.content_type]},
    }
