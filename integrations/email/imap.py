"""Reads a mailbox by IMAP (RFC 9051) from where the last look ended, and waits for more by IDLE (RFC 2177).

A place in a mailbox is UIDVALIDITY and UID, never a date: whatever came while nobody looked is fetched, be
it a day or a month later. Nothing is marked, moved or deleted.
"""

import hashlib
import imaplib
import re
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError

from conversations.channels import InboxBroken, SendLater
from conversations.exchange import Batch, Details, Pulled
from core.outbound import OutboundError, connected
from core.reasons import reason
from integrations.email.config import EmailConfig

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
WAIT_SECONDS = 20.0
BATCH_MAILS = 20
BATCH_BYTES = 8 * 1024 * 1024
# What is fetched of a mail that is too large: its head and most likely its text.
BEGINNING = 256 * 1024
WHOLE_SIZE = "x-helpdesk-whole-size"
# Answers to a login that are no verdict on it (RFC 5530, and the words of large providers).
NOT_NOW = ("UNAVAILABLE", "INUSE", "LIMIT", "TOO MANY", "TRY AGAIN", "TEMPORAR", "SERVERBUG", "TIMED OUT")
# How Python writes the bytes that a server said.
BYTES = re.compile(r"""\bb(['"])(.*?)\1""")


class _Door(imaplib.IMAP4):
    """IMAP over a connection that has passed the check of addresses."""

    def __init__(self, config: EmailConfig) -> None:
        self._config = config
        super().__init__(config.imap_host, config.imap_port)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        del timeout
        plain = connected(self._config.imap_host, self._config.imap_port, seconds=CONNECT_SECONDS)
        plain.settimeout(READ_SECONDS)
        if self._config.imap_security != "tls":
            return plain
        return ssl.create_default_context().wrap_socket(plain, server_hostname=self._config.imap_host)


class _Mailbox(IMAPClient):
    """The client, with our way to connect."""

    def __init__(self, config: EmailConfig) -> None:
        self._settings = config
        super().__init__(
            config.imap_host,
            config.imap_port,
            ssl=False,
            timeout=SocketTimeout(CONNECT_SECONDS, READ_SECONDS),
        )

    def _create_IMAP4(self) -> _Door:  # noqa: N802 (the client's name)
        return _Door(self._settings)


@contextmanager
def opened(config: EmailConfig) -> Iterator[IMAPClient]:
    """A connection that is signed in; every error of the block comes as SendLater or InboxBroken."""
    at = f"{config.imap_host}:{config.imap_port}"
    try:
        with _reaching(at):
            client = _Mailbox(config)
        # Left without a farewell where the server has gone: LOGOUT would wait for it.
        with client:
            if config.imap_security == "starttls":
                client.starttls(ssl.create_default_context())
            _sign_in(client, config)
            yield client
    except ssl.SSLCertVerificationError as error:
        raise InboxBroken(f"{error}"[:300]) from error
    except (OSError, EOFError, imaplib.IMAP4.error, IMAPClientError) as error:
        why = _words(error)
        raise SendLater(
            reason("The connection to the IMAP server %(at)s ended: %(why)s", at=at, why=why)
        ) from error


@contextmanager
def _reaching(at: str) -> Iterator[None]:
    """Says of a failure to connect which server it was."""
    try:
        yield
    except ssl.SSLCertVerificationError:
        raise
    except OutboundError as error:
        kind = SendLater if error.temporary else InboxBroken
        why = error.detail
        raise kind(reason("The IMAP server %(at)s could not be reached: %(why)s", at=at, why=why)) from error
    except (OSError, EOFError, imaplib.IMAP4.error) as error:
        why = _words(error)
        raise SendLater(
            reason("The IMAP server %(at)s could not be reached: %(why)s", at=at, why=why)
        ) from error


def _words(error: Exception) -> str:
    """Returns what a server said; the client shows it as Python writes bytes."""
    text = f"{error}"
    if len(found := BYTES.findall(text)) == 1:
        text = found[0][1]
    return text[:250] or type(error).__name__


def pull(config: EmailConfig, cursor: Details) -> Iterator[Batch]:
    """Yields what has come since the cursor, then whatever comes, until the connection ends.

    A cursor is `{"uidvalidity": n, "uid": n, "since": day}`: the last mail that was stored, and from which
    day on mails are taken in at all. Raises SendLater or InboxBroken.
    """
    with opened(config) as client:
        place = _start(client, config, cursor)
        if place != cursor:
            yield Batch((), place)
        idles = client.has_capability("IDLE")
        while True:
            found = False
            for batch in _new(client, config, place):
                place, found = batch.cursor, True
                yield batch
            if not found:
                yield Batch((), place)
                _wait(client, idles=idles)


def look(config: EmailConfig) -> int:
    """Signs in, opens the folder and returns how many mails it holds."""
    with opened(config) as client:
        return int(_select(client, config).get(b"EXISTS", 0))


