"""What an agent may still use of a model: budgets within budgets, as pure sums.

A call is within an answer, an answer within a conversation, a conversation within a customer's day, and all
within the agent's month. Each may be bounded in tokens and in money, and all of them hold at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from agents.enums import BudgetScope
from core.reasons import reason
from llm.purse import Offer, OverBudget

# No answer needs more; models that think aloud count that too.
LONGEST_ANSWER = 8_192
# A shorter one would be cut in the middle: then nobody is asked at all.
SHORTEST_ANSWER = 200
MILLION = 1_000_000
# Said to the operators who get the conversation.
USED_UP = {
    BudgetScope.CALL: reason("The question is too long for the agent's budget for one call."),
    BudgetScope.RUN: reason("The agent's budget for one answer is used up."),
    BudgetScope.CONVERSATION: reason("The agent's budget for this conversation is used up."),
    BudgetScope.CONTACT_DAY: reason("The agent's budget for this customer is used up for today."),
    BudgetScope.MONTH: reason("The agent's budget for this month is used up."),
}


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens, in and out together, and US dollars. As a limit, None stands for any."""

    tokens: int | None = 0
    cost: Decimal | None = Decimal(0)


Limits = Mapping[BudgetScope, Amount]
Spent = Mapping[BudgetScope, Amount]
# A run of eight steps with long passages takes some 40,000 tokens; a customer who keeps an agent busy all day
# is worth a person's look. Money is the team's to decide.
USUAL: Limits = {
    BudgetScope.RUN: Amount(150_000, None),
    BudgetScope.CONVERSATION: Amount(600_000, None),
    BudgetScope.CONTACT_DAY: Amount(1_000_000, None),
}


def limits(stated: Iterable[tuple[str, int | None, Decimal | None]]) -> dict[BudgetScope, Amount]:
    """Returns what holds: the usual limits, each replaced as a whole where a team has stated its own."""
    own = {BudgetScope(scope): Amount(tokens, cost) for scope, tokens, cost in stated}
    return {**USUAL, **own}


def longest_answer(offer: Offer, limits: Limits, spent: Spent) -> int:
    """Returns how many tokens the answer to an offer may have, within every limit.

    Raises OverBudget, naming the narrowest budget that is used up, where no answer of a sensible length fits.
    """
    longest = LONGEST_ANSWER
    for scope in BudgetScope:
        limit = limits.get(scope)
        if limit is None:
            continue
        fits = _fits(offer, limit, spent.get(scope, Amount()))
        if fits < SHORTEST_ANSWER:
            raise OverBudget(USED_UP[scope])
        longest = min(longest, fits)
    return longest


def _fits(offer: Offer, limit: Amount, spent: Amount) -> int:
    """Returns the answer's tokens that one limit leaves; negative where not even the question fits."""
    fits = LONGEST_ANSWER
    if limit.tokens is not None:
        fits = limit.tokens - (spent.tokens or 0) - offer.prompt_tokens
    if limit.cost is None:
        return fits
    left = limit.cost - (spent.cost or 0) - offer.prompt_cost
    if left < 0 or (offer.cost_per_million and not left):
        return -1
    if not offer.cost_per_million:
        return fits
    paid = left * MILLION / offer.cost_per_million
    return min(fits, int(paid.to_integral_value(ROUND_FLOOR)))
