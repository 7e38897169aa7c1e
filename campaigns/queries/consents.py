"""Who may be written to through a channel."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from campaigns.enums import ConsentState
from campaigns.models import Consent
from conversations.models import Contact, ContactIdentity
from core import rows

# What was said by a contact under any of their ids, or under the same address in another inbox of the
# channel. Asked for each recipient, and written out for that (see `core.rows`).
WISHES = """
SELECT consent.state FROM campaigns_consent consent
JOIN conversations_contactidentity identity ON identity.id = consent.identity_id
JOIN conversations_inbox inbox ON inbox.id = identity.inbox_id
WHERE identity.contact_id = %s AND inbox.channel = %s
UNION
SELECT consent.state FROM campaigns_consent consent
JOIN conversations_contactidentity identity ON identity.id = consent.identity_id
WHERE identity.external_id = %s
    AND identity.inbox_id IN (SELECT id FROM conversations_inbox WHERE channel = %s)
"""


def wishes(identity: ContactIdentity) -> set[str]:
    """Returns what somebody said about being written to through the identity's channel, whatever the inbox.

    `WITHDRAWN` beside anything else is what holds.
    """
    channel = identity.inbox.channel
    with rows.prepared_cursor() as cursor:
        cursor.execute(WISHES, [identity.contact_id, channel, identity.external_id, channel])
        return {state for (state,) in cursor.fetchall()}


def consents_about(identity: ContactIdentity) -> "QuerySet[Consent]":
    """Returns what `wishes` looks at, as rows."""
    return Consent.objects.filter(identity__in=identities_of(identity))


def identities_of(identity: ContactIdentity) -> "QuerySet[ContactIdentity]":
    """Returns under which ids somebody is known in the identity's channel, whatever the inbox."""
    person = Q(contact=identity.contact_id) | Q(external_id=identity.external_id)
    return ContactIdentity.objects.filter(person, inbox__channel=identity.inbox.channel)


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
