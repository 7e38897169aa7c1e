"""Agents, their runs and the steps of a run, what they may call and spend, and what is kept of it."""

from agents.models.agents import Agent, AgentQuerySet, default_tools
from agents.models.approvals import Approval, ApprovalQuerySet
from agents.models.budgets import Budget, Charge
from agents.models.cases import EvaluationCase, EvaluationCaseQuerySet
from agents.models.memory import KnownAnswer, Memory
from agents.models.runs import Run, RunQuerySet, Step
from agents.models.suggestions import Suggestion, SuggestionQuerySet
from agents.models.tools import HttpTool, ToolPolicy, empty_schema

__all__ = [
    "Agent",
    "AgentQuerySet",
    "Approval",
    "ApprovalQuerySet",
    "Budget",
    "Charge",
    "EvaluationCase",
    "EvaluationCaseQuerySet",
    "HttpTool",
    "KnownAnswer",
    "Memory",
    "Run",
    "RunQuerySet",
    "Step",
    "Suggestion",
    "SuggestionQuerySet",
    "ToolPolicy",
    "default_tools",
    "empty_schema",
]
