"""Reads of the ledger."""

from datetime import datetime

from django.db.models import Sum

from llm.models import ModelCall
from llm.types import Usage


def spent(*, reference: str, since: datetime | None = None) -> Usage:
    """Returns the tokens and dollars of all calls made for a reference, failed ones included.

    For budgets: compare it before a run starts. Counts of providers that give none are estimates.
    """
    calls = ModelCall.objects.filter(reference=reference)
    if since is not None:
        calls = calls.filter(created_at__gte=since)
    total = calls.aggregate(
        prompt=Sum("prompt_tokens", default=0),
        completion=Sum("completion_tokens", default=0),
        cost=Sum("cost", default=0),
    )
    return Usage(total["prompt"], total["completion"], total["cost"])
