"""Reports: figures of a stretch of days, as JSON or as a table for spreadsheets."""

import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.queries import agent_names, reasons_for_people, runs_of_agents
from api.base import ApiViewSet
from api.fields import FIRST_YEAR, LAST_YEAR, InboxId, Strict, TeamSlug
from api.routes import both
from api.shapes import Shown
from api.v1.report_shapes import (
    AgentReport,
    ConversationReport,
    OperatorReport,
    TicketReport,
    TimeReport,
)
from conversations.queries import reports
from conversations.queries.reports import Line, Narrowed, names_of
from core.reasons import said
from core.spans import Span, Step
from core.spreadsheets import MARK, text_of
from core.zones import time_zones
from tickets.queries import opened_and_solved, unsolved_now

DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)
Read = Callable[..., list[Line]]
View = TypeVar("View", bound=Callable[..., Any])


class Day(serializers.DateField):
    """A date in years that every program can write."""

    default_error_messages = {"far": _("This is too far away.")}

    def to_internal_value(self, value: Any) -> Any:
        """Returns the day."""
        day = super().to_internal_value(value)
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            self.fail("far")
        return day


class InboxNumber(InboxId):
    """An inbox that the actor may see, as an address names it."""

    def to_internal_value(self, data: Any) -> Any:
        """Returns the inbox."""
        if isinstance(data, str) and DIGITS.fullmatch(data):
            data = int(data)
        return super().to_internal_value(data)


class ReportQuery(Strict):
    """Which days, and of what."""

    since = Day(help_text="The first day.")
    until = Day(help_text="The last day, counted too; at most 400 days in all.")
    step = serializers.ChoiceField(choices=[step.value for step in Step], default=Step.DAY.value)
    zone = serializers.CharField(
        default="UTC", max_length=64, help_text="By the clocks of which place, such as America/Sao_Paulo."
    )
    team = TeamSlug(required=False, help_text="Only this team.")
    format = serializers.ChoiceField(choices=["json", "csv"], default="json")

    default_error_messages = {"zone": _("There is no such time zone.")}

    def validate_zone(self, value: str) -> str:
        """Refuses what is no time zone."""
        if value not in time_zones():
            self.fail("zone")
        return value


class ConversationReportQuery(ReportQuery):
    """What conversations are told apart by."""

    inbox = InboxNumber(required=False, help_text="Only this inbox.")
    by = serializers.ChoiceField(choices=sorted(reports.GROUPS), required=False)


class OperatorReportQuery(ReportQuery):
    """Operators are told apart in any case."""

    inbox = InboxNumber(required=False, help_text="Only this inbox.")


class AgentReportQuery(OperatorReportQuery):
    """What runs are told apart by."""

    by = serializers.ChoiceField(choices=["agent"], required=False)


class TicketReportQuery(ReportQuery):
    """What tickets are told apart by."""

    by = serializers.ChoiceField(choices=["team", "operator"], required=False)


def described(summary: str, shape: type[Shown]) -> Callable[[View], View]:
    """Describes a report, which comes as JSON or as CSV."""
    table = OpenApiResponse(OpenApiTypes.STR, "With `format=csv`: one row for each line.")
    describe: Callable[[View], View] = extend_schema(
        summary=summary, responses={(200, "application/json"): shape, (200, "text/csv"): table}
    )
    return describe


class Reports(ApiViewSet):
    """Administrators, and keys for all teams, count everything; leads, and keys of teams, what is their
    teams' or nobody's; operators what is theirs.
    """  # noqa: D205 (the first sentence is long)

    queries: ClassVar = {
        "conversations": ConversationReportQuery,
        "first_reply": ConversationReportQuery,
        "resolution": ConversationReportQuery,
        "operators": OperatorReportQuery,
        "agents": AgentReportQuery,
        "tickets": TicketReportQuery,
    }

    @described("Conversations begun and resolved", ConversationReport)
    def conversations(self, request: Request) -> Response | HttpResponse:
        """`opened` by when they began, `resolved` by when they were, if they still are. `now`: at present."""
        del request
        now = reports.open_now(actor=self.actor, narrowed=self._narrowed)
        return self._report(reports.opened_and_resolved, ConversationReport, now=now)

    @described("Time to the first reply", TimeReport)
    def first_reply(self, request: Request) -> Response | HttpResponse:
        """From the beginning of a conversation to the first answer, a person's or an agent's, in seconds."""
        del request
        return self._report(reports.first_replies, TimeReport)

    @described("Time until resolved", TimeReport)
    def resolution(self, request: Request) -> Response | HttpResponse:
        """From the beginning of a conversation until it was resolved, in seconds, by when that was."""
        del request
        return self._report(reports.resolutions, TimeReport)

    @described("What operators did", OperatorReport)
    def operators(self, request: Request) -> Response | HttpResponse:
        """Replies by who wrote them; resolved conversations and first replies by whose they are now."""
        del request
        return self._report(reports.operators, OperatorReport, by="operator")

    @described("What AI agents did", AgentReport)
    def agents(self, request: Request) -> Response | HttpResponse:
        """Runs by when they began, with tokens and US dollars from the ledger, and why people were needed."""
        del request
        told = reasons_for_people(self._span, actor=self.actor, narrowed=self._narrowed)
        reasons = [{"reason": said(reason), "count": count} for reason, count in told]
        return self._report(runs_of_agents, AgentReport, reasons=reasons)

    @described("Tickets opened and solved", TicketReport)
    def tickets(self, request: Request) -> Response | HttpResponse:
        """`backlog` is what was left at the end of a step; told apart by groups there is none."""
        del request
        now = unsolved_now(actor=self.actor, narrowed=self._narrowed)
        return self._report(opened_and_solved, TicketReport, now=now)

    @property
    def _span(self) -> Span:
        query = self.query
        return Span(query["since"], query["until"], Step(query["step"]), query["zone"])

    @property
    def _narrowed(self) -> Narrowed:
        return Narrowed(**{name: self.query.get(name) for name in ("team", "inbox", "by")})

    def _report(
        self, read: Read, shape: Any, *, by: str | None = None, **more: Any
    ) -> Response | HttpResponse:
        lines = read(self._span, actor=self.actor, narrowed=self._narrowed)
        groups = {line.group for line in lines if line.group is not None}
        by = by or self.query.get("by")
        names = agent_names(groups) if by == "agent" else names_of(by, groups)
        rows = [
            {"start": line.start, "group": line.group, "name": names.get(line.group or ""), **line.figures}
            for line in lines
        ]
        if self.query["format"] == "csv":
            return _table(rows, list(shape().fields["lines"].child.fields))
        told = {name: self.query[name] for name in ("since", "until", "step", "zone")}
        return self.show({**told, "lines": rows, **more}, shape)


def _table(rows: list[dict[str, Any]], columns: list[str]) -> HttpResponse:
    cells = [["" if row[name] is None else row[name] for name in columns] for row in rows]
    answer = HttpResponse(MARK + text_of([columns, *cells]), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="report.csv"'
    return answer


addresses = [
    address
    for name in ("conversations", "first-reply", "resolution", "operators", "agents", "tickets")
    for address in both(f"reports/{name}", Reports.as_view({"get": name.replace("-", "_")}), f"report-{name}")
]
