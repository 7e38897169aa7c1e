"""Asking an agent without a customer: nothing comes of it but an answer, and a row in the ledger."""

from dataclasses import dataclass, field
from uuid import uuid4

from accounts.queries import require_set_up
from agents.citations import cite, shifted
from agents.models import Agent
from agents.prompt import Remembered, build
from agents.queries import sees_all_inboxes
from agents.toolbox import every_tool, find_tool
from conversations.enums import AuthorKind
from conversations.models import Contact, Message
from core import limits
from core.actor import Actor
from core.errors import Forbidden, TooMany
from core.threads import in_thread
from llm.loop import EndedBy, LoopResult, tool_loop
from llm.tools import ToolContext, ToolResult
from llm.types import Choice, Citation, ToolCall

# Whoever tries waits with an open request.
TRIAL_SECONDS = 30
PER_MINUTE = 20


@dataclass(frozen=True, slots=True)
class TriedStep:
    """One tool call of a trial."""

    number: int
    tool: str
    arguments: str
    result: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """What an agent answered. `ended_by` is "answer" unless a limit was met; then the text may be cut."""

    text: str
    citations: tuple[Citation, ...]
    choices: tuple[Choice, ...]
    steps: tuple[TriedStep, ...]
    model: str
    ended_by: EndedBy


async def try_agent(*, agent: Agent, message: str, by: Actor) -> Tried:
    """Has an agent answer one message as a customer's first, with those of its tools that only read.

    It sees no conversation and opens none, so that nobody is handed over and no ticket is made. It asks a
    model, and must not be called in a transaction. Raises Forbidden for whoever may not change the agent,
    TooMany after `PER_MINUTE` trials, ModelError when no model answers.
    """
    require_set_up(by)
    if not await in_thread(sees_all_inboxes, agent, by):
        raise Forbidden
    if await in_thread(limits.count, f"try:{by.kind}:{by.id}") > PER_MINUTE:
        raise TooMany(retry_after=limits.seconds_left())
    trial = _Trial(agent)
    tools = await in_thread(every_tool)
    said = Message(author_kind=AuthorKind.CONTACT, text=message)
    result = await tool_loop(
        build(agent=agent, contact=Contact(), said=Remembered([said]), steps=[]),
        tools=[tool for tool in tools if tool.only_reads and tool.name in agent.tools],
        execute=trial.execute,
        on_text=_tell_nobody,
        purpose="trial",
        reference=str(agent.pk),
        model=agent.model or None,
        max_steps=agent.max_steps,
        seconds=TRIAL_SECONDS,
    )
    return trial.outcome(result)


async def _tell_nobody(piece: str) -> None:
    """Nobody reads along."""
    del piece


@dataclass
class _Trial:
    """The trace of one trial, kept nowhere."""

    agent: Agent
    key: str = field(default_factory=lambda: f"trial:{uuid4()}")
    found: list[Citation] = field(default_factory=list)
    steps: list[TriedStep] = field(default_factory=list)

    async def execute(self, call: ToolCall, number: int) -> ToolResult:
        """Carries out a step; passages go on counting where the last search ended."""
        context = ToolContext(self.agent.as_actor(), None, f"{self.key}:{number}")
        tool = await in_thread(find_tool, call.name)
        result = await in_thread(tool.run, context, call.arguments)
        text = shifted(result.text, len(self.found))
        self.found.extend(result.citations)
        self.steps.append(TriedStep(number, call.name, call.arguments, text, result.failed))
        return ToolResult(text, result.citations, result.choices, failed=result.failed)

    def outcome(self, result: LoopResult) -> Tried:
        """Returns the answer with the sources that it names."""
        cited = cite(result.text, self.found)
        return Tried(
            cited.text, cited.citations, result.choices, tuple(self.steps), result.model, result.ended_by
        )
