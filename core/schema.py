"""Is the database the one this code was written for?"""

import pkgutil
from functools import cache
from pathlib import Path

from django.apps import apps
from django.db import connection


@cache
def migrations_on_disk() -> frozenset[tuple[str, str]]:
    """Returns (app, name) of every migration of every app, without importing any of them."""
    return frozenset(
        (config.label, module.name)
        for config in apps.get_app_configs()
        for module in pkgutil.iter_modules([str(Path(config.path) / "migrations")])
        if not module.name.startswith("_")
    )


def missing_migrations() -> frozenset[tuple[str, str]]:
    """Returns the migrations that the database has not seen, all of them for an empty one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations')")
        if cursor.fetchone() == (None,):
            return migrations_on_disk()
        cursor.execute("SELECT app, name FROM django_migrations")
        return migrations_on_disk() - set(cursor.fetchall())
