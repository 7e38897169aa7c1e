"""Who may be written to through a channel."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from campaigns.enums import ConsentState
from campaigns.models import Consent
from conversations.models import Contact, ContactIdentity


def consents_about(identity: ContactIdentity) -> "QuerySet[Consent]":
    """Returns what was said about writing to somebody through the identity's channel, whatever the inbox.

    By their contact, or under the same address in another inbox of the channel.
    """
    person = Q(identity__contact=identity.contact_id) | Q(identity__external_id=identity.external_id)
    return Consent.objects.filter(person, identity__inbox__channel=identity.inbox.channel)


def has_opted_out(identity: ContactIdentity) -> bool:
    """Says whether somebody wants no messages through the identity's channel."""
    return consents_about(identity).filter(state=ConsentState.WITHDRAWN).exists()


def has_agreed(identity: ContactIdentity) -> bool:
    """Says whether somebody has agreed to messages through the channel, and not taken it back."""
    states = set(consents_about(identity).values_list("state", flat=True))
    return states == {ConsentState.GIVEN}


def consent_states(contact: Contact) -> dict[str, str]:
    """Returns what a customer said, by channel: the stricter where they said both."""
    found: dict[str, str] = {}
    rows: Iterable[tuple[str, str]] = Consent.objects.filter(identity__contact=contact).values_list(
        "identity__inbox__channel", "state"
    )
    for channel, state in rows:
        if found.get(channel) != ConsentState.WITHDRAWN:
            found[channel] = state
    return found
