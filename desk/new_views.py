"""Writing first: what the form for a new conversation asks for, and its sending."""

from functools import partial

from django.db import transaction
from django.http import HttpRequest
from django.views.decorators.http import require_GET, require_POST

from accounts.json_views import Json, body, json_view
from conversations import actions
from conversations.models import ContactIdentity, Inbox
from conversations.queries.inboxes import inboxes_of
from core.actor import Actor
from core.errors import NotFound
from core.threads import Kind, patient
from desk.queries import channels
from desk.queries.rows import row_frame, visible, with_row
from desk.verbs import keep_upload, number, reply, send_template, uuid_or_none, word


def own_inbox(actor: Actor, inbox_id: int) -> Inbox:
    """Returns an inbox of the actor's teams; raises NotFound for any other."""
    found = inboxes_of(actor).filter(pk=inbox_id).first()
    if found is None:
        raise NotFound
    return found


@require_GET
@json_view
def people(request: HttpRequest, actor: Actor, inbox_id: int) -> Json:
    """Who is known in the inbox; `q` is a part of what is known."""
    return {
        "people": channels.people(own_inbox(actor, inbox_id), actor, search=request.GET.get("q", "")[:200])
    }


@require_GET
@json_view
def templates(_request: HttpRequest, actor: Actor, inbox_id: int) -> Json:
    """The templates that may be sent through the inbox."""
    return {"templates": channels.templates(own_inbox(actor, inbox_id).pk)}


@partial(patient, kind=Kind.FILES)
@require_POST
@json_view
def upload(request: HttpRequest, actor: Actor, inbox_id: int) -> Json:
    """Keeps a file until the message that carries it is sent."""
    return keep_upload(request, own_inbox(actor, inbox_id), actor)


@require_POST
@json_view
def begin(request: HttpRequest, actor: Actor, inbox_id: int) -> Json:
    """Writes to somebody first: `person` (a number) or `to` (an address), `subject`, then as a verb takes it.

    With `template` it is sent as that verb does, otherwise `text` as a reply. The same `client_id` again
    writes nothing.
    """
    inbox, data = own_inbox(actor, inbox_id), body(request)
    with transaction.atomic():
        conversation = actions.begin(
            inbox=inbox,
            to=_recipient(inbox, data, actor),
            by=actor,
            subject=word(data, "subject"),
            client_id=uuid_or_none(data.get("client_id"), "client_id"),
        )
        say = reply if data.get("template") is None else send_template
        result = say(conversation, data, actor)
    row = with_row(visible(actor)).filter(pk=conversation.pk).first()
    return {**result, "conversation": str(conversation.pk), "row": row_frame(row) if row else None}


def _recipient(inbox: Inbox, data: Json, actor: Actor) -> ContactIdentity | str:
    """Returns whom it goes to: somebody whom the actor sees in the inbox, or what was typed."""
    if data.get("person") is None:
        return word(data, "to")
    seen = visible(actor).filter(inbox=inbox).values("identity")
    found = ContactIdentity.objects.filter(pk=number(data["person"], "person"), pk__in=seen).first()
    if found is None:
        raise NotFound(field="person")
    return found
