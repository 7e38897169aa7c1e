"""Who may be written to through a channel."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from campaigns.enums import ConsentState
from campaigns.models import Consent
from conversations.models import Contact, ContactIdentity
from core import rows

# Who is one person in a channel: all who share one of a customer's ids in any inbox of it. The consent may
# hang on an id that the provider gave, and the number that both inboxes know be an alias of it in one.
# Asked for each recipient, and written out for that (see `core.rows`).
PERSON = """
WITH inboxes AS (SELECT id FROM conversations_inbox WHERE channel = %(channel)s),
person AS (
    SELECT %(contact)s::uuid AS id
    UNION
    SELECT twin.contact_id FROM conversations_contactidentity own
    JOIN conversations_contactidentity twin ON twin.external_id = own.external_id
    WHERE own.contact_id = %(contact)s
        AND own.inbox_id IN (SELECT id FROM inboxes) AND twin.inbox_id IN (SELECT id FROM inboxes)
)
"""
IDENTITIES = f"""{PERSON}
SELECT identity.id FROM conversations_contactidentity identity
WHERE identity.contact_id IN (SELECT id FROM person) AND identity.inbox_id IN (SELECT id FROM inboxes)
"""  # noqa: S608 (names of ours)
WISHES = f"""{PERSON}
SELECT DISTINCT consent.state FROM campaigns_consent consent
JOIN conversations_contactidentity identity ON identity.id = consent.identity_id
WHERE identity.contact_id IN (SELECT id FROM person) AND identity.inbox_id IN (SELECT id FROM inboxes)
"""  # noqa: S608 (names of ours)
# Step by step, each done once: of nested `IN` the planner makes loops within loops where it takes the tables
# for empty, such as just after an import, and 120 customers took four minutes.
WHO_SAID = """
WITH inboxes AS MATERIALIZED (SELECT id FROM conversations_inbox WHERE channel = %s),
said AS MATERIALIZED (
    SELECT identity.contact_id FROM campaigns_consent consent
    JOIN conversations_contactidentity identity ON identity.id = consent.identity_id
    WHERE consent.state = %s AND identity.inbox_id IN (SELECT id FROM inboxes)
),
ids AS MATERIALIZED (
    SELECT own.external_id FROM conversations_contactidentity own
    WHERE own.contact_id = ANY (ARRAY(SELECT contact_id FROM said))
        AND own.inbox_id IN (SELECT id FROM inboxes)
)
SELECT twin.contact_id FROM conversations_contactidentity twin
WHERE twin.external_id = ANY (ARRAY(SELECT external_id FROM ids))
    AND twin.inbox_id IN (SELECT id FROM inboxes)
"""


def wishes(identity: ContactIdentity) -> set[str]:
    """Returns what somebody said about being written to through the identity's channel, whatever the inbox.

    `WITHDRAWN` beside anything else is what holds.
    """
    return set(_asked(WISHES, identity))


def _asked(query: str, identity: ContactIdentity) -> list[Any]:
    with rows.prepared_cursor() as cursor:
        cursor.execute(query, {"contact": identity.contact_id, "channel": identity.inbox.channel})
        return [value for (value,) in cursor.fetchall()]


def consents_about(identity: ContactIdentity) -> "QuerySet[Consent]":
    """Returns what `wishes` looks at, as rows."""
    return Consent.objects.filter(identity__in=identities_of(identity))


def identities_of(identity: ContactIdentity) -> "QuerySet[ContactIdentity]":
    """Returns under which ids somebody is known in the identity's channel, whatever the inbox."""
    return ContactIdentity.objects.filter(pk__in=_asked(IDENTITIES, identity))


def contacts_who(state: ConsentState, channel: str) -> RawSQL:
    """Returns the ids of all customers one of whom said this in a channel; `wishes`, for many at once.

    For `pk__in`.
    """
    return RawSQL(WHO_SAID, [channel, state])  # noqa: S611 (our own, with parameters)


def has_opted_out(identity: ContactIdentity) -> bool:
    """Says whether somebody wants no messages through the identity's channel."""
    return ConsentState.WITHDRAWN in wishes(identity)


def has_agreed(identity: ContactIdentity) -> bool:
    """Says whether somebody has agreed to messages through the channel, and not taken it back."""
    return wishes(identity) == {ConsentState.GIVEN}


def consent_states(contact: Contact) -> dict[str, str]:
    """Returns what a customer said, by channel: the stricter where they said both."""
    found: dict[str, str] = {}
    told: Iterable[tuple[str, str]] = Consent.objects.filter(identity__contact=contact).values_list(
        "identity__inbox__channel", "state"
    )
    for channel, state in told:
        if found.get(channel) != ConsentState.WITHDRAWN:
            found[channel] = state
    return found


def consents_by_channel(contact: Contact) -> list[dict[str, Any]]:
    """Returns what a customer last said in each channel that knows them: of two words the stricter."""
    known = ContactIdentity.objects.filter(contact=contact, same_as=None)
    channels = known.order_by("inbox__channel").values_list("inbox__channel", flat=True).distinct()
    told: dict[str, Consent] = {}
    theirs = Consent.objects.filter(identity__contact=contact).select_related("identity__inbox")
    for row in theirs.order_by("changed_at"):
        channel = row.identity.inbox.channel
        if channel not in told or row.state == ConsentState.WITHDRAWN:
            told[channel] = row
    return [_told(channel, told.get(channel)) for channel in channels]


def _told(channel: str, consent: Consent | None) -> dict[str, Any]:
    names = ("state", "source", "changed_at")
    return {"channel": channel, **{name: getattr(consent, name, None) for name in names}}
