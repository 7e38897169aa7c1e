"""Files for spreadsheets: every recipient with what happened to them, and the bad lines of a list."""

import csv
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils.text import slugify
from django.utils.timezone import localtime
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from accounts.admin import actor_of
from campaigns.admin.common import own_campaign
from campaigns.enums import Outcome, Skip, UploadStatus
from campaigns.lists import remains
from campaigns.models import Campaign, Recipient, Upload
from campaigns.queries.fates import Fate, fates
from campaigns.queries.known import with_address
from campaigns.queries.stats import with_outcome
from core.errors import Forbidden, NotFound
from core.reasons import said
from core.spreadsheets import MARK, text_of
from core.threads import in_thread

AT_ONCE = 1_000


def recipients(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Streams every recipient of a campaign, some thousand rows at a time."""
    campaign = _own(request, pk)
    return _file(_pages(campaign, get_language() or "en"), f"{slugify(campaign.name) or 'campaign'}.csv")


def bad_rows(request: HttpRequest, pk: UUID, upload: int) -> HttpResponse:
    """The lines of a list that became nobody, under its own heading: to be mended and given again."""
    found = Upload.objects.filter(pk=upload, campaign=_own(request, pk)).first()
    if found is None:
        raise Http404
    # The separator is told from the heading: nothing within a cell may look like one.
    body = text_of(_bad_lines(found), csv.QUOTE_ALL)
    response = HttpResponse(MARK + body, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="list-{upload}.csv"'
    return response


def _bad_lines(upload: Upload) -> Iterator[Sequence[str]]:
    reasons = list(upload.bad.order_by("line").values_list("line", "reason"))
    heading, *rows = _left_of(upload, {line for line, _reason in reasons})
    yield [*heading, _("Not read because")]
    for row, (number, why) in zip(rows, reasons, strict=False):
        told = {"number": number, "reason": said(why)}
        reason = _("Line %(number)s: %(reason)s") % told
        yield [*row[: len(heading)], reason, *row[len(heading) + 1 :]]


def _left_of(upload: Upload, numbers: set[int]) -> list[Sequence[str]]:
    if upload.status in {UploadStatus.DONE, UploadStatus.FAILED}:
        return list(json.loads(upload.content))
    return list(remains(upload.content, numbers))


def _own(request: HttpRequest, pk: UUID) -> Campaign:
    try:
        return own_campaign(actor_of(request), pk)
    except NotFound as error:
        raise Http404 from error
    except Forbidden as error:
        raise PermissionDenied from error


def _file(pieces: AsyncIterator[str], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def _pages(campaign: Campaign, language: str) -> AsyncIterator[str]:
    """Yields the file: the heading, then page after page behind the last row's key."""
    yield MARK + await in_thread(_said_in, language, _heading)
    last = 0
    while True:
        last, piece = await in_thread(_said_in, language, lambda after=last: _page(campaign, after))
        if not piece:
            return
        yield piece


def _said_in(language: str, make: Any) -> Any:
    """Runs on a thread of its own, which has no language of its own."""
    with override(language):
        return make()


def _heading() -> str:
    names = (
        *(_("Name"), _("Address"), _("Variant"), _("Outcome"), _("Reason"), _("Written"), _("Delivered")),
        *(_("Read"), _("Replied"), _("Opted out"), _("Conversation")),
    )
    return text_of([names])


def _page(campaign: Campaign, after: int) -> tuple[int, str]:
    rows = with_address(Recipient.objects.filter(campaign=campaign, pk__gt=after), campaign.inbox)
    rows, related = rows.order_by("pk"), ("contact", "variant")
    found = list(with_outcome(rows).select_related(*related)[:AT_ONCE])
    if not found:
        return after, ""
    told = fates(found)
    return found[-1].pk, text_of(
        list(_cells(row, told.get(row.message_id) if row.message_id else None)) for row in found
    )


def _cells(row: Any, fate: Fate | None) -> Iterator[str]:
    contact = row.contact
    yield contact.display_name if contact else _("Visitor")
    yield row.address
    yield row.variant.label if row.variant else ""
    yield str(Outcome(row.outcome).label)
    yield str(Skip(row.reason).label) if row.reason else (fate.error if fate else "")
    yield from map(_moment, (row.written_at, fate and fate.delivered_at, fate and fate.read_at))
    yield from map(_moment, (row.replied_at, row.opted_out_at))
    yield _address(row.conversation_id) if row.conversation_id else ""


def _moment(at: Any) -> str:
    return localtime(at).isoformat(sep=" ", timespec="seconds") if at else ""


def _address(conversation: UUID) -> str:
    return f"{settings.PUBLIC_URL}{reverse('admin:desk_conversation', args=[conversation])}"
