"""A run, from the customer's message to the answer. Models are asked between short transactions."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from uuid import UUID

from agents.actions import (
    Outcome,
    RunPurse,
    begin_run,
    carry_on_calls,
    carry_out_decided,
    end_run,
    finish_run,
    next_number,
    plan_remembering,
    run_step,
)
from agents.builtin.intents import is_person_button
from agents.citations import cite, shifted
from agents.enums import RunStatus
from agents.grounding import UNSUPPORTED, Check, Checked, check, seen_in
from agents.live import LiveText
from agents.media import Candidate, candidates, chosen, files_of, read
from agents.memory import is_much, recall
from agents.models import Run, Step
from agents.prompt import build
from agents.reuse import as_outcome, is_repeatable, keep, known_answer, version
from agents.toolbox import every_tool
from conversations.actions import forget_text, set_typing, stop_requested
from conversations.enums import AuthorKind
from conversations.queries.threads import history
from core.outages import DatabaseFailure
from core.reasons import reason
from core.threads import in_network_thread, in_thread
from llm.door import asks_builtin, embed, inputs
from llm.errors import ModelError
from llm.loop import LoopResult, tool_loop
from llm.providers import BUILTIN
from llm.purse import OverBudget
from llm.tools import Tool, ToolResult
from llm.types import ChatMessage, Citation, Media, ToolCall

logger = logging.getLogger(__name__)

# The customer has a final word within 90 s, whatever a provider does.
RUN_SECONDS = 75
STOP_LOOKED_FOR_EVERY = 0.25


async def answer(conversation_id: UUID | str) -> None:
    """Answers what is unanswered in a conversation, or hands it to people; safe to call twice.

    Returns when nothing is left to do. Raises only database errors, so that the job is tried again: what was
    done is not done again.
    """
    run = await in_thread(begin_run, conversation_id=conversation_id)
    # A wish to stop that found nothing to stop is not meant for this answer, and what a worker had shown that
    # died is no longer being written.
    await forget_text(conversation_id=UUID(str(conversation_id)))
    if run is None:
        return
    performance = Performance(run)
    try:
        await performance.play()
    except DatabaseFailure:
        raise
    except Exception as error:
        logger.exception("run %s failed", run.pk)
        await in_thread(end_run, run=run, status=RunStatus.FAILED, detail=_reason(error))
    finally:
        await performance.leave()


def _reason(error: Exception) -> str:
    if isinstance(error, OverBudget):
        return error.detail
    if isinstance(error, ModelError):
        return reason("The language model could not answer: %s", error.detail)
    return reason("An unexpected error; the log has it.")


class Performance:
    """One attempt at a run."""

    def __init__(self, run: Run) -> None:
        """Takes the run that `begin_run` opened."""
        self.run = run
        self.live = LiveText(conversation_id=run.conversation_id, run=run.pk)
        self.found: list[Citation] = []
        self.candidates: list[Candidate] = []
        self.steps = 0
        self.is_over = False
        self.is_much = False
        # The question, and what its answer will depend on, where it may be answered as another's.
        self.repeatable: tuple[str, str] | None = None

    async def play(self) -> None:
        """Writes the answer, unless the customer asked for a person or to stop."""
        await in_thread(carry_on_calls, self.run)
        await in_thread(carry_out_decided, self.run)
        messages, tools, asks_for_person = await in_thread(self._prepare)
        if self.is_over:
            await in_thread(end_run, run=self.run, status=RunStatus.HANDED_OVER)
            return
        if asks_for_person:
            await in_thread(end_run, run=self.run, status=RunStatus.HANDED_OVER)
            return
        if await in_thread(self._answered_before):
            return
        await self._typing(on=True)
        await self._show_files(messages)
        result = await self._unless_stopped(messages, tools)
        await self.live.close()
        if result is None:
            await in_thread(
                end_run, run=self.run, status=RunStatus.CANCELLED, detail=reason("Stopped by the customer.")
            )
        else:
            await self._settle(result)

    def _answered_before(self) -> bool:
        """Gives an answer again that the same question had, if there is one."""
        if self.repeatable is None or self.steps:
            return False
        known = known_answer(self.run, *self.repeatable)
        if known is None:
            return False
        finish_run(run=self.run, outcome=as_outcome(known))
        return True

    async def _show_files(self, messages: list[ChatMessage]) -> None:
        """Adds what the customer sent to the messages it came with, where a model can make use of it."""
        if not self.candidates:
            return
        taken = await inputs(self.run.agent.model or None)
        shown: dict[int, list[Media]] = {}
        for candidate in chosen(self.candidates, taken):
            media = await in_network_thread(read, candidate)
            if media is not None:
                shown.setdefault(candidate.place + 1, []).append(media)
        for place, found in shown.items():
            messages[place]["media"] = found

    def _prepare(self) -> tuple[list[ChatMessage], list[Tool], bool]:
        conversation, agent = self.run.conversation, self.run.agent
        steps = list(Step.objects.filter(run=self.run).order_by("number"))
        self.steps = next_number(self.run)
        self.is_over = any(step.ends_run for step in steps)
        self.found = [citation for step in steps for citation in step.citations]
        said = recall(conversation)
        self.is_much = is_much(said)
        if not asks_builtin(agent.model or None) and is_repeatable(self.run, said):
            self.repeatable = (said.messages[0].text, version(agent))
        asked = [message.text for message in said.messages if message.author_kind == AuthorKind.CONTACT]
        files = files_of(said.messages)
        self.candidates = candidates(said.messages, files)
        messages = build(agent=agent, contact=conversation.contact, said=said, steps=steps, files=files)
        # A name that no tool has any more is left out rather than ending every run.
        tools = [tool for tool in every_tool() if tool.name in agent.tools]
        return messages, tools, bool(asked) and is_person_button(asked[-1])

    async def _unless_stopped(self, messages: list[ChatMessage], tools: list[Tool]) -> LoopResult | None:
        """Runs the tool loop; None when somebody asked it to stop."""
        loop = asyncio.create_task(
            tool_loop(
                messages,
                tools=tools,
                execute=self.execute,
                on_text=self.live.add,
                purpose="answer",
                reference=str(self.run.pk),
                model=self.run.agent.model or None,
                max_steps=self.run.agent.max_steps,
                first_step=self.steps,
                seconds=RUN_SECONDS,
                purse=RunPurse(self.run),
            )
        )
        try:
            while not loop.done():
                await asyncio.wait({loop}, timeout=STOP_LOOKED_FOR_EVERY)
                if not loop.done() and await stop_requested(conversation_id=self.run.conversation_id):
                    return None
            return loop.result()
        finally:
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await loop

    async def execute(self, call: ToolCall, number: int) -> ToolResult:
        """Carries out a step; passages go on counting where the last search ended."""
        result = await in_thread(run_step, run=self.run, call=call, number=number)
        text = shifted(result.text, len(self.found))
        self.found.extend(result.citations)
        return ToolResult(
            text, result.citations, result.choices, ends_run=result.ends_run, failed=result.failed
        )

    async def _settle(self, result: LoopResult) -> None:
        """Writes down what the loop came to."""
        if result.ended_by == "tool":
            await self._end(RunStatus.HANDED_OVER, result, "")
        elif result.ended_by != "answer" or not result.text.strip():
            await self._end(
                RunStatus.FAILED, result, reason("No answer within the limits (%s).", result.ended_by)
            )
        else:
            checked = await in_thread(self._checked, result)
            if not checked.states:
                await self._end(RunStatus.FAILED, result, UNSUPPORTED, checked.checks)
                return
            cited = cite(checked.text, self.found)
            outcome = Outcome(cited.text, cited, result.choices, result.model, checked.checks)
            status = await in_thread(finish_run, run=self.run, outcome=outcome)
            if status == RunStatus.ANSWERED and self.repeatable:
                await in_thread(keep, self.run, *self.repeatable, outcome)
            if self.is_much:
                await in_thread(plan_remembering, self.run.conversation_id)

    def _checked(self, result: LoopResult) -> Checked:
        """Leaves out what nothing supports. The built-in answerer says nothing of its own: it quotes."""
        if result.model.startswith(f"{BUILTIN}/"):
            return Checked(result.text, (), states=True)
        steps = list(Step.objects.filter(run=self.run).order_by("number"))
        said = [message.text for message in history(self.run.conversation)]
        agent = self.run.agent
        return check(result.text, seen_in(steps, (*said, agent.name, agent.persona)), embed=embed)

    async def _end(
        self, status: RunStatus, result: LoopResult, detail: str, checks: Sequence[Check] = ()
    ) -> None:
        await in_thread(
            end_run,
            run=self.run,
            status=status,
            detail=detail,
            model=result.model,
            checks=checks,
        )

    async def leave(self) -> None:
        """Takes what was shown while writing off the screen and out of the cache."""
        await self.live.close()
        await forget_text(conversation_id=self.run.conversation_id)
        await self._typing(on=False)

    async def _typing(self, *, on: bool) -> None:
        await set_typing(
            conversation_id=self.run.conversation_id, who="agent", name=self.run.agent.name, on=on
        )
