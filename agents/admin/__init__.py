"""Agents in the admin: who they are, what they may call, what they did."""

from agents.admin.agents import AgentAdmin
from agents.admin.approvals import ApprovalAdmin
from agents.admin.cases import EvaluationCaseAdmin
from agents.admin.http_tools import HttpToolAdmin
from agents.admin.runs import RunAdmin

__all__ = ["AgentAdmin", "ApprovalAdmin", "EvaluationCaseAdmin", "HttpToolAdmin", "RunAdmin"]
