"""Knowledge apart from the live one: what is stored and found meanwhile lies in tables of its own.

Temporary tables of the same names stand before the real ones in PostgreSQL's search path, so that all code
that stores, indexes and searches is the product's own.
https://www.postgresql.org/docs/current/sql-createtable.html
"""

import contextlib
from collections.abc import Iterator

from django.db import connection, transaction

from knowledge.models import Article, Chunk


@contextlib.contextmanager
def knowledge_apart() -> Iterator[None]:
    """Begins with no article at all, and leaves nothing behind. Only this connection sees it.

    Jobs do not: what they would do (`index_articles`) has to be done here.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            for model in (Article, Chunk):
                name = connection.ops.quote_name(model._meta.db_table)
                cursor.execute(f"CREATE TEMPORARY TABLE {name} (LIKE {name} INCLUDING ALL)")
            # A statement that was planned before knows the real tables, and would go on with them.
            cursor.execute("DISCARD PLANS")
        yield
        transaction.set_rollback(True)
