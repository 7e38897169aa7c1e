"""What campaigns have to show on the sites of an inbox."""

from urllib.parse import quote

from campaigns.enums import CampaignStatus, Kind
from campaigns.models import Campaign, Variant
from campaigns.queries.words import Words, words_for
from conversations.invitations import Offer
from conversations.models import Contact, Inbox

# What an address has of other signs, browsers write as %C3%A3.
PLAIN = "%/:=&?~#+!$,;'@()*[]"


def offers(inbox: Inbox) -> list[Offer]:
    """Returns the messages that the sites of an inbox may show just now, the oldest first; one query."""
    running = Campaign.objects.filter(inbox=inbox, kind=Kind.ONSITE, status=CampaignStatus.RUNNING)
    rows = running.order_by("started_at", "pk").only("pk", "url_pattern", "seconds", "visitors")
    return [Offer(row.pk, as_browsers_write(row.url_pattern), row.seconds, row.visitors) for row in rows]


def as_browsers_write(pattern: str) -> str:
    """Returns the pattern of addresses with every sign as it stands in a browser's address."""
    return quote(pattern.strip(), safe=PLAIN)


def words_for_anybody(variant: Variant) -> Words:
    """Returns what a variant says to somebody of whom nothing is known: each place as its own fallback."""
    return words_for(variant, Contact(), more={})
