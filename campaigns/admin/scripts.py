"""What the scripts of a campaign's pages ask for, as JSON."""

from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_POST

from accounts.json_views import Json, body, json_view
from campaigns.admin.common import grouped, own_campaign
from campaigns.admin.estimates import duration
from campaigns.admin.inputs import LARGEST_KEY, money, whole
from campaigns.admin.report import report_of
from campaigns.admin.uploads import lists_of, shown
from campaigns.enums import OVER, Source, UploadStatus
from campaigns.models import Campaign, Variant
from campaigns.queries.hints import names_in_use
from campaigns.queries.people import known_people, look, named, person_at
from campaigns.queries.words import link_of, words_for
from campaigns.segments import Segment, read_segment
from conversations.actions.outbound import rendered
from conversations.models import Contact, MessageTemplate
from core.actor import Actor
from core.errors import Invalid
from core.storable import storable

# Several people may watch one campaign.
REMEMBERED = 2


@require_POST
@json_view
def audience(request: HttpRequest, actor: Actor, pk: UUID) -> Json:
    """For whom the campaign is as the page stands now: how many, a few of them, how long, how much."""
    campaign, data = own_campaign(actor, pk), body(request)
    _price(campaign, data)
    try:
        segment, needs_consent = _segment(campaign, data), bool(data.get("needs_consent"))
        found = look(campaign, segment, needs_consent=needs_consent)
    except Invalid as error:
        # Somebody is still typing.
        return {"problem": error.detail}
    price = grouped(campaign.price * found.reached, 2)
    return {
        "count": found.count,
        "told": grouped(found.count),
        "reached": grouped(found.reached),
        "unwanted": grouped(found.unwanted) if found.unwanted else "",
        "silent": grouped(found.silent) if found.silent else "",
        "unreachable": grouped(found.unreachable) if found.unreachable else "",
        "sample": found.sample,
        "duration": duration(campaign, found.reached) if found.reached else "–",
        "cost": f"{price} {campaign.currency}".strip() if campaign.price else "",
    }


def _segment(campaign: Campaign, data: Json) -> Segment:
    """Reads the segment that the page holds, and takes over where the recipients come from."""
    if data.get("source") in Source.values:
        campaign.source = data["source"]
    return read_segment(data.get("segment"))


def _price(campaign: Campaign, data: Json) -> None:
    """Takes over what is entered; raises Invalid for what is no number, or none that a campaign may have."""
    pace, limit, price = (data.get(name) for name in ("per_minute", "daily_limit", "price"))
    campaign.per_minute = max(1, whole(pace or campaign.per_minute, field="per_minute"))
    campaign.daily_limit = whole(limit, field="daily_limit") if limit else None
    campaign.price = money(price or 0, field="price")
    campaign.currency = str(data.get("currency") or "")[:3].upper()


@require_POST
@json_view
def preview(request: HttpRequest, actor: Actor, pk: UUID) -> Json:
    """What the person at a place of the audience would read of a variant as it stands now."""
    campaign, data = own_campaign(actor, pk), body(request)
    place = whole(data.get("place") or 0, field="place")
    try:
        found = person_at(campaign, _segment(campaign, data), place)
    except Invalid:
        found = None
    if found is None:
        return {"person": None}
    contact, more = found
    return {
        "person": named(contact, campaign.inbox),
        **_read(_variant(campaign, data.get("variant")), contact, more),
    }


def _variant(campaign: Campaign, told: Any) -> Variant:
    given: Json = told if isinstance(told, dict) else {}
    key, values = given.get("template"), given.get("values")
    rows = MessageTemplate.objects.filter(inbox=campaign.inbox)
    return Variant(
        campaign=campaign,
        text=str(given.get("text") or "")[:4000],
        subject=str(given.get("subject") or "")[:200],
        template=rows.filter(pk=whole(key, field="template", most=LARGEST_KEY)).first() if key else None,
        values=values if isinstance(values, dict) else {},
    )


def _read(variant: Variant, contact: Contact, more: Json) -> Json:
    words = words_for(variant, contact, more=more, link=link_of("…"))
    text = rendered(variant.template.body, words.values) if variant.template else words.text
    return {"subject": words.subject, "text": text, "missing": list(words.missing)}


@require_GET
@json_view
def hints(_request: HttpRequest, actor: Actor, pk: UUID) -> Json:
    """Names that are in use: tags, attributes, tags of conversations."""
    return names_in_use(own_campaign(actor, pk).inbox, actor)


@require_GET
@json_view
def people(request: HttpRequest, actor: Actor, pk: UUID) -> Json:
    """To whom a test may go: who is known in the inbox, by a part of name or number."""
    campaign = own_campaign(actor, pk)
    found = known_people(campaign.inbox, storable(request.GET.get("q", "")[:200]))
    return {
        "people": [
            {"id": row.pk, "name": row.contact.display_name, "address": row.external_id} for row in found
        ]
    }


@require_GET
@json_view
def lists(request: HttpRequest, actor: Actor, pk: UUID) -> Json:
    """How far the lists have been read, as it is shown."""
    campaign = own_campaign(actor, pk)
    rows = lists_of(campaign)
    context = {"uploads": [shown(row) for row in rows], "campaign": campaign}
    return {
        "html": render_to_string("admin/campaigns/uploads.html", context, request),
        "is_over": not any(row.status in {UploadStatus.WAITING, UploadStatus.READING} for row in rows),
    }


@require_GET
@json_view
def live(request: HttpRequest, actor: Actor, pk: UUID) -> Json:
    """The report as it stands now: its parts as markup, and the points of the chart."""
    campaign = own_campaign(actor, pk)
    key = f"campaigns.live:{campaign.pk}:{campaign.status}:{get_language()}"
    found = cache.get(key)
    if found is None:
        found = report_of(campaign)
        cache.set(key, found, REMEMBERED)
    context = {"report": found, "campaign": campaign}
    return {
        "parts": {
            name: render_to_string(f"admin/campaigns/report_{name}.html", context, request)
            for name in ("state", "figures", "tables")
        },
        "course": found["course"],
        "status": campaign.status,
        "is_over": campaign.status in OVER,
    }
