"""What came of a campaign, from the rows themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Max, QuerySet
from django.db.models.expressions import RawSQL

from campaigns.enums import Outcome, Skip
from campaigns.models import Campaign, Recipient
from core.reasons import in_english, said

RECIPIENT, DELIVERY = "campaigns_recipient", "conversations_delivery"
# From the worst to the best.
ORDER = "ARRAY['failed', 'unknown', 'queued', 'sending', 'sent', 'delivered', 'read']::varchar[]"
# What nobody has to deliver (the widget fetches) is sent; what a visitor was shown arrived, and who opened
# it has read it.
UNCARRIED = """
CASE WHEN recipient.visitor = '' THEN 'sent'
    WHEN recipient.message_id IS NULL THEN 'delivered' ELSE 'read' END
"""
# How far a message is: where its worst part is.
OUTCOME = f"""
CASE {RECIPIENT}.state
    WHEN 'queued' THEN 'waiting'
    WHEN 'skipped' THEN 'skipped'
    ELSE COALESCE((
        SELECT CASE delivery.status WHEN 'queued' THEN 'sending' ELSE delivery.status END
        FROM {DELIVERY} delivery WHERE delivery.message_id = {RECIPIENT}.message_id
        ORDER BY array_position({ORDER}, delivery.status) LIMIT 1
    ), {UNCARRIED.replace("recipient.", f"{RECIPIENT}.")})
END
"""  # noqa: S608 (names of ours)
# The same for a whole campaign at once: its deliveries are read once, not looked up for each recipient.
COUNTS = f"""
SELECT variant.label, row.outcome, row.reason, row.failed[2], row.failed[3], count(*),
    count(row.replied_at), count(row.opted_out_at)
FROM (
    SELECT recipient.variant_id, recipient.reason, recipient.replied_at, recipient.opted_out_at, told.failed,
        CASE recipient.state
            WHEN 'queued' THEN 'waiting'
            WHEN 'skipped' THEN 'skipped'
            ELSE COALESCE(
                (ARRAY['failed', 'unknown', 'sending', 'sending', 'sent', 'delivered', 'read'])[told.worst],
                {UNCARRIED}
            )
        END AS outcome
    FROM {RECIPIENT} recipient
    LEFT JOIN (
        SELECT delivery.message_id, min(array_position({ORDER}, delivery.status)) AS worst,
            min(ARRAY[lpad(delivery.part::text, 5, '0'), delivery.error_code, delivery.error])
                FILTER (WHERE delivery.status = 'failed') AS failed
        FROM {DELIVERY} delivery
        JOIN {RECIPIENT} recipient ON recipient.message_id = delivery.message_id
        WHERE recipient.campaign_id = %s
        GROUP BY delivery.message_id
    ) told ON told.message_id = recipient.message_id
    WHERE recipient.campaign_id = %s
) row
LEFT JOIN campaigns_variant variant ON variant.id = row.variant_id
GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608 (names of ours)
COURSE = f"""
SELECT date_bin(%s::interval, moment, %s) AS at, kind, count(*) FROM (
    SELECT written_at AS moment, 'written' AS kind FROM {RECIPIENT}
    WHERE campaign_id = %s AND written_at IS NOT NULL
    UNION ALL
    SELECT replied_at, 'replied' FROM {RECIPIENT} WHERE campaign_id = %s AND replied_at IS NOT NULL
    UNION ALL
    SELECT opted_out_at, 'opted_out' FROM {RECIPIENT} WHERE campaign_id = %s AND opted_out_at IS NOT NULL
) told GROUP BY 1, 2 ORDER BY 1
"""  # noqa: S608 (names of ours)
# Points in the chart: the widths of a step in seconds, the first that needs no more than so many.
POINTS, WIDTHS = 90, (1, 10, 60, 300, 900, 3600, 4 * 3600, 86_400, 7 * 86_400)
# Of these the provider has, or has had, the message.
TAKEN = (Outcome.SENT, Outcome.DELIVERED, Outcome.READ)


@dataclass(frozen=True, slots=True)
class Stats:
    """Numbers of recipients.

    `sent` counts all that the provider took, `delivered` those of them that arrived, read or not; `read`
    those that were read. `cost` is the price of what was sent.
    """

    recipients: int
    waiting: int
    sending: int
    unknown: int
    sent: int
    delivered: int
    read: int
    failed: int
    skipped: int
    replied: int
    opted_out: int
    cost: Decimal
    currency: str
    failures: list[dict[str, Any]]
    left_out: list[dict[str, Any]]
    variants: list[dict[str, Any]]


