"""Writes of what we know: one verb, one function, whoever calls."""

from knowledge.actions.articles import (
    change_article,
    delete_article,
    delete_articles,
    index_articles,
    save_article,
    write_article,
)
from knowledge.actions.importing import ImportReport, import_demo, import_source
from knowledge.actions.messages import embed_again, embed_some
from knowledge.actions.proposals import approve_answer, correct_answer, refuse_answer

__all__ = [
    "ImportReport",
    "approve_answer",
    "change_article",
    "correct_answer",
    "delete_article",
    "delete_articles",
    "embed_again",
    "embed_some",
    "import_demo",
    "import_source",
    "index_articles",
    "refuse_answer",
    "save_article",
    "write_article",
]
