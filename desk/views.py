"""The inbox: one page, and what its script asks for."""

from functools import partial
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from accounts.json_views import Json, body, json_view, staff_user
from accounts.models import User
from core.actor import Actor
from core.errors import Invalid, NotFound
from core.threads import Kind, patient
from desk.enums import Queue
from desk.queries.channels import inboxes, lights, writing
from desk.queries.context import context
from desk.queries.people import operators, teams
from desk.queries.rows import (
    counts,
    find,
    found_with_identity,
    groups,
    page,
    row_frame,
    visible,
    with_row,
)
from desk.queries.threads import THREAD_PAGE, item_frame, thread_events
from desk.queries.tickets import priorities
from desk.strings import strings
from desk.verbs import VERBS, keep_upload

# What an integer column holds.
MAX_DIGITS = 10


def chosen_queue(request: HttpRequest) -> Queue:
    """Returns the queue of the address; an unknown one is the first."""
    value = request.GET.get("queue", Queue.OPEN)
    return Queue(value) if value in Queue.values else Queue.OPEN


def chosen_inbox(request: HttpRequest) -> int | None:
    """Returns the inbox of the address; all of them for one that is no number."""
    value = request.GET.get("inbox", "")
    return int(value) if value.isdecimal() and len(value) < MAX_DIGITS else None


@require_GET
@ensure_csrf_cookie
def inbox(request: HttpRequest, conversation_id: UUID | None = None) -> HttpResponse:
    """The inbox page with everything its first view needs, so that nothing is fetched before it stands."""
    user, queue = staff_user(request), chosen_queue(request)
    actor, chosen = user.as_actor(), chosen_inbox(request)
    try:
        opened = thread_state(actor, conversation_id) if conversation_id else None
    except NotFound as error:
        raise Http404 from error
    state = {
        "me": {"id": int(actor.id), "name": actor.name},
        "queue": queue,
        "inbox": chosen,
        **rows_state(actor, queue, inbox_id=chosen),
        "opened": opened,
        "inboxes": inboxes(),
        "writing": writing(actor),
        "operators": operators(),
        "teams": teams(),
        "priorities": priorities(),
        "strings": strings(),
        "urls": {
            "inbox": reverse("admin:desk_inbox"),
            "tickets": reverse("admin:desk_tickets"),
            # Where somebody with the right to it can mend an inbox.
            "inboxes": settings_url(user),
            "campaigns": campaigns_url(user),
        },
    }
    page_context = {
        **admin.site.each_context(request),
        "title": None,
        "desk_state": state,
        "queues": Queue,
        "queue": queue,
    }
    return TemplateResponse(request, "desk/inbox.html", page_context)


def settings_url(user: User) -> str:
    """Returns the address below which inboxes are set up, or "" for whoever may not see them."""
    if not user.has_perm("conversations.view_inbox"):
        return ""
    return reverse("admin:conversations_inbox_changelist")


def campaigns_url(user: User) -> str:
    """Returns the address below which campaigns are, or "" for whoever may not see them."""
    if not user.has_perm("campaigns.view_campaign"):
        return ""
    return reverse("admin:campaigns_campaign_changelist")


def rows_state(
    actor: Actor, queue: Queue, *, search: str = "", after: str = "", inbox_id: int | None = None
) -> Json:
    """Returns a page of a queue, the numbers beside all queues and the health of the inboxes."""
    rows, following = page(actor, queue, search=search, after=after, inbox_id=inbox_id)
    return {
        "rows": [row_frame(row) for row in rows],
        "next": following,
        "counts": counts(actor, groups()),
        "lights": lights(actor),
    }


def thread_state(actor: Actor, conversation_id: UUID) -> Json:
    """Returns an open conversation: row, newest events, context; `seq` is where a socket goes on."""
    row = found_with_identity(actor, conversation_id)
    events = thread_events(row.pk)
    return {
        "row": row_frame(row),
        "items": [item_frame(event) for event in events],
        "has_more": bool(events) and events[0].seq > 1,
        "seq": events[-1].seq if events else row.last_seq,
        "context": context(row, actor),
    }


@require_GET
@json_view
def rows(request: HttpRequest, actor: Actor) -> Json:
    """A page of a queue: `queue`, `q` (search), `after` (cursor), `inbox` (number)."""
    words = {"search": request.GET.get("q", "")[:200], "after": request.GET.get("after", "")[:400]}
    return rows_state(actor, chosen_queue(request), **words, inbox_id=chosen_inbox(request))


@require_GET
@json_view
def thread(request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """An open conversation; with `before`, only the events before that number."""
    before = request.GET.get("before")
    if before is None:
        return thread_state(actor, conversation_id)
    if not before.isdecimal() or len(before) >= MAX_DIGITS:
        raise Invalid(field="before")
    row = find(actor, conversation_id)
    events = thread_events(row.pk, before=int(before), limit=THREAD_PAGE)
    return {
        "items": [item_frame(event) for event in events],
        "has_more": bool(events) and events[0].seq > 1,
    }


@require_GET
@json_view
def panel(_request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """The context panel, read again after something in it changed."""
    return {"context": context(found_with_identity(actor, conversation_id), actor)}


@require_POST
@json_view
def act(request: HttpRequest, actor: Actor, conversation_id: UUID, verb: str) -> Json:
    """Does something to a conversation and returns its row as it is afterwards."""
    if verb not in VERBS:
        raise NotFound
    result = VERBS[verb](find(actor, conversation_id), body(request), actor)
    # An operator may move a conversation out of their own sight.
    row = with_row(visible(actor)).filter(pk=conversation_id).first()
    return {**result, "row": row_frame(row) if row else None}


@partial(patient, kind=Kind.FILES)
@require_POST
@json_view
def upload(request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """Keeps a file until the message that carries it is sent."""
    return keep_upload(request, find(actor, conversation_id).inbox, actor)
