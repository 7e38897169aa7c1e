"""Writes of the agents: what they are, and the short transactions around what they do."""

from agents.actions.definitions import change_agent, create_agent, delete_agent
from agents.actions.runs import (
    LONGEST_RUN,
    MAX_ATTEMPTS,
    OVERLOOKED_AFTER,
    Outcome,
    begin_run,
    drop_running,
    end_run,
    finish_run,
    plan_answer,
    plan_overlooked,
    run_step,
)
from agents.actions.sectors import open_sector

__all__ = [
    "LONGEST_RUN",
    "MAX_ATTEMPTS",
    "OVERLOOKED_AFTER",
    "Outcome",
    "begin_run",
    "change_agent",
    "create_agent",
    "delete_agent",
    "drop_running",
    "end_run",
    "finish_run",
    "open_sector",
    "plan_answer",
    "plan_overlooked",
    "run_step",
]
