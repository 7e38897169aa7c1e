"""Whose money a call spends: asked before each try at a provider, and told afterwards what it came to."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from llm.errors import ModelError
from llm.types import Usage


class OverBudget(ModelError):
    """A call was not made, since it would have cost more than was left."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a try at a provider is about to cost. Prices are US dollars, 0 where none is known.

    `prompt_tokens` is an estimate from the length of the prompt, on the safe side.
    """

    model: str
    prompt_tokens: int
    prompt_cost: Decimal
    cost_per_million: Decimal  # tokens of the answer

    def cost(self, answer_tokens: int) -> Decimal:
        """Returns what the whole call costs with an answer of so many tokens."""
        return self.prompt_cost + self.cost_per_million * answer_tokens / 1_000_000


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave for one try. `most_tokens` is the length of the answer that is paid for; 0: any."""

    id: int
    most_tokens: int = 0


class Purse(Protocol):
    """A budget. Both calls may be made in parallel with those of other runs."""

    async def reserve(self, offer: Offer) -> Grant:
        """Sets aside what the call may cost. Raises OverBudget, whose detail says which budget is used up."""

    async def settle(self, grant: Grant, usage: Usage) -> None:
        """Replaces what was set aside by what was used. A call that is never settled stays as reserved."""
