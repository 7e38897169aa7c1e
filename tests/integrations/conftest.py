"""What the tests of all channels share."""

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _providers_are_here(settings: Any) -> None:
    """Simulated providers live on this machine, where nothing may be fetched otherwise."""
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
