"""Articles and where they come from, the passages they are found by, and what messages mean."""

from knowledge.models.articles import Article, ArticleQuerySet, Category, Chunk
from knowledge.models.messages import MessageToEmbed, MessageVector, MessageVectorQuerySet
from knowledge.models.proposals import ProposedAnswer, ProposedAnswerQuerySet
from knowledge.models.sources import Source, SourceItem
from knowledge.models.wanted import UnansweredQuestion, WantedArticle

__all__ = [
    "Article",
    "ArticleQuerySet",
    "Category",
    "Chunk",
    "MessageToEmbed",
    "MessageVector",
    "MessageVectorQuerySet",
    "ProposedAnswer",
    "ProposedAnswerQuerySet",
    "Source",
    "SourceItem",
    "UnansweredQuestion",
    "WantedArticle",
]
