"""What the model is told: rules from a file, the agent's persona, the conversation since the last resolve."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.utils import timezone

from agents.citations import shifted
from agents.media import Files, named
from agents.models import Agent, Step
from conversations.enums import AuthorKind
from conversations.models import Attachment, Contact, Message
from llm.fence import fence
from llm.types import ChatMessage

PROMPTS = Path(__file__).parent / "prompts"
LONGEST_MESSAGE = 4_000  # characters of one message of the history
MOST_NAMED = 20  # files of one message
NO_FILES: Files = {}
_LOCALE = re.compile(r"[a-zA-Z]{2,3}(?:[-_][a-zA-Z0-9]{2,8})?")


@cache
def _system() -> str:
    return (PROMPTS / "system.md").read_text(encoding="utf-8")


def build(
    *,
    agent: Agent,
    contact: Contact,
    history: Iterable[Message],
    steps: Sequence[Step],
    files: Files = NO_FILES,
) -> list[ChatMessage]:
    """Returns the messages of a run: rules, history, and the tool calls that an earlier attempt finished.

    Only what was said in public since the last resolve is in it, and nothing about other customers. What the
    customer wrote is fenced as data, and the files that came with it are named. The message at place n of the
    history stands at place n + 1.
    """
    rules = _system().format(
        name=agent.name,
        persona=agent.persona.strip(),
        locale=_locale(contact),
        time=timezone.now().strftime("%Y-%m-%d %H:%M UTC"),
    )
    messages: list[ChatMessage] = [{"role": "system", "content": rules}]
    messages.extend(as_chat(message, files.get(message.pk, ())) for message in history)
    messages.extend(part for step in replayed(steps) for part in step)
    return messages


def _locale(contact: Contact) -> str:
    """Returns the language of the customer's browser, in which a client may have written anything else."""
    return contact.locale if _LOCALE.fullmatch(contact.locale) else "en"


def as_chat(message: Message, files: Sequence[Attachment] = ()) -> ChatMessage:
    """Returns one message of the conversation as the model sees it; files and offered buttons are named."""
    text = message.text[:LONGEST_MESSAGE]
    if message.author_kind == AuthorKind.CONTACT:
        lines = [text, *(named(file) for file in files[:MOST_NAMED])]
        said = "\n".join(filter(None, lines)) or "(nothing)"
        return {"role": "user", "content": fence(said, label="customer")}
    if about := message.details.get("campaign"):
        return {"role": "assistant", "content": f"{_campaign(about)}\n{text}"}
    if message.choices:
        labels = " | ".join(choice["label"] for choice in message.choices)
        text = f"{text}\n[buttons: {labels}]"
    return {"role": "assistant", "content": text}


def _campaign(about: Mapping[str, Any]) -> str:
    """Returns what the model is told of a message that went to many: that it did, and what stands behind it.

    Both were written by the team, and approved.
    """
    name = " ".join(str(about.get("name", "")).split())
    brief = str(about.get("brief", "")).strip()
    return f"[campaign: {name}]" + (f"\n[about it: {brief}]" if brief else "")


def replayed(steps: Sequence[Step]) -> Iterable[tuple[ChatMessage, ChatMessage]]:
    """Yields call and result of each finished step, numbered as they were shown the first time."""
    shown = 0
    for step in steps:
        function = {"name": step.tool, "arguments": _object(step.arguments)}
        call_id = f"{step.call_id or 'call'}_{step.number}"
        call = {"id": call_id, "type": "function", "function": function}
        yield (
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {
                "role": "tool",
                "tool_call_id": call_id,
                "content": fence(shifted(step.result, shown), label=step.tool),
            },
        )
        shown += len(step.citations)


def _object(arguments: str) -> str:
    """Returns arguments that a provider takes back; broken ones become an empty object."""
    try:
        return arguments if isinstance(json.loads(arguments), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"
