"""AI agents: list, create, read, change, delete, try; and their runs."""

from typing import Any, ClassVar
from uuid import UUID

from asgiref.sync import async_to_sync
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.actions import change_agent, create_agent, delete_agent
from agents.queries import agent_by_id, agents_for, run_by_id, runs_for
from agents.toolbox import every_tool
from agents.trial import try_agent
from api.base import ApiViewSet
from api.queries import narrowed
from api.routes import both
from api.v1.agents_shapes import (
    AgentChange,
    AgentQuery,
    AgentQuestion,
    AgentSerializer,
    NewAgent,
    RunFileSerializer,
    RunQuery,
    RunSerializer,
    ToolSerializer,
    TriedSerializer,
)
from conversations.models import Inbox
from core.threads import patient
from llm.tools import Tool


class Agents(ApiViewSet):
    """Who answers, with what, where."""

    queries: ClassVar = {"list": AgentQuery, "runs": RunQuery}
    admin_actions: ClassVar = frozenset({"create", "destroy"})
    outside: ClassVar = frozenset({"try_out"})
    conflicts: ClassVar = frozenset({"create", "partial_update", "destroy"})

    @extend_schema(summary="List agents", responses=AgentSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Those that answer in inboxes you may see, and those that answer nowhere; all of them for admins."""
        del request
        rows, wanted = agents_for(self.actor), {**self.query}
        if "is_active" in wanted:
            wanted["is_active"] = wanted["is_active"] == "true"
        if "inbox" in wanted:
            seen = Inbox.objects.visible_to(self.actor).filter(pk=wanted.pop("inbox"))
            rows = rows.filter(inboxes__in=seen)
        return self.page(
            narrowed(rows, wanted, {"is_active": "is_active"}, actor=self.actor), AgentSerializer
        )

    @extend_schema(
        operation_id="agents_create",
        summary="Make an agent",
        request=NewAgent,
        responses={201: AgentSerializer},
    )
    def create(self, request: Request) -> Response:
        """Makes one; it answers what comes from now on. Without `tools` it gets the usual ones."""
        del request
        agent = create_agent(by=self.actor, **self.body(NewAgent))
        return self._answer(agent.pk, status=201)

    @extend_schema(operation_id="agents_tools", summary="List tools", responses=ToolSerializer(many=True))
    def tools(self, request: Request) -> Response:
        """What agents may be given to call."""
        del request
        return self.few([_tool(tool) for tool in every_tool()], ToolSerializer)

    @extend_schema(operation_id="agents_read", summary="Read an agent", responses=AgentSerializer)
    def retrieve(self, request: Request, agent_id: int) -> Response:
        """One agent."""
        del request
        return self._answer(agent_id)

    @extend_schema(
        operation_id="agents_change",
        summary="Change an agent",
        request=AgentChange,
        responses=AgentSerializer,
    )
    def partial_update(self, request: Request, agent_id: int) -> Response:
        """Changes what the body names; for team leads, administrators, and keys with the scope `admin`.

        An agent that also answers in inboxes you may not see is not yours to change.
        """
        del request
        words: dict[str, Any] = self.body(AgentChange)
        agent = agent_by_id(agent_id, actor=self.actor)
        change_agent(agent=agent, by=self.actor, expected=self.expected, **words)
        return self._answer(agent_id)

    @extend_schema(operation_id="agents_delete", summary="Delete an agent", responses={204: None})
    def destroy(self, request: Request, agent_id: int) -> Response:
        """Deletes one that has never answered; any other can be switched off, and keeps its runs."""
        del request
        agent = agent_by_id(agent_id, actor=self.actor)
        delete_agent(agent=agent, by=self.actor, expected=self.expected)
        return Response(status=204)

    @extend_schema(
        operation_id="agents_try", summary="Try an agent", request=AgentQuestion, responses=TriedSerializer
    )
    def try_out(self, request: Request, agent_id: int) -> Response:
        """One answer to nobody, with its sources and steps: only tools that read are called. 30 s at most.

        For team leads, administrators, and keys with the scope `admin`; 20 a minute. It asks the model, and
        costs what an answer costs.
        """
        del request
        agent = agent_by_id(agent_id, actor=self.actor)
        message = self.body(AgentQuestion)["message"]
        return self.show(
            async_to_sync(try_agent)(agent=agent, message=message, by=self.actor), TriedSerializer
        )

    @extend_schema(operation_id="agents_runs", summary="List runs", responses=RunSerializer(many=True))
    def runs(self, request: Request, agent_id: int) -> Response:
        """What an agent did in the conversations that you may see."""
        del request
        agent = agent_by_id(agent_id, actor=self.actor)
        lookups = {"status": "status", "conversation": "conversation"}
        rows = narrowed(runs_for(self.actor).filter(agent=agent), self.query, lookups, actor=self.actor)
        return self.page(rows, RunSerializer)

    def _answer(self, agent_id: int, *, status: int = 200) -> Response:
        return self.show(agent_by_id(agent_id, actor=self.actor), AgentSerializer, status=status)


class Runs(ApiViewSet):
    """What agents did."""

    @extend_schema(operation_id="runs_read", summary="Read a run", responses=RunFileSerializer)
    def retrieve(self, request: Request, run_id: UUID) -> Response:
        """One run with its steps, if you may see its conversation."""
        del request
        return self.show(run_by_id(run_id, actor=self.actor), RunFileSerializer)


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "only_reads": tool.only_reads,
        "effect": tool.effect.value,
        "arguments": tool.schema()["function"]["parameters"],
    }


ONE = "agents/<int:agent_id>"
addresses = [
    *both("agents", Agents.as_view({"get": "list", "post": "create"}), "agents"),
    *both("agents/tools", Agents.as_view({"get": "tools"}), "agent-tools"),
    *both(ONE, Agents.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}), "agent"),
    *both(f"{ONE}/try", patient(Agents.as_view({"post": "try_out"})), "agent-try"),
    *both(f"{ONE}/runs", Agents.as_view({"get": "runs"}), "agent-runs"),
    *both("runs/<uuid:run_id>", Runs.as_view({"get": "retrieve"}), "run"),
]
