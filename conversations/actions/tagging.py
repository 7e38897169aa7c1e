"""One tag everywhere at once."""

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.queries import require_admin
from conversations.models import Conversation
from conversations.queries.tags import is_used, tagged_models
from conversations.tags import checked_tags
from core.actor import Actor
from core.errors import Invalid, NotFound

# Of a row that has both names already, one goes.
RENAMED = """
UPDATE {table} SET tags = CASE
    WHEN EXISTS (SELECT FROM unnest(tags) AS tag WHERE lower(tag) = lower(%(new)s) AND tag <> %(old)s)
    THEN array_remove(tags, %(old)s)
    ELSE array_replace(tags, %(old)s, %(new)s)
END{stamp} WHERE tags @> ARRAY[%(old)s]::varchar[] AND tags <> '{{}}'
"""
REMOVED = """
UPDATE {table} SET tags = array_remove(tags, %(old)s){stamp}
WHERE tags @> ARRAY[%(old)s]::varchar[] AND tags <> '{{}}'
"""


@transaction.atomic
def rename_tag(*, name: str, to: str, by: Actor) -> str:
    """Gives a tag another name wherever it stands, and returns that; two may become one so.

    It is told in no conversation's log, and moves nothing in a list. Rules of campaigns name tags by their
    text and stay as they are. Raises Forbidden for all but administrators, NotFound for a tag that nothing
    has, Invalid for a name that is none.
    """
    require_admin(by)
    found = checked_tags([to], field="name")
    if not found:
        raise Invalid(_("Write a name."), field="name")
    _everywhere(RENAMED, name, new=found[0])
    return found[0]


@transaction.atomic
def delete_tag(*, name: str, by: Actor) -> None:
    """Takes a tag away wherever it stands; errors as above."""
    require_admin(by)
    _everywhere(REMOVED, name)


def _everywhere(statement: str, name: str, *, new: str = "") -> None:
    if not is_used(name):
        raise NotFound
    with connection.cursor() as cursor:
        for model in tagged_models():
            # Rows in one order: two who rename at once would wait for each other.
            held = model._meta.base_manager.filter(tags__contains=[name]).exclude(tags=[]).order_by("pk")
            list(held.select_for_update().values("pk"))
            # Conversations stand in lists by when something was said.
            is_dated = any(each.name == "updated_at" for each in model._meta.local_fields)
            stamp = ", updated_at = clock_timestamp()" if is_dated and model is not Conversation else ""
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(statement.format(table=table, stamp=stamp), {"old": name, "new": new})
