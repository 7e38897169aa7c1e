"""What came in, byte by byte: shown without secrets, and taken in again at a click."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from pydantic import SecretStr, ValidationError

from accounts.admin import actor_of, is_admin
from conversations.actions import replay, replay_now
from conversations.admin.common import InboxFilter, OneClick, attempt, seen_inboxes, short
from conversations.channels import adapter
from conversations.enums import Verdict
from conversations.models import InboundEvent, Inbox
from core.errors import Conflict
from core.reasons import said

SHOWN_BYTES = 64 * 1024
HEX_ROW = 16
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a]")
HIDDEN = "•••"
# Shorter ones would blot out half of the text, and are no secrets.
SHORTEST_SECRET = 6
PROOF_NAME = r"[\w-]*(?:token|secret|api[_-]?key|password|authorization|signature)[\w-]*"
PROOF_MEMBER = re.compile(rf'("{PROOF_NAME}"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
PROOF_HEADER = re.compile(PROOF_NAME, re.IGNORECASE)


class VerdictFilter(admin.SimpleListFilter):
    """By verdict; while anything was not understood, that is what the list begins with."""

    title = _("verdict")
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[Any, Any]]:
        """Every verdict, and all of them."""
        del request, model_admin
        return [("all", _("All")), *Verdict.choices]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Without Django's own "All", which would be the default again."""
        for value, label in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": self.chosen() == str(value), "query_string": query, "display": label}

    def chosen(self) -> str:
        """What is asked for, or what needs somebody."""
        if asked := self.value():
            return str(asked)
        waiting = InboundEvent.objects.filter(verdict=Verdict.QUARANTINED)
        if not is_admin(self.request):
            waiting = waiting.filter(inbox__in=seen_inboxes(self.request))
        return Verdict.QUARANTINED if waiting.exists() else "all"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrows the list."""
        del request
        chosen = self.chosen()
        return queryset.filter(verdict=chosen) if chosen in Verdict.values else queryset


@admin.register(InboundEvent)
class InboundEventAdmin(OneClick[InboundEvent]):
    """Receipts as they came, and what became of them."""

    button = _("Replay")
    list_display = ("received_at", "inbox", "verdict", "short_detail", "attempts", "provider_event_id")
    list_filter = (VerdictFilter, ("inbox", InboxFilter), "received_at")
    list_select_related = ("inbox",)
    search_fields = ("provider_event_id", "detail")
    ordering = ("-received_at",)
    show_full_result_count = False
    actions = ("replay_chosen",)
    fields = (
        *("verdict", "why", "inbox", "received_at", "handled_at", "attempts", "provider_event_id"),
        *("shown_headers", "shown_body"),
    )
    readonly_fields = ("why", "shown_headers", "shown_body")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundEvent]:
        """Leaves the bytes where they are: a page of mails would be hundreds of megabytes."""
        return super().get_queryset(request).defer("body", "headers")

    @admin.display(description=_("why"))
    def short_detail(self, event: InboundEvent) -> str:
        """The beginning of the reason."""
        return short(said(event.detail))

    @admin.display(description=_("why"))
    def why(self, event: InboundEvent) -> str:
        """The whole reason."""
        return said(event.detail) or "–"

    @admin.display(description=_("headers"))
    def shown_headers(self, event: InboundEvent) -> SafeString:
        """The headers that were kept, without proofs."""
        lines = [
            f"{name}: {HIDDEN if PROOF_HEADER.fullmatch(str(name)) else value}"
            for name, value in sorted(event.headers.items())
        ]
        return format_html('<pre class="raw">{}</pre>', readable("\n".join(lines), secrets_of(event.inbox)))

    @admin.display(description=_("content"))
    def shown_body(self, event: InboundEvent) -> SafeString:
        """The bytes as text, or in hexadecimal where they are none."""
        body = bytes(event.body)
        shown = readable(as_text(body[:SHOWN_BYTES]), secrets_of(event.inbox))
        rest = gettext("… and %d bytes more") % (len(body) - SHOWN_BYTES) if len(body) > SHOWN_BYTES else ""
        return format_html('<pre class="raw">{}</pre><p class="help">{}</p>', shown, rest)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """For administrators."""
        return is_admin(request)

    def act(self, request: HttpRequest, row: InboundEvent) -> str:
        """Has it taken in again."""
        event = replay_now(row.pk, by=actor_of(request))
        if event.verdict == Verdict.QUARANTINED:
            self.log_change(request, row, gettext("Replayed."))
            detail = gettext("Still not understood: %s") % said(event.detail)
            raise Conflict(detail)
        return gettext("It is taken in again. What is stored already stays once.")

    @admin.action(description=_("Replay"), permissions=["replay"])
    def replay_chosen(self, request: HttpRequest, events: QuerySet[InboundEvent]) -> None:
        """Has the chosen ones taken in again."""
        attempt(request, lambda: self._replayed(request, events))

    def _replayed(self, request: HttpRequest, events: QuerySet[InboundEvent]) -> str:
        rows = list(events)
        count = replay([row.pk for row in rows], by=actor_of(request))
        said = ngettext("%d receipt is taken in again.", "%d receipts are taken in again.", count) % count
        for row in rows:
            self.log_change(request, row, gettext("Replayed."))
        return said


def as_text(body: bytes) -> str:
    """Returns bytes as text; those that are none as rows of offset, hexadecimal and characters."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        # The cut through the last character of a long text is no reason to show it in hexadecimal.
        if error.start >= SHOWN_BYTES - 4:
            return body[: error.start].decode()
    if not CONTROL.search(body):
        # A mail in an older charset: readable but for some letters.
        return body.decode("latin-1")
    rows = (body[start : start + HEX_ROW] for start in range(0, len(body), HEX_ROW))
    return "\n".join(
        f"{number * HEX_ROW:08x}  {row.hex(' '):<{HEX_ROW * 3}} {_printable(row)}"
        for number, row in enumerate(rows)
    )


def _printable(row: bytes) -> str:
    """The characters of a row, with a point for those that have no shape."""
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004 (what ASCII can print)


def readable(text: str, secrets: Iterable[str]) -> str:
    """Returns a text without secrets and without characters that are not seen or turn a line around."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = PROOF_MEMBER.sub(rf'\1"{HIDDEN}"', text)
    return "".join(
        each if each.isprintable() or each in "\n\t" else "�" for each in text.replace("\r\n", "\n")
    )


def secrets_of(inbox: Inbox) -> list[str]:
    """Returns the secrets of an inbox, the longest first; those that cannot be read are nobody's."""
    try:
        config = adapter(inbox.channel).config.model_validate(inbox.config)
    except (KeyError, ValidationError):
        values: list[Any] = list(dict(inbox.config).values())
    else:
        values = [each.get_secret_value() for _name, each in config if isinstance(each, SecretStr)]
    found = {str(each) for each in (*values, inbox.secret) if len(str(each)) >= SHORTEST_SECRET}
    return sorted(found, key=len, reverse=True)
