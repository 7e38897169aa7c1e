"""Tickets: list, create, read, change."""

from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.attributes import Attributes
from api.base import ApiViewSet
from api.bulk import EachResultSerializer, do_each
from api.fields import (
    LARGEST_ID,
    ContactId,
    ConversationId,
    Id,
    Moment,
    OperatorId,
    PageQuery,
    PriorityWord,
    Strict,
    TeamSlug,
    Text,
)
from api.queries import narrowed
from api.routes import both
from api.shown.common import TicketFileSerializer, TicketSerializer
from conversations.enums import Priority
from core.actor import Actor
from tickets.actions import create_ticket, hold_conversations, update_ticket
from tickets.checks import MAX_DESCRIPTION, MAX_SUBJECT
from tickets.enums import TicketSource, TicketStatus
from tickets.models import Ticket
from tickets.queries import TicketFile, ticket_by_id, ticket_file, tickets_for

AT_ONCE = 100


class TicketQuery(PageQuery):
    """Which tickets, in which order."""

    status = serializers.ChoiceField(choices=TicketStatus.choices, required=False)
    priority = PriorityWord(required=False)
    team = serializers.SlugField(required=False, help_text="Short name of a team, or `none`.")
    assignee = serializers.RegexField(
        r"^(me|none|[0-9]{1,18})$", required=False, help_text="Id of a member of staff, `me` or `none`."
    )
    requester = serializers.UUIDField(required=False, help_text="Id of a customer.")
    conversation = serializers.UUIDField(required=False)
    number = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    created_since = Moment(required=False)
    updated_since = Moment(required=False)
    ordering = serializers.ChoiceField(
        choices=["-number", "number", "-priority", "priority", "-updated_at", "updated_at"],
        default="-number",
    )


class NewTicket(Strict):
    """A ticket to be opened."""

    subject = Text(max_length=MAX_SUBJECT)
    description = Text(max_length=MAX_DESCRIPTION, required=False, allow_blank=True)
    conversation = ConversationId(required=False, help_text="The conversation it came up in.")
    contact = ContactId(required=False, help_text="The customer, when there is no conversation.")
    team = TeamSlug(required=False, help_text="Left out: the conversation's team, else the inbox's.")
    priority = PriorityWord(default=Priority.NORMAL)
    attributes = Attributes(required=False)


class TicketChange(Strict):
    """What shall be different; what is left out stays."""

    subject = Text(max_length=MAX_SUBJECT, required=False)
    description = Text(max_length=MAX_DESCRIPTION, required=False, allow_blank=True)
    status = serializers.ChoiceField(choices=TicketStatus.choices, required=False)
    priority = PriorityWord(required=False)
    team = TeamSlug(required=False, allow_null=True)
    assignee = OperatorId(required=False, allow_null=True)
    attributes = Attributes(required=False)


class ManyTickets(Strict):
    """What shall be different of each of many."""

    ids = serializers.ListField(child=Id(), min_length=1, max_length=AT_ONCE)
    status = serializers.ChoiceField(choices=TicketStatus.choices, required=False)
    priority = PriorityWord(required=False)
    team = TeamSlug(required=False, allow_null=True)
    assignee = OperatorId(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Wants something to be done."""
        if set(attrs) == {"ids"}:
            raise serializers.ValidationError(_("Say what shall be done."))
        return attrs


class Tickets(ApiViewSet):
    """Work with a number."""

    queries: ClassVar = {"list": TicketQuery}

    @extend_schema(summary="List tickets", responses=TicketSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Those of your teams, those without a team and those assigned to you; all of them for admins."""
        del request
        lookups = {
            "status": "status",
            "priority": "priority",
            "team": "team__slug",
            "assignee": "assignee",
            "requester": "requester",
            "conversation": "conversations",
            "number": "number",
            "created_since": "created_at__gte",
            "updated_since": "updated_at__gte",
        }
        return self.page(
            narrowed(tickets_for(self.actor), self.query, lookups, actor=self.actor), TicketSerializer
        )

    @extend_schema(
        summary="Open a ticket",
        request=NewTicket,
        responses={
            201: TicketFileSerializer,
            200: OpenApiResponse(
                TicketFileSerializer, "An unsolved ticket about the same matter exists in that conversation."
            ),
        },
    )
    def create(self, request: Request) -> Response:
        """Opens a ticket, never twice for the same matter in one conversation."""
        del request
        wanted = self.body(NewTicket)
        ticket = create_ticket(by=self.actor, source=TicketSource.API, **wanted)
        if ticket.opened and "conversation" not in wanted:
            # All that belongs to it is known.
            return self._told(TicketFile(ticket, [ticket.opened], []), status=201)
        return self._answer(ticket, status=201 if ticket.just_created else 200)

    @extend_schema(operation_id="tickets_read", summary="Read a ticket", responses=TicketFileSerializer)
    def retrieve(self, request: Request, ticket_id: UUID) -> Response:
        """One ticket with its history."""
        del request
        return self._answer(ticket_by_id(ticket_id, actor=self.actor))

    @extend_schema(
        operation_id="tickets_change",
        summary="Change a ticket",
        request=TicketChange,
        responses=TicketFileSerializer,
    )
    def partial_update(self, request: Request, ticket_id: UUID) -> Response:
        """Changes what the body names. It may move the ticket out of your own sight."""
        del request
        wanted: dict[str, Any] = self.body(TicketChange)
        ticket = ticket_by_id(ticket_id, actor=self.actor)
        return self._answer(update_ticket(ticket=ticket, by=self.actor, expected=self.expected, **wanted))

    @extend_schema(
        operation_id="tickets_bulk",
        summary="Change many tickets",
        request=ManyTickets,
        responses={200: EachResultSerializer},
    )
    def bulk(self, request: Request) -> Response:
        """Changes each of up to a hundred, whatever becomes of the others."""
        del request
        wanted = self.body(ManyTickets)
        ids = wanted.pop("ids")
        with transaction.atomic():
            hold_conversations(ids)
            results = do_each(ids, partial(_change, self.actor, wanted))
        return self.show({"results": results}, EachResultSerializer)

    def _answer(self, ticket: Ticket, *, status: int = 200) -> Response:
        return self._told(ticket_file(ticket, actor=self.actor), status=status)

    def _told(self, file: TicketFile, *, status: int) -> Response:
        return self.show(file, TicketFileSerializer, status=status, of=file.ticket)


def _change(actor: Actor, wanted: dict[str, Any], pk: UUID) -> None:
    update_ticket(ticket=ticket_by_id(pk, actor=actor), by=actor, **wanted)


addresses = [
    *both("tickets/bulk", Tickets.as_view({"post": "bulk"}), "tickets-bulk"),
    *both("tickets", Tickets.as_view({"get": "list", "post": "create"}), "tickets"),
    *both(
        "tickets/<uuid:ticket_id>", Tickets.as_view({"get": "retrieve", "patch": "partial_update"}), "ticket"
    ),
]
