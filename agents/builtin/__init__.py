"""The answerer that needs no key: it quotes the team's own articles and is no language model."""

from agents.builtin.model import QuotingModel

__all__ = ["QuotingModel"]
