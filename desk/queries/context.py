"""The context panel: who the customer is and what else is known of the matter."""

from typing import Any

from agents.models import Run
from conversations.enums import FieldEntity
from conversations.models import Conversation
from conversations.queries.proof import is_verified
from core.actor import Actor
from core.reasons import said
from desk.queries.fields import field_frames
from desk.queries.rows import visible
from desk.queries.tickets import ticket_frame
from tickets.queries import tickets_of

PREVIOUS = 5
RUNS = 3


def context(row: Conversation, actor: Actor) -> dict[str, Any]:
    """Returns what stands beside a thread. Previous conversations are those the actor may see."""
    contact = row.contact
    return {
        "contact": {
            "id": str(contact.pk),
            "name": contact.display_name,
            "email": contact.email,
            "phone": contact.phone,
            "locale": contact.locale,
            "created_at": contact.created_at.isoformat(),
            "tags": contact.tags,
            "fields": field_frames(FieldEntity.CONTACT, contact.attributes),
            "verified": is_verified(row),
        },
        "fields": field_frames(FieldEntity.CONVERSATION, row.attributes),
        "facts": {
            "created_at": row.created_at.isoformat(),
            "first_reply_at": row.first_reply_at.isoformat() if row.first_reply_at else None,
            "resolved_at": row.resolved_at.isoformat() if row.resolved_at else None,
        },
        "tickets": [ticket_frame(ticket) for ticket in tickets_of(row, actor=actor)],
        "runs": [_run(run) for run in _runs(row)],
        "previous": [_previous(other) for other in _others(row, actor)],
    }


def _others(row: Conversation, actor: Actor) -> list[Conversation]:
    others = visible(actor).filter(contact_id=row.contact_id).exclude(pk=row.pk)
    return list(others.order_by("-created_at")[:PREVIOUS])


def _previous(row: Conversation) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "title": row.subject or row.preview,
        "status": row.status,
        "created_at": row.created_at.isoformat(),
    }


def _runs(row: Conversation) -> list[Run]:
    runs = Run.objects.filter(conversation=row).select_related("agent").prefetch_related("steps")
    return list(runs.order_by("-started_at")[:RUNS])


def _run(run: Run) -> dict[str, Any]:
    """What the agent did, in a line: enough to judge an answer without reading its trace."""
    return {
        "id": str(run.pk),
        "agent": run.agent.name,
        "status": run.status,
        "status_label": run.get_status_display(),
        "model": run.model,
        "tokens": run.prompt_tokens + run.completion_tokens,
        "detail": said(run.detail),
        "tools": [{"name": step.tool, "failed": step.failed} for step in run.steps.all()],
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }
