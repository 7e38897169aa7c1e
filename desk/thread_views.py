"""What the script of an open thread asks for besides its events."""

from uuid import UUID

from django.http import HttpRequest
from django.views.decorators.http import require_GET

from accounts.json_views import Json, json_view
from conversations.models import CannedReply, Message
from conversations.queries.canned import Rendered, offered, rendered
from conversations.queries.delivered import delivery_states
from conversations.queries.recipients import recipients as recipients_of
from core.actor import Actor
from core.errors import NotFound
from desk.queries import channels
from desk.queries.rows import find, found_with_identity
from desk.verbs import uuid_or_none


@require_GET
@json_view
def deliveries(_request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """How far the newest messages to the customer have come: heals what nobody was told."""
    return {"deliveries": delivery_states(find(actor, conversation_id).pk)}


@require_GET
@json_view
def templates(_request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """The templates that may be sent here."""
    return {"templates": channels.templates(find(actor, conversation_id).inbox_id)}


@require_GET
@json_view
def canned(request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """The canned replies that hold `q`, each as it would read here."""
    row = found_with_identity(actor, conversation_id)
    found = offered(actor, search=request.GET.get("q", "")[:200])
    return {"replies": [canned_frame(reply, rendered(reply, row, by=actor)) for reply in found]}


@require_GET
@json_view
def recipients(request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """To whom an answer goes; with `answers`, one to that message."""
    answers = uuid_or_none(request.GET.get("answers"), "answers")
    return {**recipients_of(found_with_identity(actor, conversation_id), answers=answers)}


@require_GET
@json_view
def whole(_request: HttpRequest, actor: Actor, conversation_id: UUID, message_id: UUID) -> Json:
    """The full text of a mail, with what was trimmed from it; as text, whatever it was."""
    found = Message.objects.filter(conversation_id=find(actor, conversation_id).pk, pk=message_id).first()
    if found is None:
        raise NotFound
    return {"text": str(found.details.get("full_text") or found.text)}


def canned_frame(reply: CannedReply, said: Rendered) -> Json:
    """Returns a canned reply for the composer."""
    return {
        "id": reply.pk,
        "shortcut": reply.shortcut,
        "title": reply.title,
        "text": said.text,
        "missing": said.missing,
    }
