"""What an operator makes of a suggestion."""

from django.db import transaction
from django.utils import timezone

from agents.enums import SuggestionStatus
from agents.models import Suggestion
from core.actor import Actor
from core.errors import Forbidden, Invalid


def decide(*, suggestion: Suggestion, status: str, by: Actor) -> Suggestion:
    """Keeps that an operator accepted, edited or refused a suggestion; the first word counts.

    It sends nothing. Raises Invalid for any other status, Forbidden for who is no staff.
    """
    if not by.is_staff:
        raise Forbidden
    if status not in SuggestionStatus.values or status == SuggestionStatus.OFFERED:
        raise Invalid(field="status")
    with transaction.atomic():
        row = Suggestion.objects.select_for_update().get(pk=suggestion.pk)
        if row.status == SuggestionStatus.OFFERED:
            row.status, row.decided_at, row.by_id = status, timezone.now(), int(by.id)
            row.save(update_fields=["status", "decided_at", "by"])
    return row