def with_outcome(rows: "QuerySet[Recipient]") -> "QuerySet[Recipient]":
    """Annotates recipients with their `outcome`."""
    return rows.annotate(outcome=RawSQL(OUTCOME, []))  # noqa: S611 (a text of ours)


def stats(campaign: Campaign) -> Stats:
    """Returns the numbers of a campaign; one query over its recipients and their deliveries."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, [campaign.pk] * 2)
        rows = cursor.fetchall()
    by_outcome = _sums((row[1], row[5]) for row in rows)
    reached = _reached(by_outcome)
    return Stats(
        recipients=sum(by_outcome.values()),
        waiting=by_outcome.get(Outcome.WAITING, 0),
        sending=by_outcome.get(Outcome.SENDING, 0),
        unknown=by_outcome.get(Outcome.UNKNOWN, 0),
        **reached,
        failed=by_outcome.get(Outcome.FAILED, 0),
        skipped=by_outcome.get(Outcome.SKIPPED, 0),
        replied=sum(row[6] for row in rows),
        opted_out=sum(row[7] for row in rows),
        cost=campaign.price * reached["sent"],
        currency=campaign.currency,
        failures=_failures(rows),
        left_out=_left_out(rows),
        variants=_by_variant(rows),
    )


def _sums(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, count in pairs:
        found[name] = found.get(name, 0) + count
    return found


def _reached(by_outcome: Mapping[str, int]) -> dict[str, int]:
    """Who has read it has got it, and who has got it was sent it."""
    read = by_outcome.get(Outcome.READ, 0)
    delivered = read + by_outcome.get(Outcome.DELIVERED, 0)
    return {"sent": delivered + by_outcome.get(Outcome.SENT, 0), "delivered": delivered, "read": read}


def _failures(rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """What providers said, each reason once, the most frequent first; `stored` finds it in any language."""
    found: dict[tuple[str, str], int] = {}
    texts: dict[tuple[str, str], str] = {}
    for _label, outcome, _reason, code, error, count, *_more in rows:
        if outcome == Outcome.FAILED:
            # Several stored texts may say the same.
            key = (code or "", in_english(error or ""))
            found[key] = found.get(key, 0) + count
            texts[key] = max(texts.get(key, ""), error or "")
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"code": key[0], "error": said(texts[key]), "stored": texts[key], "count": count}
        for key, count in ordered
    ]


def _left_out(rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    found = _sums((row[2], row[5]) for row in rows if row[1] == Outcome.SKIPPED)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [{"reason": name, "label": str(Skip(name).label), "count": count} for name, count in ordered]


def _by_variant(rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, int]] = {}
    for label, outcome, _reason, _code, _error, count, replied, opted_out in rows:
        one = found.setdefault(label or "", {})
        one[outcome] = one.get(outcome, 0) + count
        one["replied"] = one.get("replied", 0) + replied
        one["opted_out"] = one.get("opted_out", 0) + opted_out
    shown = []
    for label, one in sorted(found.items()):
        outcomes = {name: count for name, count in one.items() if name in Outcome.values}
        row = {"label": label, "recipients": sum(outcomes.values()), **_reached(one)}
        shown.append(
            {**row, **{name: one.get(name, 0) for name in ("failed", "skipped", "replied", "opted_out")}}
        )
    return shown


def course(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """Returns how many were written to, replied and opted out over time; a step's width in seconds."""
    begun = campaign.started_at or campaign.created_at
    width = _width((_ended(campaign) or now) - begun)
    with connection.cursor() as cursor:
        cursor.execute(COURSE, [f"{width} seconds", begun, *[campaign.pk] * 3])
        rows = cursor.fetchall()
    return {
        "seconds": width,
        "steps": [{"at": at.isoformat(), "kind": kind, "count": n} for at, kind, n in rows],
    }


def _ended(campaign: Campaign) -> datetime | None:
    """Returns when something last happened: replies come for weeks after the last message."""
    moments = ("written_at", "replied_at", "opted_out_at")
    found = Recipient.objects.filter(campaign=campaign).aggregate(**{name: Max(name) for name in moments})
    return max(filter(None, found.values()), default=None)


def _width(spread: timedelta) -> int:
    """Returns a step's seconds such that no more than `POINTS` of them reach over the whole course."""
    seconds, week = spread.total_seconds(), WIDTHS[-1]
    weeks = int(seconds // (POINTS * week)) + 1
    return next((each for each in WIDTHS if seconds < POINTS * each), weeks * week)
