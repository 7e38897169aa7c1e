"""Writing the ledger: after a call, in a short transaction of its own, and never in the way of an answer."""

import logging

from django.db import transaction

from core.storable import storable
from core.threads import in_thread
from llm.enums import Outcome
from llm.models import ModelCall
from llm.providers import Provider
from llm.types import Usage

log = logging.getLogger(__name__)


async def record_call(
    *,
    purpose: str,
    reference: str,
    provider: Provider,
    usage: Usage,
    first_text_ms: int | None,
    duration_ms: int,
    outcome: Outcome,
    error: str,
) -> None:
    """Writes one row. A ledger that cannot be written is logged and otherwise ignored."""
    row = ModelCall(
        purpose=purpose[:60],
        reference=reference[:100],
        provider=provider.name,
        model=provider.model[:200],
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        estimated=usage.estimated,
        cost=usage.cost,
        first_text_ms=first_text_ms,
        duration_ms=duration_ms,
        outcome=outcome,
        error=storable(error)[:2000],
    )
    try:
        await in_thread(_insert, row)
    except Exception:
        log.exception("A call to %s could not be written to the ledger", provider.model)


def _insert(row: ModelCall) -> None:
    with transaction.atomic():
        row.save(force_insert=True)
