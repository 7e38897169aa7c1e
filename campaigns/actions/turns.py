"""Whose turn it is: the first who waits, or the first where it is not quiet."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from campaigns.enums import RecipientState
from campaigns.models import Campaign, Recipient
from conversations.models import Contact
from core import rows

# Asked for each of a hundred thousand, and written out for that (see `core.rows`). A campaign is looked for
# between itself and itself: told that it is one, PostgreSQL may walk past all who have been written to, or
# past all of other zones.
FIRST = f"""
SELECT {rows.columns(Recipient, "recipient")}, {rows.columns(Contact, "contact")}
FROM campaigns_recipient recipient JOIN conversations_contact contact ON contact.id = recipient.contact_id
WHERE recipient.id = (%s)
"""  # noqa: S608 (names of ours)
ANYWHERE = FIRST.replace(
    "%s",
    """
    SELECT id FROM campaigns_recipient WHERE campaign_id >= %s AND campaign_id <= %s AND state = 'queued'
    ORDER BY campaign_id, id LIMIT 1 FOR UPDATE SKIP LOCKED
    """,
)
# One zone after the other, until there is somebody.
WHERE_OPEN = FIRST.replace(
    "%s",
    """
    SELECT head.id FROM unnest(%s::text[]) open(zone), LATERAL (
        SELECT id FROM campaigns_recipient
        WHERE (campaign_id, zones) >= (%s, open.zone) AND (campaign_id, zones) <= (%s, open.zone)
            AND state = 'queued'
        ORDER BY campaign_id, zones, id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) head LIMIT 1
    """,
)


def queued(campaign: Campaign) -> "QuerySet[Recipient]":
    """Returns those who have not been written to."""
    return Recipient.objects.filter(campaign=campaign, state=RecipientState.QUEUED)


def next_locked(campaign: Campaign, open_zones: Sequence[str] | None) -> Recipient | None:
    """Returns, locked, the first who waits; passes by whom somebody else holds.

    `open_zones`: only those who are there (see `Recipient.zones`), the first zone first; None for all.
    """
    if open_zones is None:
        found = _first(ANYWHERE, campaign.pk, campaign.pk)
    else:
        found = _first(WHERE_OPEN, list(open_zones), campaign.pk, campaign.pk)
    return found


def _first(statement: str, *values: Any) -> Recipient | None:
    with rows.prepared_cursor() as cursor:
        cursor.execute(statement, values)
        found = cursor.fetchone()
    if found is None:
        return None
    recipient, rest = rows.from_columns(Recipient, found)
    recipient.contact, _rest = rows.from_columns(Contact, rest)
    return recipient
