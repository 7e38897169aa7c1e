"""What the model is told: parts from files, the agent's persona, the conversation since the last resolve."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
SEARCH = "search_knowledge"
_ABOUT_TOOL = re.compile(r"- \[(\w+)\] ")
_LOCALE = re.compile(r"[a-zA-Z]{2,3}(?:[-_][a-zA-Z0-9]{2,8})?")


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an agent knows of a conversation: its last messages, and in short what came before them.

    `is_cut`: there is more than both hold.
    """

    messages: Sequence[Message]
    summary: str = ""
    is_cut: bool = False


def build(
    *,
    agent: Agent,
    contact: Contact,
    said: Remembered,
    steps: Sequence[Step],
    files: Files = NO_FILES,
) -> list[ChatMessage]:
    """Returns the messages of a run: rules, conversation, and the tool calls of an attempt before it.

    Only what was said in public since the last resolve is in it, and nothing about other customers. What the
    customer wrote is fenced as data, and the files that came with it are named. The message at place n of
    what was said stands at place n + 1.
    """
    messages: list[ChatMessage] = [{"role": "system", "content": _rules(agent, contact, said)}]
    messages.extend(as_chat(message, files.get(message.pk, ())) for message in said.messages)
    messages.extend(part for step in replayed(steps) for part in step)
    return messages


def _rules(agent: Agent, contact: Contact, said: Remembered) -> str:
    """Puts the parts together that concern this agent and this conversation; each is a file."""
    persona = agent.persona.strip()
    parts = [part("policy", name=agent.name)]
    if SEARCH in agent.tools:
        parts.append(part("knowledge"))
    if agent.tools:
        parts.append(_only_given(part("tools"), agent.tools))
    if persona:
        parts.append(part("persona", persona=persona))
    now = timezone.now().strftime("%Y-%m-%d %H:%M UTC")
    parts.append(part("customer", locale=_locale(contact), time=now))
    if said.summary:
        parts.append(part("earlier", summary=fence(said.summary, label="earlier")))
    elif said.is_cut:
        parts.append(part("left_out"))
    return "\n".join(parts)


def part(file: str, /, **values: str) -> str:
    """Returns a part of a prompt with its values filled in; it ends with a line break."""
    return _file(file).format(**values)


@cache
def _file(name: str) -> str:
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")


def _only_given(rules: str, tools: Sequence[str]) -> str:
    """Leaves out the rules about tools that the agent was not given: `- [tool] rule`."""
    lines: list[str] = []
    for line in rules.splitlines(keepends=True):
        about = _ABOUT_TOOL.match(line)
        if about is None or about[1] in tools:
            lines.append(_ABOUT_TOOL.sub("- ", line))
    return "".join(lines)


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
