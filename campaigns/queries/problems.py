"""What keeps a campaign from being sent as it is."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from campaigns.enums import Kind, Source, UploadStatus
from campaigns.models import Campaign, Variant
from campaigns.queries.known_values import unknown_to_all
from campaigns.queries.onsite import words_for_anybody
from campaigns.queries.words import OPT_OUT
from campaigns.segments import read_segment
from conversations.models import Inbox
from conversations.queries.windows import APPROVED, capabilities, window_of
from core.errors import Invalid
from core.places import has_broken_place, places
from core.zones import time_zones

# What the file above a template has to be; of documents there are many kinds.
KINDS = {"IMAGE": "image/", "VIDEO": "video/"}
UNREAD = (UploadStatus.WAITING, UploadStatus.READING)


def problems(campaign: Campaign) -> list[str]:
    """Returns, for people, everything that has to be set right before the campaign can be approved."""
    find = _of_onsite if campaign.kind == Kind.ONSITE else _of_broadcast
    return list(find(campaign, list(campaign.variants.select_related("template"))))


def misfit(inbox: Inbox, kind: Kind) -> str:
    """Returns, for people, why an inbox can have no campaign of a kind; "" where it can."""
    if kind == Kind.ONSITE:
        return "" if inbox.channel == "web" else _("A message on a site needs the inbox of a chat widget.")
    can_write = capabilities(inbox).sends
    return "" if can_write else _("Nobody can be written to first through this channel.")


def _of_onsite(campaign: Campaign, variants: list[Variant]) -> Iterator[str]:
    if problem := misfit(campaign.inbox, Kind.ONSITE):
        yield problem
    page = campaign.url_pattern.strip()
    if page and not page.startswith(("http://", "https://", "*")):
        yield _("The page has to begin as addresses do, with https:// or with *.")
    if campaign.recipients.filter(visitor="").exists() or campaign.uploads.filter(status__in=UNREAD).exists():
        # Nobody would ever write to them.
        yield _("A message on a site is for its visitors: it cannot have a list of recipients.")
    yield from _of_texts(variants)
    for variant in variants:
        if missing := words_for_anybody(variant).missing:
            names = ", ".join(missing)
            yield (
                _("Nothing is known of visitors: say what to read instead of %s, as in {{name|you}}.") % names
            )


def _of_broadcast(campaign: Campaign, variants: list[Variant]) -> Iterator[str]:
    can = capabilities(campaign.inbox)
    if problem := misfit(campaign.inbox, Kind.BROADCAST):
        yield problem
    yield from _of_texts(variants)
    for variant in variants:
        yield from _of_variant(variant, campaign, can)
    yield from _of_recipients(campaign)
    yield from _of_values(campaign, variants)
    if campaign.timezone and campaign.timezone not in time_zones():
        yield _("There is no time zone %s.") % campaign.timezone


def _of_texts(variants: list[Variant]) -> Iterator[str]:
    if not variants or not all(one.text.strip() or one.template for one in variants):
        yield _("Write what is to be said.")
    said = (text for one in variants for text in (one.subject, one.text, *map(str, one.values.values())))
    if any(map(has_broken_place, said)):
        yield _("Two braces stand where no place is: write places as {{name}} or {{name|otherwise}}.")


def _of_variant(variant: Variant, campaign: Campaign, can: Any) -> Iterator[str]:
    if can.subjects and not variant.subject.strip():
        yield _("Write a subject.")
    template = variant.template
    if template is None:
        if OPT_OUT in places(variant.text) or not can.subjects:
            return
        yield _("A mail to many needs {{unsubscribe}} in its text, the link for those who want no more.")
        return
    if template.inbox_id != campaign.inbox_id or template.status.upper() != APPROVED:
        yield _("The template %s is not approved for this inbox.") % template.name
    if lacking := [name for name in template.variables if not str(variant.values.get(name, "")).strip()]:
        yield _("Fill in every place of the template: %s.") % ", ".join(lacking)
    if bool(template.header_format) != (variant.file is not None):
        yield _("The template %s needs the file that stands above its text.") % template.name
    elif variant.file and not variant.file.content_type.startswith(KINDS.get(template.header_format, "")):
        yield _("The template %(name)s needs a file of another kind above its text: %(kind)s.") % {
            "name": template.name,
            "kind": template.header_format.lower(),
        }


def _of_values(campaign: Campaign, variants: list[Variant]) -> Iterator[str]:
    try:
        unknown = unknown_to_all(campaign, variants)
    except Invalid:
        # The segment is named already.
        return
    for name in unknown:
        yield _("Nobody has a value for {{%s}}: say what to read instead, as in {{%s|you}}.") % (name, name)


def _of_recipients(campaign: Campaign) -> Iterator[str]:
    if campaign.source == Source.SEGMENT:
        try:
            read_segment(campaign.segment)
        except Invalid as error:
            yield error.detail
        if campaign.recipients.exists():
            # Otherwise both would be written to, whoever fits and whoever is on the list.
            yield _("Take everybody off the list, or write to the list.")
        return
    if campaign.uploads.filter(status__in=UNREAD).exists():
        yield _("The list is still being read.")
    elif not campaign.recipients.exists():
        yield _("Give a list of recipients.")


def needs_template(campaign: Campaign) -> bool:
    """Says whether most recipients can only be told what the provider approved beforehand."""
    return capabilities(campaign.inbox).templates and window_of(campaign.inbox) is not None
