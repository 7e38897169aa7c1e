"""Feeds receipts to the parsers again: those that are stored, or a folder of payloads and raw mails."""

import json
import random
import resource
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from conversations.actions.intake import take_in
from conversations.actions.pulling import keep
from conversations.actions.replaying import replay
from conversations.channels import adapter
from conversations.door import event_id
from conversations.enums import Verdict
from conversations.exchange import Pulled, Webhook
from conversations.models import InboundEvent, Inbox, Message
from core.actor import Actor
from core.outages import DatabaseFailure
from core.reasons import in_english

CONTENT_TYPES = {".json": "application/json", ".eml": "message/rfc822", ".msg": "message/rfc822"}
MEBIBYTE = 1024  # ru_maxrss counts in KiB


class Command(BaseCommand):
    """Without DIR: takes in again what is in quarantine. With DIR: stores each file and takes it in.

    It does not ask which account a payload names, unless told to (`--own`). Files are not verified: whoever
    can run this command is trusted. Prints one line of JSON about it.
    """

    help = "Take receipts in again: those in quarantine, or the files of a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the options."""
        parser.add_argument("directory", nargs="?", type=Path, help="a folder of payloads or raw mails")
        parser.add_argument("--inbox", help="name, key or number of the inbox")
        parser.add_argument("--times", type=int, default=1, help="how often each file is fed in")
        parser.add_argument("--shuffle", action="store_true", help="in random order")
        parser.add_argument("--own", action="store_true", help="ignore what names another account")
        parser.add_argument("--seed", type=int, default=1, help="of the order")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Does it."""
        if options["directory"] is None:
            self._replay_quarantine(options["inbox"])
            return
        if not options["directory"].is_dir():
            raise CommandError(f"{options['directory']} is not a folder.")
        if not options["inbox"]:
            raise CommandError("Say with --inbox which inbox these came to.")
        files = [path for path in sorted(options["directory"].rglob("*")) if path.is_file()]
        turns = files * options["times"]
        if options["shuffle"]:
            random.Random(options["seed"]).shuffle(turns)  # noqa: S311 (an order, no secret)
        inbox = inbox_named(options["inbox"])
        self.stdout.write(
            json.dumps({"files": len(files), **feed(inbox, turns, for_any_account=not options["own"])})
        )

    def _replay_quarantine(self, name: str | None) -> None:
        events = InboundEvent.objects.filter(verdict=Verdict.QUARANTINED)
        if name:
            events = events.filter(inbox=inbox_named(name))
        ids = list(events.order_by("pk").values_list("pk", flat=True))
        replay(ids, by=Actor.system())
        verdicts = [take_in(event) for event in InboundEvent.objects.filter(pk__in=ids).order_by("pk")]
        self.stdout.write(
            json.dumps({"replayed": len(ids), "quarantined": verdicts.count(Verdict.QUARANTINED)})
        )


def inbox_named(name: str) -> Inbox:
    """Returns the one inbox with that name, key or number; raises CommandError."""
    wanted = Q(name=name) | Q(key=name)
    if name.isdigit():
        wanted |= Q(pk=int(name))
    found = list(Inbox.objects.filter(wanted))
    if len(found) != 1:
        known = ", ".join(Inbox.objects.values_list("name", flat=True))
        raise CommandError(f"{len(found)} inboxes are called {name}. There are: {known}")
    return found[0]


def feed(inbox: Inbox, paths: Iterable[Path], *, for_any_account: bool = True) -> dict[str, Any]:
    """Stores and takes in each file; returns counts, the slowest in seconds and the memory's peak in MiB.

    What is here already is not taken in again, as at the door. `failed` would have been a 5xx.
    `for_any_account`: also what names another account than the inbox's. What waits for another file is
    looked at again.
    """
    before = Message.objects.filter(inbox=inbox).count()
    counts = dict.fromkeys(("fed", "stored", "repeated", "failed"), 0)
    slowest, slowest_name = 0.0, ""
    taken: list[int] = []
    for path in paths:
        began = time.perf_counter()
        counts["fed"] += 1
        try:
            event = stored(inbox, path)
            counts["repeated" if event is None else "stored"] += 1
            if event is not None:
                taken.append(event.pk)
                take_in(event, for_any_account=for_any_account)
        except (DatabaseFailure, OSError):
            counts["failed"] += 1
        took = time.perf_counter() - began
        if took > slowest:
            slowest, slowest_name = took, path.name
    for event in InboundEvent.objects.filter(pk__in=taken, verdict=Verdict.RECEIVED).order_by("pk"):
        take_in(event, for_any_account=for_any_account)
    return {
        **counts,
        **verdicts(taken),
        "messages": Message.objects.filter(inbox=inbox).count() - before,
        "slowest_s": round(slowest, 3),
        "slowest": slowest_name,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MEBIBYTE,
    }


def verdicts(taken: list[int]) -> dict[str, Any]:
    """Returns how many receipts came to which verdict, and the commonest reasons."""
    found = InboundEvent.objects.filter(pk__in=taken).values_list("verdict", "detail")
    by_verdict = Counter(verdict for verdict, _ in found)
    names = {Verdict.DONE: "done", Verdict.IGNORED: "ignored", Verdict.RECEIVED: "waiting"}
    names[Verdict.QUARANTINED] = "quarantined"
    reasons = Counter(line for _, detail in found for line in in_english(detail).splitlines()[:1])
    return {
        **{name: by_verdict[verdict] for verdict, name in names.items()},
        "why": dict(reasons.most_common(10)),
    }


def stored(inbox: Inbox, path: Path) -> InboundEvent | None:
    """Stores a file as the door would, without proof of where it comes from; None when it is here already."""
    channel = adapter(inbox.channel)
    kind = CONTENT_TYPES.get(path.suffix.lower(), "application/octet-stream")
    webhook = channel.stored(Webhook("POST", "", {}, {"content-type": kind}, path.read_bytes()))
    name = event_id(channel, webhook)
    if not keep(inbox.pk, Pulled(name, webhook.body, webhook.headers)):
        return None
    event = InboundEvent.objects.defer("body").get(inbox=inbox, provider_event_id=name)
    event.inbox, event.body = inbox, webhook.body
    return event
