"""What the tests of the admin's pages share: addresses, forms, and campaigns with a past."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.enums import CampaignStatus, RecipientState
from campaigns.models import Campaign, Recipient
from conversations.enums import DeliveryStatus
from conversations.models import Contact, ContactIdentity, Conversation, Delivery, Message

# Inputs that are not sent, or only where they are ticked.
SILENT = {"file", "submit", "checkbox", "radio"}
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


class _Sent(HTMLParser):
    """What a browser would send of a page's form: as it is shown, lines ended as browsers end them."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.disabled = 0
        self.name = ""
        self.text: list[str] | None = None
        self.chosen: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        had = dict(attrs)
        name, value = had.get("name") or "", had.get("value") or ""
        if tag == "fieldset":
            self.disabled += bool(self.disabled or "disabled" in had)
        elif tag in {"textarea", "select"}:
            self.name, self.text, self.chosen = name, [], None
        elif tag == "option" and (self.chosen is None or "selected" in had):
            self.chosen = value
        elif tag == "input" and (had.get("type") not in SILENT or "checked" in had):
            self.send(name, value or ("on" if "checked" in had else ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "fieldset":
            self.disabled = max(0, self.disabled - 1)
        elif tag == "select":
            self.send(self.name, self.chosen or "")
        elif tag == "textarea":
            # The first end of a line belongs to the tag.
            text = "".join(self.text or ()).removeprefix("\r").removeprefix("\n")
            self.send(self.name, text.replace("\r\n", "\n").replace("\n", "\r\n"))
        self.text = None if tag in {"select", "textarea"} else self.text

    def handle_data(self, data: str) -> None:
        if self.text is not None:
            self.text.append(data)

    def send(self, name: str, value: str) -> None:
        if name and not self.disabled:
            self.fields.append((name, value))


def sent_by_a_browser(client: Client, campaign: Campaign) -> dict[str, str]:
    """What a browser sends of the page of a draft that nobody has touched, in the page's order."""
    html = client.get(page_of(campaign)).content.decode()
    form = html[html.index('id="campaign_form"') :]
    reader = _Sent()
    reader.feed(form[form.index(">") + 1 : form.index("</form>")])
    return dict(reader.fields)


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
