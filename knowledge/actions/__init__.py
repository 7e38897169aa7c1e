"""Writes of what we know: one verb, one function, whoever calls."""

from knowledge.actions.articles import delete_articles, index_articles, save_article
from knowledge.actions.importing import ImportReport, import_demo, import_source

__all__ = [
    "ImportReport",
    "delete_articles",
    "import_demo",
    "import_source",
    "index_articles",
    "save_article",
]
