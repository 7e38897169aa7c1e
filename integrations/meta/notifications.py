"""A webhook's body: every entry and every event in it, whatever its siblings look like.

https://developers.facebook.com/docs/messenger-platform/webhooks
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from conversations.exchange import Ignored, Parsed
from integrations.meta import events
from integrations.meta.values import listed, mapping, text

UNREADABLE = (AttributeError, LookupError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Account:
    """Whose notifications are read: its kind as Meta calls it (`page`, `instagram`) and its id.

    Without an id those of every account are read. `takes_standby`: also what is told while another app has
    control of the conversation.
    """

    kind: str
    id: str
    takes_standby: bool = False


def read(body: bytes, account: Account) -> Iterator[Parsed]:
    """Yields all that a notification tells; raises ValueError, at the end, if parts could not be read.

    What stands beside an unreadable part is told all the same, so that nothing is lost with it.
    """
    try:
        data = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    failures: list[Exception] = []
    for piece in _pieces(data, account):
        try:
            found = list(piece)
        except UNREADABLE as error:
            failures.append(error)
        else:
            yield from found
    if failures:
        raise ValueError(f"{len(failures)} parts cannot be read: {failures[0]!r}") from failures[0]


def _pieces(data: Any, account: Account) -> Iterator[Iterable[Parsed]]:
    """Yields a lazy reader for each part, so that a failure stays inside of it."""
    for notice in listed(data) or [data]:
        kind = text(mapping(notice).get("object"))
        entries = mapping(notice).get("entry")
        if not kind or entries is None:
            yield _unreadable("no notification of the Graph API")
        elif kind != account.kind:
            yield [Ignored(f"about another kind of account: {kind}"[:200])]
        elif entries == []:
            yield [Ignored("a notification without entries")]
        else:
            for entry in listed(entries):
                yield from _entry(entry, account)


def _entry(entry: Any, account: Account) -> Iterator[Iterable[Parsed]]:
    if not isinstance(entry, dict):
        yield _unreadable("an entry is an object")
    elif account.id and text(entry.get("id")) != account.id:
        yield [Ignored("about another account: " + text(entry.get("id"))[:64])]
    else:
        account = replace(account, id=text(entry.get("id")))
        # Samples show a change's field and value right in the entry.
        changes = [*listed(entry.get("changes")), *([entry] if "field" in entry else [])]
        pieces: list[Iterable[Parsed]] = [
            *(events.read(event, account.id) for event in listed(entry.get("messaging"))),
            *(_standby(event, account) for event in listed(entry.get("standby"))),
            *(_change(change, account) for change in changes),
        ]
        yield from pieces or [[Ignored("an entry without events")]]


def _standby(event: Any, account: Account) -> Iterator[Parsed]:
    if account.takes_standby:
        yield from events.read(event, account.id)
    else:
        yield Ignored("standby: another app has control of the conversation")


def _change(change: Any, account: Account) -> Iterator[Parsed]:
    """Messages may come as changes too; comments and mentions are no messages."""
    field, value = text(change["field"]), change["value"]
    if field == "standby":
        yield from _standby(value, account)
    elif isinstance(value, Mapping) and ("sender" in value or "recipient" in value):
        yield from events.read(value, account.id)
    else:
        yield Ignored(f"a change that is no message: {field}"[:200])


def _unreadable(reason: str) -> Iterator[Parsed]:
    """Fails when it is asked, in its turn."""
    yield from ()
    raise ValueError(reason)
