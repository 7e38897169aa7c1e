"""Writes of what we know: one verb, one function, whoever calls."""

from knowledge.actions.articles import (
    change_article,
    delete_article,
    delete_articles,
    index_articles,
    save_article,
    write_article,
)
from knowledge.actions.closing import close_answered
from knowledge.actions.importing import import_demo, import_source
from knowledge.actions.messages import embed_again, embed_some
from knowledge.actions.proposals import approve_answer, correct_answer, refuse_answer
from knowledge.actions.sources import (
    add_files,
    confirm_gone,
    delete_source,
    plan_due,
    remove_items,
    save_source,
    start_sync,
    stop_sync,
)
from knowledge.actions.storing import ImportReport
from knowledge.actions.wanted import Unanswered, dismiss_wanted, note_unanswered, write_wanted

__all__ = [
    "ImportReport",
    "Unanswered",
    "add_files",
    "approve_answer",
    "change_article",
    "close_answered",
    "confirm_gone",
    "correct_answer",
    "delete_article",
    "delete_articles",
    "delete_source",
    "dismiss_wanted",
    "embed_again",
    "embed_some",
    "import_demo",
    "import_source",
    "index_articles",
    "note_unanswered",
    "plan_due",
    "refuse_answer",
    "remove_items",
    "save_article",
    "save_source",
    "start_sync",
    "stop_sync",
    "write_article",
    "write_wanted",
]
