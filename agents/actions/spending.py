"""Taking from an agent's budgets: set aside before a model is asked, settled by what it counted."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial

from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.utils import timezone

from agents.budgets import Amount, Limits, limits, longest_answer
from agents.enums import BudgetScope
from agents.models import Agent, Charge, Run
from core.threads import in_thread
from llm.purse import Grant, Offer
from llm.types import Usage


class RunPurse:
    """What pays for the calls of one run (`llm.purse.Purse`)."""

    def __init__(self, run: Run) -> None:
        """Takes the run that asks."""
        self.run = run

    async def reserve(self, offer: Offer) -> Grant:
        """Sets aside the question and the longest answer that fits; raises OverBudget where none does."""
        return await in_thread(reserve, run=self.run, offer=offer)

    async def settle(self, grant: Grant, usage: Usage) -> None:
        """Writes down what the provider counted."""
        await in_thread(settle, grant=grant, usage=usage)


@transaction.atomic(durable=True)
def reserve(*, run: Run, offer: Offer) -> Grant:
    """Sets aside what a call may cost at most. One at a time for each agent, so that no two take the same.

    Raises OverBudget where a budget leaves no answer of a sensible length.
    """
    # Not in the way of rows that only refer to the agent.
    agent = Agent.objects.select_for_update(no_key=True).get(pk=run.agent_id)
    held = limits(agent.budgets.values_list("scope", "tokens", "cost"))
    most = longest_answer(offer, held, _spent(run, held))
    charge = Charge.objects.create(
        agent=agent, run=run, conversation_id=run.conversation_id, contact_id=run.conversation.contact_id,
        model=offer.model, prompt_tokens=offer.prompt_tokens, completion_tokens=most, cost=offer.cost(most),
    )  # fmt: skip
    return Grant(charge.pk, most)


@transaction.atomic(durable=True)
def settle(*, grant: Grant, usage: Usage) -> None:
    """Replaces what was set aside by what was used, also in a run that a person has ended meanwhile."""
    run = Run.objects.select_for_update(of=("self",)).filter(charges=grant.id).first()
    Charge.objects.filter(pk=grant.id).update(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost=usage.cost,
        is_settled=True,
    )
    if run is not None and run.finished_at is not None:
        note_used(run)
        run.save(update_fields=["prompt_tokens", "completion_tokens", "cost"])


def note_used(run: Run) -> None:
    """Writes on a locked run what all of its calls came to: of every attempt, and with those that failed."""
    total = Charge.objects.filter(run=run, is_settled=True).aggregate(
        prompt=Sum("prompt_tokens", default=0),
        completion=Sum("completion_tokens", default=0),
        cost=Sum("cost", default=Decimal(0)),
    )
    run.prompt_tokens, run.completion_tokens = total["prompt"], total["completion"]
    run.cost = total["cost"]


def _spent(run: Run, held: Limits) -> dict[BudgetScope, Amount]:
    """Returns what has gone from each budget that is bounded. Days and months are the project's."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    charges = Charge.objects.filter(agent=run.agent_id)
    counted: dict[BudgetScope, Callable[[], QuerySet[Charge]]] = {
        BudgetScope.RUN: partial(Charge.objects.filter, run=run),
        BudgetScope.CONVERSATION: partial(charges.filter, conversation=run.conversation_id),
        BudgetScope.CONTACT_DAY: partial(_since, charges.filter(contact=run.conversation.contact_id), today),
        BudgetScope.MONTH: partial(_since, charges, today.replace(day=1)),
    }
    return {scope: _sum(rows()) for scope, rows in counted.items() if scope in held}


def _since(charges: QuerySet[Charge], moment: datetime) -> QuerySet[Charge]:
    return charges.filter(created_at__gte=moment)


def _sum(charges: QuerySet[Charge]) -> Amount:
    total = charges.aggregate(
        tokens=Sum(F("prompt_tokens") + F("completion_tokens"), default=0),
        cost=Sum("cost", default=Decimal(0)),
    )
    return Amount(total["tokens"], total["cost"])
