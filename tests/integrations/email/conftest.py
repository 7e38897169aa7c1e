"""What needs a program that is not here is left out of the run, and everything else takes place."""

import shutil

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin"):
        return
    needed = [item for item in items if item.get_closest_marker("dovecot")]
    if needed:
        config.hook.pytest_deselected(items=needed)
        items[:] = [item for item in items if item not in needed]
