"""What a lead does in a measurement of campaigns, inside the product's settings; prints JSON.

inbox ADDRESS               a number on the simulated provider
make INBOX COUNT PER_MINUTE a campaign for so many new customers, approved
start ID | cancel ID        as the buttons
stats ID                    its numbers, and how long the question took
opt-out INBOX COUNT         so many of the inbox's customers want no messages; prints their numbers
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 (needs the app registry, as all below)
from django.utils import timezone  # noqa: E402

from benchmarks.faults import payloads  # noqa: E402
from campaigns import actions  # noqa: E402
from campaigns.actions import Wording  # noqa: E402
from campaigns.enums import ConsentState  # noqa: E402
from campaigns.models import Campaign, Recipient  # noqa: E402
from campaigns.queries.stats import stats  # noqa: E402
from conversations.models import Contact, ContactIdentity, Inbox, MessageTemplate  # noqa: E402
from core.actor import Actor  # noqa: E402

LEAD = Actor.system("Lead")
AT_ONCE = 5_000


def inbox(address: str) -> dict[str, Any]:
    """Migrates and makes the number, with an approved template."""
    call_command("migrate", interactive=False, verbosity=0)
    config = {
        "phone_number_id": payloads.PHONE_NUMBER_ID,
        "business_account_id": payloads.ACCOUNT_ID,
        "access_token": payloads.ACCESS_TOKEN,
        "app_secret": payloads.SECRETS["whatsapp_cloud"],
        "verify_token": "verify",
        "api_url": f"{address}/v25.0",
    }
    made = Inbox.objects.create(name="Aurora", channel="whatsapp_cloud", config=config)
    MessageTemplate.objects.create(
        inbox=made, name="offer", language="pt_BR", status="APPROVED", category="MARKETING",
        body="Oi {{1}}, {{2}} de desconto.", variables=["1", "2"], synced_at=timezone.now(),
    )  # fmt: skip
    return {"inbox": made.pk, "key": made.key}


def make(inbox_id: str, count: str, per_minute: str) -> dict[str, Any]:
    """Makes customers with a tag of their own, and a campaign for that tag."""
    number = Inbox.objects.get(pk=inbox_id)
    first = ContactIdentity.objects.filter(inbox=number).count()
    tag = f"group-{first}"
    for start in range(first, first + int(count), AT_ONCE):
        _people(number, range(start, min(start + AT_ONCE, first + int(count))), tag)
    wording = Wording(
        template=MessageTemplate.objects.get(inbox=number), values={"1": "{{first_name}}", "2": "10%"}
    )
    segment = {"rules": [{"field": "tag", "op": "has", "value": tag}]}
    campaign = actions.create_campaign(
        by=LEAD, inbox=number, name=tag, wordings=[wording], segment=segment, per_minute=int(per_minute)
    )
    actions.approve(campaign=campaign, by=LEAD)
    return {"campaign": str(campaign.pk), "numbers": [_number(first), _number(first + int(count) - 1)]}


def _people(number: Inbox, places: range, tag: str) -> None:
    people = Contact.objects.bulk_create(
        Contact(name=f"Maria {place}", phone=f"+{_number(place)}", tags=[tag]) for place in places
    )
    ContactIdentity.objects.bulk_create(
        ContactIdentity(inbox=number, contact=contact, external_id=_number(place))
        for place, contact in zip(places, people, strict=True)
    )


def _number(place: int) -> str:
    return f"55119{place:08}"


def opt_out(inbox_id: str, count: str) -> dict[str, Any]:
    """Enters that some want no messages, before anything is sent."""
    rows = ContactIdentity.objects.filter(inbox=int(inbox_id)).order_by("external_id")[: int(count)]
    for identity in rows:
        actions.set_consent(identity=identity, state=ConsentState.WITHDRAWN, by=LEAD)
    return {"numbers": [identity.external_id for identity in rows]}


def start(campaign_id: str) -> dict[str, Any]:
    """Starts it."""
    return {"status": actions.start(campaign=_campaign(campaign_id), by=LEAD).status}


def cancel(campaign_id: str) -> dict[str, Any]:
    """Cancels it."""
    return {"status": actions.cancel(campaign=_campaign(campaign_id), by=LEAD).status}


def told(campaign_id: str) -> dict[str, Any]:
    """Returns the numbers, what became of each recipient, and the seconds that the numbers took."""
    campaign = _campaign(campaign_id)
    stats(campaign)
    began = time.perf_counter()
    found = stats(campaign)
    seconds = time.perf_counter() - began
    rows: Iterator[tuple[str, str, str]] = (
        Recipient.objects.filter(campaign=campaign)
        .values_list("contact__identities__external_id", "state", "reason")
        .iterator()
    )
    prepared = (
        campaign.prepared_at - campaign.started_at if campaign.prepared_at and campaign.started_at else None
    )
    return {
        "status": campaign.status,
        "seconds": seconds,
        "prepared_seconds": prepared.total_seconds() if prepared else None,
        "stats": {**asdict(found), "cost": str(found.cost)},
        "skipped": {number: reason for number, state, reason in rows if state == "skipped"},
    }


def _campaign(campaign_id: str) -> Campaign:
    return Campaign.objects.get(pk=campaign_id)


VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    "inbox": inbox,
    "make": make,
    "start": start,
    "cancel": cancel,
    "stats": told,
    "opt-out": opt_out,
}

if __name__ == "__main__":
    print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
