"""Writes of the agents: what they are, and the short transactions around what they do."""

from agents.actions.approvals import approve_call, expire_approvals, let_go, refuse_call
from agents.actions.cases import make_case, save_case
from agents.actions.definitions import change_agent, create_agent, delete_agent
from agents.actions.gaps import collect_unanswered
from agents.actions.planning import plan_answer, plan_check, plan_remembering
from agents.actions.runs import (
    LONGEST_RUN,
    MAX_ATTEMPTS,
    OVERLOOKED_AFTER,
    Outcome,
    begin_run,
    drop_running,
    end_run,
    finish_run,
    plan_overlooked,
)
from agents.actions.sectors import open_sector
from agents.actions.spending import RunPurse
from agents.actions.steps import carry_on_calls, carry_out_decided, next_number, run_step

__all__ = [
    "LONGEST_RUN",
    "MAX_ATTEMPTS",
    "OVERLOOKED_AFTER",
    "Outcome",
    "RunPurse",
    "approve_call",
    "begin_run",
    "carry_on_calls",
    "carry_out_decided",
    "change_agent",
    "collect_unanswered",
    "create_agent",
    "delete_agent",
    "drop_running",
    "end_run",
    "expire_approvals",
    "finish_run",
    "let_go",
    "make_case",
    "next_number",
    "open_sector",
    "plan_answer",
    "plan_check",
    "plan_overlooked",
    "plan_remembering",
    "refuse_call",
    "run_step",
    "save_case",
]
