"""What the copilot section of the desk asks for. Whatever waits for a model waits on threads of its own."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_POST

from accounts.json_views import Json, body, json_view
from agents import copilot
from agents.models import Suggestion
from conversations.models import Message
from core.actor import Actor
from core.errors import NotFound
from core.threads import patient
from desk.queries.rows import find, found_with_identity
from desk.queries.tickets import ticket_frame
from desk.verbs import uuid_or_none, word
from tickets.queries import open_tickets_of_contact

LONGEST_PREVIEW = 300  # characters


@require_GET
@json_view
def standing(_request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """What stands without asking anybody: whether there is a model, and the summary."""
    row = find(actor, conversation_id)
    summary = copilot.stored_summary(row, language=_language())
    return {"has_model": copilot.has_model(), "summary": summary and suggestion_frame(summary)}


@require_GET
@json_view
def similar(_request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """Past conversations like this one, and what else is open for its customer."""
    row = found_with_identity(actor, conversation_id)
    found = copilot.similar_conversations(conversation=row, by=actor)
    tickets = open_tickets_of_contact(row.contact_id, actor=actor)
    return {
        "similar": [similar_frame(one) for one in found],
        "tickets": [ticket_frame(ticket) for ticket in tickets],
    }


@patient
@require_POST
@json_view
def suggest(_request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """A draft of the next reply."""
    row = found_with_identity(actor, conversation_id)
    made = copilot.suggest_reply(conversation=row, by=actor)
    return {"suggestion": suggestion_frame(made)}


@patient
@require_POST
@json_view
def summary(_request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """The conversation in a few lines."""
    row = find(actor, conversation_id)
    made = copilot.summarise(conversation=row, language=_language(), by=actor)
    return {"summary": suggestion_frame(made)}


@patient
@require_POST
@json_view
def rewrite(request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """The composer's `text` as `wish` says."""
    row, data = found_with_identity(actor, conversation_id), body(request)
    made = copilot.rewrite(conversation=row, text=word(data, "text"), wish=word(data, "wish"), by=actor)
    return rewritten_frame(made)


@patient
@require_POST
@json_view
def translate(request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """What a `message` says, in the operator's language."""
    row = find(actor, conversation_id)
    key = uuid_or_none(body(request).get("message"), "message")
    message = Message.objects.filter(conversation=row, pk=key).first() if key else None
    if message is None:
        raise NotFound(field="message")
    return rewritten_frame(copilot.translate_message(message=message, language=_language(), by=actor))


@require_POST
@json_view
def decide(request: HttpRequest, actor: Actor, conversation_id: UUID) -> Json:
    """Keeps what became of a `suggestion`: `status`."""
    data, row = body(request), find(actor, conversation_id)
    key = uuid_or_none(data.get("suggestion"), "suggestion")
    found = Suggestion.objects.filter(conversation=row, pk=key).first() if key else None
    if found is None:
        raise NotFound(field="suggestion")
    made = copilot.decide(suggestion=found, status=word(data, "status"), by=actor)
    return {"suggestion": suggestion_frame(made)}


def suggestion_frame(row: Suggestion) -> Json:
    """Returns a suggestion for the panel; each source with the address where an operator reads it."""
    return {
        "id": str(row.pk),
        "text": row.text,
        "status": row.status,
        "sources": [_source(source) for source in row.sources],
        "left_out": row.left_out,
        "model": row.model,
        "at": row.created_at.isoformat(),
    }


def similar_frame(one: copilot.Similar) -> Json:
    """Returns a past conversation in three lines: who, what they wrote, what was answered."""
    row = one.conversation
    return {
        "id": str(row.pk),
        "name": row.contact.display_name,
        "status": row.status,
        "said": one.said[:LONGEST_PREVIEW],
        "outcome": one.outcome[:LONGEST_PREVIEW],
        "created_at": row.created_at.isoformat(),
    }


def rewritten_frame(made: copilot.Rewritten) -> Json:
    """Returns a text in other words."""
    return {"text": made.text, "added": made.added, "language": made.language}


def _source(source: dict[str, Any]) -> Json:
    own = reverse("admin:knowledge_article_change", args=[source["article"]])
    return {"title": source["title"], "url": source["url"] or own, "internal": source["internal"]}


def _language() -> str:
    return get_language() or "en"
