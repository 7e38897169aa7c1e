"""Reads of what we know: articles that answer a question, past messages that mean the same."""

from knowledge.queries.articles import article_by_id, articles_for, public_version
from knowledge.queries.explanation import Explanation, explain
from knowledge.queries.messages import (
    SimilarMessage,
    embedded_messages,
    messages_to_embed,
    similar_messages,
)
from knowledge.queries.passages import Passage, languages_in_use, nearest, search

__all__ = [
    "Explanation",
    "Passage",
    "SimilarMessage",
    "article_by_id",
    "articles_for",
    "embedded_messages",
    "explain",
    "languages_in_use",
    "messages_to_embed",
    "nearest",
    "public_version",
    "search",
    "similar_messages",
]
