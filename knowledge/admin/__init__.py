"""What we know and where it comes from, in the admin. Every write goes through an action."""

from knowledge.admin.articles import ArticleAdmin, CategoryAdmin
from knowledge.admin.proposals import ProposedAnswerAdmin
from knowledge.admin.sources import SourceAdmin, SourceItemAdmin
from knowledge.admin.wanted import WantedArticleAdmin

__all__ = [
    "ArticleAdmin",
    "CategoryAdmin",
    "ProposedAnswerAdmin",
    "SourceAdmin",
    "SourceItemAdmin",
    "WantedArticleAdmin",
]
