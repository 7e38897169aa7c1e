"""A conversation and who may see it."""

import uuid
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from accounts.models import Team, User
from accounts.sight import Sighted, SightedQuerySet
from conversations.enums import Priority, Status
from conversations.models.contacts import Contact, ContactIdentity
from conversations.models.inboxes import Inbox


class ConversationQuerySet(SightedQuerySet["Conversation"]):
    """The one door to conversations for an actor, and the orders people work in."""

    def longest_waiting(self) -> Self:
        """Orders by how long the customer waits, then by the newest activity."""
        return self.order_by(F("waiting_since").asc(nulls_last=True), "-updated_at", "id")


class Conversation(Sighted, models.Model):
    """A thread with one contact in one inbox. Its row lock makes `seq` gapless and in commit order."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Where an index below begins with it, a foreign key has none of its own: each message would write it too.
    inbox = models.ForeignKey(Inbox, models.PROTECT, verbose_name=_("inbox"), db_index=False)
    contact = models.ForeignKey(
        Contact, models.CASCADE, related_name="conversations", verbose_name=_("contact"), db_index=False
    )
    identity = models.ForeignKey(
        ContactIdentity,
        models.PROTECT,
        related_name="conversations",
        verbose_name=_("identity"),
        db_index=False,
    )
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.OPEN)
    assignee = models.ForeignKey(
        User, models.SET_NULL, related_name="conversations", verbose_name=_("assignee"), null=True, blank=True
    )
    team = models.ForeignKey(
        Team, models.SET_NULL, verbose_name=_("team"), null=True, blank=True, db_index=False
    )
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority, default=Priority.NORMAL)
    tags = ArrayField(models.CharField(max_length=40), verbose_name=_("tags"), default=list, blank=True)
    # Values of custom fields by their keys.
    attributes: "models.JSONField[Any, Any]" = models.JSONField(
        _("attributes"), default=dict, db_default={}, blank=True
    )
    last_seq = models.PositiveIntegerField(_("last number"), default=0, editable=False)
    # Where the agent's memory begins: everything up to the last resolve is another matter.
    context_from_seq = models.PositiveIntegerField(default=0, editable=False)
    last_contact_seq = models.PositiveIntegerField(default=0, editable=False)
    read_by_operator_seq = models.PositiveIntegerField(default=0, editable=False)
    read_by_contact_seq = models.PositiveIntegerField(default=0, editable=False)
    preview = models.CharField(max_length=140, blank=True, editable=False)
    # When the customer wrote last, by the provider's clock: from here a channel's window runs.
    last_contact_at = models.DateTimeField(null=True, blank=True, editable=False)
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True, editable=False)
    first_reply_at = models.DateTimeField(_("first reply"), null=True, blank=True, editable=False)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects: ClassVar[models.Manager["Conversation"]] = ConversationQuerySet.as_manager()

    customer_key = "contact_id"

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status=Status.RESOLVED, resolved_at__isnull=False)
                | (~Q(status=Status.RESOLVED) & Q(resolved_at=None)),
                name="conversation_resolved_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.BOT) | Q(assignee=None),
                name="conversation_bot_has_no_assignee",
            ),
            models.CheckConstraint(
                condition=Q(last_contact_seq__lte=F("last_seq"))
                & Q(read_by_operator_seq__lte=F("last_seq"))
                & Q(read_by_contact_seq__lte=F("last_seq")),
                name="conversation_numbers_not_ahead",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["identity", "-created_at"], name="conversation_of_identity"),
            models.Index(fields=["status", "waiting_since"], name="conversation_queue"),
            models.Index(fields=["contact", "-created_at"], name="conversation_of_contact"),
            models.Index(fields=["-updated_at", "id"], name="conversation_newest"),
            # Every message writes the row, and with it every index that has it: these have few.
            GinIndex(fields=["tags"], name="conversation_tags", condition=~Q(tags=[])),
            GinIndex(
                OpClass(Upper("subject"), name="gin_trgm_ops"),
                name="conversation_subject",
                condition=~Q(subject=""),
            ),
            models.Index(fields=["-created_at", "id"], name="conversation_by_age"),
            models.Index(fields=["inbox", "-updated_at"], name="conversation_of_inbox"),
            models.Index(fields=["team", "-updated_at"], name="conversation_of_team"),
        ]

    def __str__(self) -> str:
        return f"{self.subject or self.preview or self.pk}"

    @property
    def is_unread(self) -> bool:
        """True while the customer has written something that no operator has seen."""
        return self.last_contact_seq > self.read_by_operator_seq