def _sign_in(client: IMAPClient, config: EmailConfig) -> None:
    try:
        client.login(*config.imap_login())
    except LoginError as error:
        text = _words(error)
        # The client says the same of a connection that ended meanwhile.
        is_lost = isinstance(error.__context__, imaplib.IMAP4.abort)
        is_for_now = is_lost or any(word in text.upper() for word in NOT_NOW)
        if is_for_now:
            raise SendLater(reason("The IMAP server takes no login now: %s", text)) from error
        raise InboxBroken(reason("The IMAP server refuses the user or the password. (%s)", text)) from error


def _select(client: IMAPClient, config: EmailConfig) -> dict[bytes, Any]:
    try:
        selected: dict[bytes, Any] = client.select_folder(config.folder, readonly=True)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise InboxBroken(f"{config.folder}: {_words(error)}") from error
    return selected


def _start(client: IMAPClient, config: EmailConfig, cursor: Details) -> Details:
    """Where to go on: after the last mail, or at the beginning of what concerns us in a mailbox made anew."""
    selected = _select(client, config)
    validity = int(selected[b"UIDVALIDITY"])
    if cursor.get("uidvalidity") == validity:
        return cursor
    today = timezone.localdate()
    since = str(cursor.get("since") or today - timedelta(days=config.import_days))
    if not cursor and not config.import_days:
        return {"uidvalidity": validity, "uid": _last_uid(client, selected), "since": since}
    # Numbers mean nothing any more, or nothing yet. What is fetched twice is known by its Message-ID.
    first_day = date.fromisoformat(since) - timedelta(days=1)
    uids = client.search(["SINCE", first_day])
    uid = min(uids) - 1 if uids else _last_uid(client, selected)
    return {"uidvalidity": validity, "uid": uid, "since": since}


def _last_uid(client: IMAPClient, selected: dict[bytes, Any]) -> int:
    if b"UIDNEXT" in selected:
        return int(selected[b"UIDNEXT"]) - 1
    return max(client.search(["ALL"]), default=0)


def _new(client: IMAPClient, config: EmailConfig, place: Details) -> Iterator[Batch]:
    last = int(place["uid"])
    # "5:*" names the last mail even where its number is lower.
    uids = sorted({uid for uid in client.search(["UID", f"{last + 1}:*"]) if uid > last})
    for start in range(0, len(uids), BATCH_MAILS):
        sizes = _sizes(client, uids[start : start + BATCH_MAILS])
        for portion in _portions(sizes):
            events = _fetched(client, config, portion, sizes)
            last = max(last, *portion)
            yield Batch(tuple(events), {**place, "uid": last})


def _sizes(client: IMAPClient, uids: Sequence[int]) -> dict[int, int]:
    answer = client.fetch(uids, ["RFC822.SIZE"])
    return {uid: int(answer.get(uid, {}).get(b"RFC822.SIZE", 0)) for uid in uids}


def _portions(sizes: dict[int, int]) -> Iterator[list[int]]:
    """Mails that are fetched in one go: few bytes, so that a lost connection loses little work."""
    portion: list[int] = []
    total = 0
    for uid, size in sizes.items():
        if portion and total + size > BATCH_BYTES:
            yield portion
            portion, total = [], 0
        portion.append(uid)
        total += size
    if portion:
        yield portion


def _fetched(
    client: IMAPClient, config: EmailConfig, uids: Sequence[int], sizes: dict[int, int]
) -> Iterator[Pulled]:
    whole = [uid for uid in uids if sizes[uid] <= config.max_mail_bytes]
    large = [uid for uid in uids if sizes[uid] > config.max_mail_bytes]
    found: dict[int, bytes] = {}
    for chosen, part in ((whole, "BODY.PEEK[]"), (large, f"BODY.PEEK[]<0.{BEGINNING}>")):
        if chosen:
            answer = client.fetch(chosen, [part])
            found |= {uid: body for uid, data in answer.items() if (body := _body(data)) is not None}
    missing = set(uids) - set(found)
    # What was deleted meanwhile is gone; what is still there must not be passed over.
    if missing and set(client.search(["UID", ",".join(map(str, sorted(missing)))])) & missing:
        raise SendLater(reason("%s left out mails that it has.", config.imap_host))
    for uid in sorted(found):
        more = {WHOLE_SIZE: str(sizes[uid])} if uid in large else {}
        digest = hashlib.sha256(found[uid]).hexdigest()
        yield Pulled(f"sha256:{digest}", found[uid], {"content-type": "message/rfc822", **more})


def _body(data: dict[bytes, Any]) -> bytes | None:
    for name, value in data.items():
        if name.startswith(b"BODY[]"):
            return bytes(value) if value is not None else None
    return None


def _wait(client: IMAPClient, *, idles: bool) -> None:
    """Returns when something may have come, or a little later."""
    if not idles:
        time.sleep(WAIT_SECONDS)
        client.noop()
        return
    client.idle()
    client.idle_check(timeout=WAIT_SECONDS)
    client.idle_done()
