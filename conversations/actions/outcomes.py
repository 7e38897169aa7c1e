"""What came of calls, noted on this machine's disk until the database has it.

A worker that dies, or loses the database, between a provider's answer and its row would leave a message of
which nobody knows whether it arrived, and some providers would be given it twice. The note outlives both:
whoever takes up the conversation on this machine settles the call by it, at once. It says nothing that the
row does not say a moment later, and a machine without it knows as much as before.
"""

import contextlib
import json
import logging
import time
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from conversations.channels import (
    InboxBroken,
    SendFailed,
    SendLater,
    SendRefused,
    SendUnclear,
)
from conversations.enums import DeliveryStatus
from conversations.exchange import Sent

logger = logging.getLogger(__name__)
FAILURES = {kind.__name__: kind for kind in (SendFailed, SendRefused, SendLater, SendUnclear, InboxBroken)}
# Messages are tried for a day; a note that is older was left by a machine that settled it elsewhere.
OLD_SECONDS = 2 * 24 * 3600.0


def note(key: str, attempt: int, outcome: Sent | SendFailed) -> None:
    """Notes what came of a call. Never fails: where it cannot be noted, nobody knows more than before."""
    try:
        _place(key, attempt).write_text(json.dumps(_told(outcome)), encoding="utf-8")
    except (OSError, TypeError):
        logger.warning("the outcome of delivery %s could not be noted", key, exc_info=True)


def recall(key: str, attempt: int) -> Sent | SendFailed | None:
    """Returns what was noted of a call; None for nothing, a cut-off note or one of another version."""
    try:
        return _understood(json.loads(_place(key, attempt).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(key: str, attempt: int) -> None:
    """Removes a note, once the database has what it says."""
    try:
        _place(key, attempt).unlink(missing_ok=True)
    except OSError:
        logger.warning("the note of delivery %s could not be removed", key, exc_info=True)


def remove_old() -> None:
    """Removes notes that nobody came for, since the call was settled by a receipt or on another machine."""
    for place in _folder(settings.HELPDESK_HOME).iterdir():
        # Another process may do the same.
        with contextlib.suppress(FileNotFoundError):
            if place.stat().st_mtime < time.time() - OLD_SECONDS:
                place.unlink()


def _place(key: str, attempt: int) -> Path:
    return _folder(settings.HELPDESK_HOME) / f"{key}.{attempt}"


@cache
def _folder(home: Path) -> Path:
    folder = home / "outcomes"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _told(outcome: Sent | SendFailed) -> dict[str, Any]:
    if isinstance(outcome, Sent):
        return {"provider_id": outcome.provider_id, "status": outcome.status, "note": outcome.note}
    return {
        "failure": type(outcome).__name__,
        "detail": outcome.detail,
        "provider_code": outcome.provider_code,
        "retry_after": outcome.retry_after,
    }


def _understood(told: dict[str, Any]) -> Sent | SendFailed:
    if "failure" not in told:
        return Sent(told["provider_id"], DeliveryStatus(told["status"]), told["note"])
    kind = FAILURES.get(told["failure"], SendFailed)
    return kind(told["detail"], provider_code=told["provider_code"], retry_after=told["retry_after"])
