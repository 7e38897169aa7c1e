"""What the tests of the admin's pages share: addresses, forms, and campaigns with a past."""

from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.enums import CampaignStatus, RecipientState
from campaigns.models import Campaign, Recipient
from conversations.enums import DeliveryStatus
from conversations.models import Contact, ContactIdentity, Conversation, Delivery, Message

BACKEND = "django.contrib.auth.backends.ModelBackend"


def page(name: str, *arguments: object) -> str:
    return reverse(f"admin:campaigns_{name}", args=arguments)


def page_of(campaign: Campaign, name: str = "change") -> str:
    return page(f"campaign_{name}", campaign.pk)


def form_of(client: Client, campaign: Campaign) -> dict[str, Any]:
    """What the page of a draft would send as it stands."""
    context = client.get(page_of(campaign)).context
    data: dict[str, Any] = {}
    for form in (context["form"], *context["wordings"]):
        for field in form:
            value = field.value()
            if value not in (None, "", False) and field.name not in {"file", "kept"}:
                data[field.html_name] = "on" if value is True else value
    return data


def told(response: Any) -> list[str]:
    """What the page says above everything else."""
    return [str(message) for message in response.context["messages"]]


def run_to_its_end(campaign: Campaign, people: list[Contact], outcomes: list[str], **more: Any) -> None:
    """Gives a campaign one recipient for each outcome: a delivery's state, or why somebody was left out."""
    variant = campaign.variants.first()
    for contact, outcome in zip(people, outcomes, strict=True):
        row = Recipient(campaign=campaign, contact=contact, variant=variant)
        if outcome == "queued_row":
            row.save()
        elif outcome in DeliveryStatus.values:
            _written(row, contact, outcome, **more)
        else:
            row.state, row.reason = RecipientState.SKIPPED, outcome
            row.save()
    now = timezone.now()
    Campaign.objects.filter(pk=campaign.pk).update(
        status=CampaignStatus.DONE, approved_at=now, started_at=now, finished_at=now, prepared_at=now
    )


def _written(row: Recipient, contact: Contact, outcome: str, error: str = "No such number") -> None:
    inbox = row.campaign.inbox
    identity = ContactIdentity.objects.get(contact=contact, inbox=inbox)
    conversation = Conversation.objects.create(
        inbox=inbox, contact=contact, identity=identity, team=inbox.team, status="open"
    )
    message = Message.objects.create(
        conversation=conversation, inbox=inbox, seq=1, author_kind="operator", direction="out", text="Oi",
    )  # fmt: skip
    failed = {"error": error, "error_code": "131026"} if outcome == "failed" else {}
    Delivery.objects.create(
        message=message, conversation=conversation, inbox=inbox, seq=1, status=outcome, **failed
    )
    row.identity, row.conversation, row.message = identity, conversation, message
    row.state, row.written_at = RecipientState.WRITTEN, timezone.now()
    row.save()
