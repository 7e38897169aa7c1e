"""Connections for protocols other than HTTP pass the same check of addresses."""

import socket

import pytest
from pytest_django import Settings

from core.outbound import OutboundRefused, OutboundTimeout, OutboundUnreachable, connected


def test_connection_goes_to_an_allowed_address(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with (
        socket.create_server(("127.0.0.1", 0)) as door,
        connected("127.0.0.1", door.getsockname()[1], seconds=5) as wire,
    ):
        assert wire.getpeername() == door.getsockname()
        assert wire.gettimeout() == 5


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "2130706433", "0x7f.1", "::ffff:127.0.0.1", "::1"]
)
def test_connection_into_the_network_is_refused(settings: Settings, host: str) -> None:
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(OutboundRefused):
        connected(host, 25, seconds=1)


def test_nobody_at_home_is_told(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    for host, port in (("127.0.0.1", 9), ("no-such-host.invalid", 25)):
        with pytest.raises(OutboundUnreachable):
            connected(host, port, seconds=1)


def test_silence_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> socket.socket:
        raise TimeoutError

    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    monkeypatch.setattr(socket, "create_connection", silent)
    with pytest.raises(OutboundTimeout):
        connected("127.0.0.1", 25, seconds=1)
