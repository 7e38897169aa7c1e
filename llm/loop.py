"""The tool loop: a model answers, asks for tools, is told the results, and answers again.

It persists nothing and knows no conversation: the caller's `execute` runs a tool and keeps its trace, and
decides with which rights.
"""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from llm.door import stream
from llm.errors import ModelError
from llm.fence import fence
from llm.purse import Purse
from llm.tools import ARGUMENTS_LIMIT, Tool, ToolResult, refusal
from llm.types import ChatMessage, Choice, Citation, Completion, OnText, ToolCall, Usage

log = logging.getLogger(__name__)

MAX_STEPS = 8
RUN_SECONDS = 90.0
EndedBy = Literal["answer", "tool", "steps", "deadline"]
Execute = Callable[[ToolCall, int], Awaitable[ToolResult]]
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class LoopResult:
    """What a run came to.

    `text` is exactly what was given to `on_text`. `steps` counts the tools executed, those before
    `first_step` included. `ended_by`: the model answered; a tool ended the run; the model wanted more than
    `max_steps` tools; or time was up. Only after "answer" is `text` a finished answer.
    """

    text: str
    citations: tuple[Citation, ...]
    choices: tuple[Choice, ...]
    steps: int
    ended_by: EndedBy
    usage: Usage
    model: str


async def tool_loop(
    messages: Sequence[ChatMessage],
    *,
    tools: Sequence[Tool],
    execute: Execute,
    on_text: OnText,
    purpose: str,
    reference: str = "",
    model: str | None = None,
    max_steps: int = MAX_STEPS,
    first_step: int = 0,
    seconds: float = RUN_SECONDS,
    purse: Purse | None = None,
) -> LoopResult:
    """Lets a model answer with the help of these tools and no others.

    A step is one tool call; `execute` gets the call and its number, which rises by one for each call of the
    run, also when a model asks for several at once: they run one after the other, in order. A tool that was
    not given is refused without `execute`, and counts as a step. `first_step` goes on counting where an
    earlier attempt at the run stopped. Raises ModelError, with what was already given out as `partial`,
    when no provider answers or the `purse` pays for none; what `execute` raises is passed on.
    """
    run = _Run(
        messages=list(messages),
        tools={tool.name: tool for tool in tools},
        execute=execute,
        on_text=on_text,
        model=model,
        max_steps=max_steps,
        steps=first_step,
        purse=purse,
    )
    try:
        async with asyncio.timeout(seconds) as limit:
            ended_by = await run.play(purpose, reference, limit)
    except TimeoutError:
        if not limit.expired():
            raise
        ended_by = "deadline"
    except ModelError as error:
        error.partial = run.text
        raise
    return LoopResult(
        text=run.text,
        citations=tuple(run.citations),
        choices=tuple(run.choices),
        steps=run.steps,
        ended_by=ended_by,
        usage=run.usage,
        model=run.model or "",
    )


@dataclass
class _Run:
    """The state of one run of the loop."""

    messages: list[ChatMessage]
    tools: dict[str, Tool]
    execute: Execute
    on_text: OnText
    model: str | None
    max_steps: int
    steps: int
    purse: Purse | None = None
    text: str = ""
    spoken: int = 0  # length of `text` when the present answer began
    citations: list[Citation] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)

    async def play(self, purpose: str, reference: str, limit: asyncio.Timeout) -> EndedBy:
        schemas = [tool.schema() for tool in self.tools.values()]
        while True:
            self.spoken = len(self.text)
            completion = await stream(
                self.messages,
                tools=schemas,
                purpose=purpose,
                reference=reference,
                model=self.model,
                on_text=self.say,
                purse=self.purse,
            )
            self.usage += completion.usage
            # Stay with the model that answered: a fallback that took over keeps the rest of the run.
            self.model = completion.model
            if not completion.tool_calls:
                return "answer"
            self.messages.append(_as_message(completion))
            for call in completion.tool_calls:
                if self.steps >= self.max_steps:
                    return "steps"
                # A tool's transaction ends whatever the time: the clock is held, and looked at afterwards.
                deadline = limit.when()
                limit.reschedule(None)
                over = await self.step(call)
                limit.reschedule(deadline)
                if over:
                    return "tool"
                if deadline is not None and deadline <= asyncio.get_running_loop().time():
                    return "deadline"

    async def say(self, piece: str) -> None:
        """Gives text out; a second answer of the same run starts a new paragraph."""
        if self.spoken and self.spoken == len(self.text):
            piece = f"\n\n{piece}"
        self.text += piece
        await self.on_text(piece)

    async def step(self, call: ToolCall) -> bool:
        """Executes one call and tells the model; returns whether the run is over."""
        number, self.steps = self.steps, self.steps + 1
        if call.name in self.tools:
            result = await self.execute(call, number)
        else:
            log.warning("A model asked for the tool %.80r, which it was not given", call.name)
            result = refusal(f"there is no tool of that name. There are: {', '.join(self.tools) or 'none'}.")
        self.citations += [one for one in result.citations if one not in self.citations]
        self.choices = list(result.choices) or self.choices
        self.messages.append(
            {
                "role": "tool",
                "tool_call_id": call.id,
                "content": fence(result.text, label=_safe_name(call.name)),
            }
        )
        return result.ends_run


def _as_message(completion: Completion) -> ChatMessage:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": _safe_name(call.name), "arguments": _safe_arguments(call.arguments)},
        }
        for call in completion.tool_calls
    ]
    return {"role": "assistant", "content": completion.text, "tool_calls": calls}


def _safe_name(name: str) -> str:
    """Returns a name that a provider takes back in the history."""
    return name if _TOOL_NAME.fullmatch(name) else "unknown"


def _safe_arguments(arguments: str) -> str:
    """Returns arguments that a provider takes back: some parse them again and fail on broken JSON."""
    try:
        good = len(arguments) <= ARGUMENTS_LIMIT and isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        good = False
    return arguments if good else "{}"
