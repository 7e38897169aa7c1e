"""What a model does for an operator: it drafts, sums up, translates and rewrites, and sends nothing."""

from agents.copilot.asking import has_model
from agents.copilot.decisions import decide
from agents.copilot.drafting import suggest_reply
from agents.copilot.rewriting import Rewritten, rewrite, translate_message
from agents.copilot.similar import Similar, similar_conversations
from agents.copilot.summing import stored_summary, summarise

__all__ = [
    "Rewritten",
    "Similar",
    "decide",
    "has_model",
    "rewrite",
    "similar_conversations",
    "stored_summary",
    "suggest_reply",
    "summarise",
    "translate_message",
]
