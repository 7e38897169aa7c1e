"""Taking in what was received: from a provider's bytes to what they mean here."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import DataError, IntegrityError
from django.db.models import Q, QuerySet
from django.db.models.functions import Length
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.actions import changes
from conversations.actions.files import keep_file
from conversations.actions.inbound import FULL_TEXT, MAX_TEXT, receive, stored_message
from conversations.actions.problems import in_a_line, problem_of, with_calls
from conversations.actions.receipts import record_receipt
from conversations.channels import adapter
from conversations.enums import Verdict
from conversations.errors import NotYet
from conversations.exchange import (
    Connection,
    Deleted,
    Echo,
    Edited,
    Ignored,
    Incoming,
    Parsed,
    Reacted,
    Receipt,
    Webhook,
)
from conversations.models import InboundEvent, Inbox, InboxState, Message
from core import rows
from core.crash_points import crash_point
from core.outages import DatabaseFailure, is_outage
from core.reasons import reason
from core.storable import storable

logger = logging.getLogger(__name__)
# A receipt of more bytes may end the worker that reads it: it is read alone, and the attempt counted before.
LARGE = 1024 * 1024
# What is read before others get their turn: so many receipts, and of large ones fewer.
AT_ONCE, AT_ONCE_BYTES = 50, 8 * 1024 * 1024
# What refers to a message that is not here yet is tried again: after 1, 2, 4 … seconds, two minutes in all.
PATIENCE = 7
# Failures of the database at one receipt after which it, and not the database, is thought to be the cause.
BLAMED_AT = 3
SHOWN_DETAIL = 2_000
# Whoever writes can be reached.
REACHED = """
UPDATE conversations_contactidentity SET unreachable_since = NULL
WHERE inbox_id = %s AND external_id = %s AND unreachable_since IS NOT NULL
"""
# Nobody has judged the receipt then: no database, or no room on the disk for its files.
AWAY = (DatabaseFailure, OSError)


def take_in_some(inbox_id: int) -> int:
    """Takes in the oldest receipts of an inbox, one after the other; returns how many it looked at."""
    now = timezone.now()
    due = InboundEvent.objects.filter(
        Q(next_try_at=None) | Q(next_try_at__lte=now), inbox_id=inbox_id, verdict=Verdict.RECEIVED
    )
    keys, are_large = _next_few(due)
    events = (
        [event for key in keys if (event := _begun(key))]
        if are_large
        else list(due.filter(pk__in=keys).select_related("inbox").order_by("pk"))
    )
    for event in events:
        try:
            take_in(event)
        except AWAY as error:
            if not _put_off(event, error):
                raise
    if events:
        InboxState.objects.update_or_create(inbox_id=inbox_id, defaults={"last_received_at": now})
    return len(keys)


def _next_few(due: "QuerySet[InboundEvent]") -> tuple[list[int], bool]:
    """Returns which receipts are next, unread, and whether it is a large one.

    Fifty large mails at once would fill a worker's memory.
    """
    sizes = due.order_by("pk").annotate(size=Length("body")).values_list("pk", "size")[:AT_ONCE]
    found: list[int] = []
    total = 0
    for pk, size in sizes:
        total += size
        if found and (total > AT_ONCE_BYTES or size > LARGE):
            break
        found.append(pk)
        if size > LARGE:
            return found, True
    return found, False


def _begun(pk: int) -> InboundEvent | None:
    """Counts an attempt at a large receipt, and returns it unread; None for one that was tried too often.

    A worker that runs out of memory writes nothing down any more. The count stands in the row alone: whatever
    comes of the attempt is written over it. As with a failure of the database, others soon pass.
    """
    event = InboundEvent.objects.defer("body").select_related("inbox").get(pk=pk)
    if event.attempts >= BLAMED_AT + PATIENCE:
        event.verdict = Verdict.QUARANTINED
        event.detail = reason("Each attempt to read it ended the worker.")
        event.save(update_fields=["verdict", "detail"])
        return None
    attempts = event.attempts + 1
    pause = timezone.now() + timedelta(seconds=2.0**attempts) if attempts >= BLAMED_AT else event.next_try_at
    InboundEvent.objects.filter(pk=pk).update(attempts=attempts, next_try_at=pause)
    return event


def take_in(event: InboundEvent, *, for_any_account: bool = False) -> Verdict:
    """Does what a receipt says, item by item, and writes the verdict; what is done already changes nothing.

    `for_any_account`: whatever account it was meant for. An item that fails keeps no other from its effect;
    the receipt is then quarantined with its bytes. Raises DatabaseFailure when the database is away: nobody
    has judged then.
    """
    taking = Taking(event, for_any_account=for_any_account)
    taking.run()
    crash_point("intake.taken_in")
    event.attempts += 1
    event.verdict, event.detail, event.next_try_at = taking.verdict()
    event.handled_at = timezone.now()
    rows.update(event, "attempts", "verdict", "detail", "next_try_at", "handled_at")
    return event.verdict


def _put_off(event: InboundEvent, error: Exception) -> bool:
    """Counts a failure of database or disk; says whether it is this receipt's alone, so that others may pass.

    At first all wait, which keeps their order. While database or disk are away nobody is to blame and all go
    on waiting: raises what was raised.
    """
    if is_outage(error):
        with contextlib.suppress(DatabaseFailure):
            # Of a large one an attempt was counted.
            InboundEvent.objects.filter(pk=event.pk).update(
                attempts=event.attempts, next_try_at=event.next_try_at
            )
        raise error
    event.attempts += 1
    event.detail = storable(problem_of(error))[:SHOWN_DETAIL]
    is_to_blame = event.attempts >= BLAMED_AT
    if is_to_blame:
        event.next_try_at = timezone.now() + timedelta(seconds=2.0**event.attempts)
    if event.attempts >= BLAMED_AT + PATIENCE:
        event.verdict = Verdict.QUARANTINED
    event.save(update_fields=["attempts", "detail", "next_try_at", "verdict"])
    return is_to_blame


class Taking:
    """One receipt on its way in."""

    def __init__(self, event: InboundEvent, *, for_any_account: bool = False) -> None:
        """Takes the receipt; nothing is done yet."""
        self.event, self.inbox, self.for_any_account = event, event.inbox, for_any_account
        self.problems: list[str] = []
        self.reasons: list[str] = []
        self.effects = 0
        self.waits = False

    def run(self) -> None:
        """Reads and carries out item by item, so that a reader that stumbles keeps what it read before."""
        webhook = Webhook("POST", "", {}, self.event.headers, bytes(self.event.body))
        try:
            channel = adapter(self.inbox.channel)
            config = channel.config.model_validate(self.inbox.config)
            if self.for_any_account:
                config = channel.for_any_account(config)
            for item in channel.parse(webhook, config):
                self._carry_out(storable(item))
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 (quarantined with its bytes)
            # Whoever finds the address can send what nobody reads: a line is enough, the bytes are kept.
            problem = problem_of(error)
            logger.warning("receipt %s cannot be read: %s", self.event.pk, in_a_line(problem))
            self.problems.append(problem)

    def _carry_out(self, item: Parsed) -> None:
        try:
            reason = apply(self.inbox, item, uploader=f"receipt:{self.event.pk}")
        except NotYet as error:
            self.waits = True
            self.reasons.append(error.detail)
        except (DataError, IntegrityError) as error:
            # The database refuses this item and none other.
            self.problems.append(problem_of(error))
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 (quarantined with its bytes)
            # Not with the error itself: its words may be a stranger's bytes, which no log can hold.
            logger.error("an item of receipt %s failed: %s", self.event.pk, with_calls(error))  # noqa: TRY400
            self.problems.append(problem_of(error))
        else:
            self.effects += not reason
            self.reasons += [reason] if reason else []

    def verdict(self) -> "tuple[Verdict, str, Any]":
        """Returns the verdict, why, and when to look again."""
        detail = storable("\n".join([*self.problems, *self.reasons]))[:SHOWN_DETAIL]
        if self.problems:
            return Verdict.QUARANTINED, detail, None
        if self.waits and self.event.attempts < PATIENCE:
            pause = timedelta(seconds=2.0 ** (self.event.attempts - 1))
            return Verdict.RECEIVED, detail, timezone.now() + pause
        return (Verdict.DONE if self.effects else Verdict.IGNORED), detail, None


def apply(inbox: Inbox, item: Parsed, *, uploader: str) -> str:
    """Carries out one item; returns "" or why nothing was to do. Raises NotYet and what actions raise."""
    match item:
        case Incoming():
            _receive(inbox, item, uploader)
        case Ignored(reason=reason):
            return reason
        case _:
            action: Callable[[Inbox, Any], str | None] = ACTIONS[type(item)]
            return action(inbox, item) or ""
    return ""


def _differs(known: Message, item: Incoming) -> bool:
    """Says whether a message has another content than the one under its id, where the adapter can tell."""
    digest = item.details.get("digest")
    return bool(digest) and not known.deleted_at and known.details.get("digest") not in {None, digest}


def _receive(inbox: Inbox, item: Incoming, uploader: str) -> None:
    known = stored_message(inbox, item.external_id)
    if known is not None and _differs(known, item):
        # Some programs give every mail the same id: what differs is another message, not a repeated one.
        item = replace(item, external_id=f"{item.external_id[:200]}#{str(item.details['digest'])[:32]}")
        known = stored_message(inbox, item.external_id)
    if known is not None:
        return
    files = [
        keep_file(inbox, file, uploader=uploader, number=number) for number, file in enumerate(item.files)
    ]
    text, origin = fitted(item)
    if not text.strip() and not files:
        text = _("(no text)")
    with rows.prepared_cursor() as cursor:
        cursor.execute(REACHED, [inbox.pk, item.sender.external_id])
    receive(
        inbox=inbox,
        sender=item.sender,
        text=text,
        external_id=item.external_id,
        attachment_ids=[file.pk for file in files],
        uploader=uploader,
        origin=origin,
    )


def fitted(item: Incoming) -> tuple[str, Incoming]:
    """Returns text that a message can hold, and the item with the rest of it in its details."""
    text = item.text.replace("\x00", "")
    if len(text) <= MAX_TEXT:
        return text, item
    details = {**item.details, "full_text": str(item.details.get("full_text") or text)[:FULL_TEXT]}
    return f"{text[: MAX_TEXT - 1]}…", replace(item, details=details, html="")


ACTIONS: dict[type, Callable[[Inbox, Any], str | None]] = {
    Echo: changes.record_echo,
    Receipt: record_receipt,
    Edited: changes.edit,
    Deleted: changes.take_back,
    Reacted: changes.react,
    Connection: changes.record_connection,
}
