"""What the tests of all channels share."""

import pytest
from pytest_django.fixtures import SettingsWrapper


@pytest.fixture(autouse=True)
def _providers_are_here(settings: SettingsWrapper) -> None:
    """Simulated providers live on this machine, where nothing may be fetched otherwise."""
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
