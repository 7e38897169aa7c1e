"""Tickets in the admin: what is changed here goes through the same actions as everywhere else."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import User
from core.actor import Actor
from core.errors import HelpdeskError
from tickets.actions import create_ticket, update_ticket
from tickets.enums import DONE, TicketStatus
from tickets.models import Ticket, TicketEvent


def actor_of(request: HttpRequest) -> Actor:
    """Returns who is at work; the admin lets nobody but staff in."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 (narrows the type)
    return user.as_actor()


class HistoryInline(admin.TabularInline[TicketEvent, Ticket]):
    """Who did what, as it was written."""

    model = TicketEvent
    fields = ("created_at", "type", "what", "actor_name")
    readonly_fields = fields
    ordering = ("seq",)
    extra = 0
    can_delete = False
    verbose_name_plural = _("history")

    def has_add_permission(self, *_args: Any) -> bool:
        """History writes itself."""
        return False

    def has_change_permission(self, *_args: Any) -> bool:
        """History stands."""
        return False

    def has_view_permission(self, *_args: Any) -> bool:
        """Whoever may look at a ticket may look at its history."""
        return True

    @admin.display(description=_("what"))
    def what(self, event: TicketEvent) -> SafeString | str:
        """The change in words."""
        lines = ((name, change["from"] or "-", change["to"] or "-") for name, change in event.changes.items())
        return event.text or format_html_join("; ", "{}: {} → {}", lines)


@admin.register(Ticket)
class TicketAdmin(admin.ModelAdmin[Ticket]):
    """Tickets, found and set right; the day's work is done on the tickets page."""

    list_display = (
        *(
            "reference",
            "subject",
            "status",
            "priority",
            "team",
            "assignee",
            "requester",
            "source",
            "created_at",
        ),
    )
    list_display_links = ("reference", "subject")
    list_filter = ("status", "priority", "team", "source", "created_at")
    list_select_related = ("team", "assignee", "requester")
    search_fields = ("=number", "subject", "description", "requester__name", "requester__email")
    autocomplete_fields = ("assignee", "requester")
    date_hierarchy = "created_at"
    fields = (
        "subject",
        "description",
        "status",
        "priority",
        "team",
        "assignee",
        "requester",
        "conversations",
    )
    inlines = (HistoryInline,)
    actions = ("solve",)

    @admin.display(description=_("number"), ordering="number")
    def reference(self, ticket: Ticket) -> str:
        """The number as people say it."""
        return ticket.reference

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ticket]:
        """Shows what the person may see."""
        return super().get_queryset(request) & Ticket.objects.visible_to(actor_of(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Ticket | None = None) -> tuple[str, ...]:
        """Whose ticket it is and where it came from is settled when it is opened."""
        del request
        return ("status", "assignee", "conversations") if obj is None else ("requester", "conversations")

    def has_delete_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:
        """A ticket is closed, not deleted: customers know its number."""
        del request, obj
        return False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Says what an action refuses as a message on the page."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except HelpdeskError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Ticket, form: ModelForm[Ticket], change: bool) -> None:  # noqa: FBT001 (Django's signature)
        """Opens or changes the ticket through its action, with the person as the actor."""
        if change:
            changed = {name: form.cleaned_data[name] for name in form.changed_data}
            update_ticket(ticket=obj, by=actor_of(request), **changed)
            return
        made = create_ticket(
            by=actor_of(request),
            subject=obj.subject,
            description=obj.description,
            team=obj.team,
            priority=obj.priority,
            contact=obj.requester,
        )
        obj.pk, obj.number = made.pk, made.number

    @admin.action(description=_("Mark as solved"), permissions=["change"])
    def solve(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
        """Solves the chosen tickets, one after the other."""
        by = actor_of(request)
        # One that is closed is past being solved.
        chosen = list(queryset.exclude(status__in=DONE))
        for ticket in chosen:
            update_ticket(ticket=ticket, by=by, status=TicketStatus.SOLVED)
        text = ngettext("%d ticket was solved.", "%d tickets were solved.", len(chosen))
        self.message_user(request, text % len(chosen), messages.SUCCESS)
