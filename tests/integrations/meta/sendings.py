"""Messages of ours, as tests need them."""

from dataclasses import replace
from typing import Any

from conversations.exchange import OutFile, Outgoing
from tests.integrations.test_contract import outgoing


def saying(kind: str, text: str = "Hello", **more: Any) -> Outgoing:
    """A text to a customer."""
    return replace(outgoing(kind, text), **more)


def file(name: str, content_type: str, content: bytes, url: str = "https://desk.example/f/1") -> OutFile:
    """A file to send."""
    return OutFile(name, content_type, len(content), url, lambda: content)


def choices(*labels: str) -> tuple[dict[str, str], ...]:
    """Buttons that say what they send."""
    return tuple({"label": label, "value": label} for label in labels)
