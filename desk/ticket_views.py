"""Tickets: list, page, and what their scripts ask for."""

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from accounts.json_views import Json, body, json_view, staff_user
from accounts.models import Team
from conversations.actions.assignment import operator_by_id
from core.actor import Actor
from core.errors import Invalid, NotFound
from desk.enums import TicketView
from desk.queries.people import operators, teams
from desk.queries.tickets import (
    find_ticket,
    priorities,
    ticket_counts,
    ticket_detail,
    ticket_frame,
    ticket_page,
)
from desk.strings import strings
from desk.verbs import number as whole
from desk.verbs import word
from tickets.actions import update_ticket
from tickets.enums import TicketStatus


def chosen_view(request: HttpRequest) -> TicketView:
    """Returns the list of the address; an unknown one is the first."""
    value = request.GET.get("view", TicketView.OPEN)
    return TicketView(value) if value in TicketView.values else TicketView.OPEN


def common_state(actor: Actor) -> Json:
    """Returns what both pages' scripts need."""
    return {
        "me": {"id": int(actor.id), "name": actor.name},
        "operators": operators(),
        "teams": teams(),
        "priorities": priorities(),
        "statuses": [{"value": value, "label": str(label)} for value, label in TicketStatus.choices],
        "strings": strings(),
        "urls": {"inbox": reverse("admin:desk_inbox"), "tickets": reverse("admin:desk_tickets")},
    }


@require_GET
@ensure_csrf_cookie
def tickets(request: HttpRequest) -> HttpResponse:
    """The list of tickets."""
    actor, view = staff_user(request).as_actor(), chosen_view(request)
    state = {**common_state(actor), "view": view, **rows_state(actor, view)}
    context = {"title": None, "desk_state": state, "views": TicketView, "view": view}
    return TemplateResponse(request, "desk/tickets.html", {**admin.site.each_context(request), **context})


def rows_state(actor: Actor, view: TicketView, *, search: str = "", before: str = "") -> Json:
    """Returns a page of a list and the numbers beside all lists."""
    found, following = ticket_page(actor, view, search=search, before=before)
    return {
        "rows": [ticket_frame(ticket) for ticket in found],
        "next": following,
        "counts": ticket_counts(actor),
    }


@require_GET
@json_view
def rows(request: HttpRequest, actor: Actor) -> Json:
    """A page of a list: `view`, `q` (search), `before` (number)."""
    words = {"search": request.GET.get("q", "")[:200], "before": request.GET.get("before", "")}
    return rows_state(actor, chosen_view(request), **words)


@require_GET
@ensure_csrf_cookie
def ticket(request: HttpRequest, number: int) -> HttpResponse:
    """The page of a ticket."""
    actor = staff_user(request).as_actor()
    try:
        detail = ticket_detail(find_ticket(actor, number), actor)
    except NotFound as error:
        raise Http404 from error
    state = {**common_state(actor), **detail}
    context = {"title": None, "desk_state": state, "number": number}
    return TemplateResponse(request, "desk/ticket.html", {**admin.site.each_context(request), **context})


@require_GET
@json_view
def state(_request: HttpRequest, actor: Actor, number: int) -> Json:
    """The ticket as it is now."""
    return ticket_detail(find_ticket(actor, number), actor)


@require_POST
@json_view
def change(request: HttpRequest, actor: Actor, number: int) -> Json:
    """Changes what the body names (see `wanted_changes`) and returns the ticket as it is then."""
    row = find_ticket(actor, number)
    update_ticket(ticket=row, by=actor, **wanted_changes(body(request)))
    try:
        return ticket_detail(find_ticket(actor, number), actor)
    except NotFound:
        # Somebody may move a ticket out of their own sight.
        return {"ticket": None}


def wanted_changes(data: Json) -> dict[str, Any]:
    """Returns the arguments of the action for what a body names; raises Invalid, NotFound."""
    unknown = set(data) - {"subject", "description", "status", "priority", "team", "assignee", "attributes"}
    if unknown or not data:
        raise Invalid(field=next(iter(sorted(unknown)), None))
    wanted: dict[str, Any] = {
        name: word(data, name) for name in ("subject", "description", "status") if name in data
    }
    if "priority" in data:
        wanted["priority"] = whole(data["priority"], "priority")
    if "attributes" in data:
        wanted["attributes"] = _values(data["attributes"])
    if "team" in data:
        wanted["team"] = _team(data["team"])
    if "assignee" in data:
        value = data["assignee"]
        wanted["assignee"] = None if value is None else operator_by_id(str(whole(value, "assignee")))
    return wanted


def _values(value: object) -> Json:
    if not isinstance(value, dict):
        raise Invalid(field="attributes")
    return value


def _team(value: object) -> Team | None:
    if value is None:
        return None
    found = Team.objects.filter(pk=whole(value, "team")).first()
    if found is None:
        raise NotFound(field="team")
    return found
