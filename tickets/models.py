"""Tickets, who may see them, and what happened to them."""

import uuid
from typing import Any, ClassVar, Self

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from accounts.models import Team, User
from accounts.sight import Sighted, SightedQuerySet
from conversations.enums import Priority
from conversations.models import Contact, Conversation
from tickets.enums import DONE, TicketEventType, TicketSource, TicketStatus


class TicketQuerySet(SightedQuerySet["Ticket"]):
    """The one door to tickets for an actor, and the sets people work on."""

    def unsolved(self) -> Self:
        """Narrows to those on which work is left."""
        return self.exclude(status__in=DONE)


class Ticket(Sighted, models.Model):
    """A piece of work with a number that a customer can quote; it groups conversations about one matter."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # From a sequence: never twice, not even after a deletion; a transaction that is undone leaves a gap.
    number = models.BigIntegerField(
        _("number"),
        unique=True,
        editable=False,
        db_default=Func(Value("tickets_number"), function="nextval", output_field=models.BigIntegerField()),
    )
    subject = models.CharField(_("subject"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    status = models.CharField(_("status"), max_length=8, choices=TicketStatus, default=TicketStatus.NEW)
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority, default=Priority.NORMAL)
    # Indexes below begin with these two.
    team = models.ForeignKey(
        Team,
        models.SET_NULL,
        related_name="tickets",
        verbose_name=_("team"),
        null=True,
        blank=True,
        db_index=False,
    )
    assignee = models.ForeignKey(
        User,
        models.SET_NULL,
        related_name="tickets",
        verbose_name=_("assignee"),
        null=True,
        blank=True,
        db_index=False,
    )
    requester = models.ForeignKey(
        Contact, models.SET_NULL, related_name="tickets", verbose_name=_("customer"), null=True, blank=True
    )
    conversations = models.ManyToManyField(
        Conversation, related_name="tickets", verbose_name=_("conversations"), blank=True
    )
    # Values of custom fields by their keys.
    attributes: "models.JSONField[Any, Any]" = models.JSONField(
        _("attributes"), default=dict, db_default={}, blank=True
    )
    source = models.CharField(_("source"), max_length=8, choices=TicketSource, editable=False)
    # NULL rather than empty: NULLs do not collide.
    idempotency_key = models.CharField(max_length=200, unique=True, null=True, blank=True, editable=False)
    created_by_kind = models.CharField(max_length=10, editable=False)
    created_by_name = models.CharField(_("created by"), max_length=120, editable=False)
    last_seq = models.PositiveIntegerField(default=0, editable=False)
    solved_at = models.DateTimeField(_("solved"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = TicketQuerySet.as_manager()

    customer_key = "requester_id"

    # The first line of its history, on the object that `create_ticket` returns when it made the row.
    opened: "TicketEvent | None" = None

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        ordering = ("-number",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=DONE, solved_at__isnull=False)
                | (~Q(status__in=DONE) & Q(solved_at=None)),
                name="ticket_done_has_time",
            ),
            models.CheckConstraint(condition=~Q(subject=""), name="ticket_subject_not_empty"),
            models.CheckConstraint(condition=~Q(idempotency_key=""), name="ticket_key_not_empty"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["status", "-number"], name="ticket_by_status"),
            models.Index(fields=["team", "-number"], name="ticket_of_team"),
            models.Index(fields=["assignee", "-number"], name="ticket_of_assignee"),
            # Filtered by it, and ordered by it.
            models.Index(fields=["priority", "-number"], name="ticket_by_priority"),
            models.Index(fields=["priority", "id"], name="ticket_listed_by_priority"),
            models.Index(fields=["-updated_at", "id"], name="ticket_newest"),
            GinIndex(OpClass(Upper("subject"), name="gin_trgm_ops"), name="ticket_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.subject}"

    @property
    def just_created(self) -> bool:
        """True on the object that `create_ticket` returns when it made the row; not stored."""
        return self.opened is not None

    @property
    def reference(self) -> str:
        """The number as people say and write it."""
        return f"#{self.number}"


class TicketEvent(models.Model):
    """One line of a ticket's history: who did what. Append-only, numbered under the ticket's row lock."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField(_("number"))
    type = models.CharField(_("type"), max_length=12, choices=TicketEventType)
    # {"status": {"from": "new", "to": "open"}}: values as a reader understands them, names rather than ids.
    changes: "models.JSONField[Any, Any]" = models.JSONField(
        _("changes"), default=dict, blank=True, encoder=DjangoJSONEncoder
    )
    text = models.TextField(_("text"), blank=True)
    actor_kind = models.CharField(max_length=10)
    actor_name = models.CharField(_("by"), max_length=120, blank=True)
    created_at = models.DateTimeField(_("happened"), auto_now_add=True)

    class Meta:
        verbose_name = _("ticket event")
        verbose_name_plural = _("ticket events")
        ordering = ("ticket", "seq")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "seq"], name="ticketevent_seq_once"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id} {self.seq} {self.type}"
