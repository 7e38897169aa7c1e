"""Messages, the event log and attachments."""

import secrets
import uuid
from typing import Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.enums import AuthorKind, Direction, EventType, FileStatus, Validation
from conversations.models.conversation import Conversation
from conversations.models.inboxes import Inbox


class Message(models.Model):
    """One thing said. The author's name is kept as text, so that nothing ties a person's row to history."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Indexes below begin with these two.
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages", db_index=False)
    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="+", db_index=False)
    seq = models.PositiveIntegerField(_("number"))
    author_kind = models.CharField(_("author"), max_length=10, choices=AuthorKind)
    author_id = models.CharField(max_length=64, blank=True)
    author_name = models.CharField(_("author's name"), max_length=120, blank=True)
    direction = models.CharField(_("direction"), max_length=4, choices=Direction)
    text = models.TextField(_("text"), blank=True)
    html = models.TextField(blank=True)
    citations: "models.JSONField[Any, Any]" = models.JSONField(default=list, blank=True)
    choices: "models.JSONField[Any, Any]" = models.JSONField(default=list, blank=True)
    # What is more than text: a location, a template, how a mail was addressed (see `conversations.exchange`).
    details: "models.JSONField[Any, Any]" = models.JSONField(default=dict, blank=True)
    reactions: "models.JSONField[Any, Any]" = models.JSONField(default=dict, blank=True)
    reply_to = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    external_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 (NULLs do not collide)
    client_id = models.UUIDField(null=True, blank=True)
    run = models.UUIDField(null=True, blank=True)
    validated_by = models.CharField(max_length=7, choices=Validation, default=Validation.PENDING)
    # What the customer thinks of an agent's answer; NULL until they say.
    helpful = models.BooleanField(_("helpful"), null=True, blank=True)
    unhelpful_reason = models.CharField(
        _("why it was not helpful"), max_length=500, blank=True, default="", db_default=""
    )
    # A machine wrote it: nobody waits for an answer, and no machine may give one.
    is_automatic = models.BooleanField(default=False)
    # By the provider's clock, where it differs: a message may come days late.
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    edited_at = models.DateTimeField(_("edited"), null=True, blank=True)
    deleted_at = models.DateTimeField(_("taken back"), null=True, blank=True)
    created_at = models.DateTimeField(_("written"), auto_now_add=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ("conversation", "seq")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="message_seq_once"),
            models.UniqueConstraint(fields=["conversation", "client_id"], name="message_client_id_once"),
            models.UniqueConstraint(fields=["inbox", "external_id"], name="message_external_id_once"),
            models.UniqueConstraint(fields=["run"], name="message_one_per_run"),
            models.CheckConstraint(
                condition=Q(direction=Direction.IN, author_kind=AuthorKind.CONTACT)
                | (~Q(direction=Direction.IN) & ~Q(author_kind=AuthorKind.CONTACT)),
                name="message_only_contacts_write_in",
            ),
            models.CheckConstraint(
                condition=Q(unhelpful_reason="") | Q(helpful=False, helpful__isnull=False),
                name="message_reason_of_unhelpful_only",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-created_at", "id"], name="message_newest"),
            models.Index(fields=["inbox", "-created_at"], name="message_of_inbox"),
            models.Index(fields=["author_kind", "-created_at"], name="message_by_author"),
            models.Index(
                fields=["-created_at"], condition=Q(direction=Direction.NOTE), name="message_newest_note"
            ),
            models.Index(
                fields=["-created_at"], condition=Q(helpful__isnull=False), name="message_newest_rated"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.seq} {self.author_name}: {self.text[:60]}"


class Event(models.Model):
    """The append-only log of a conversation: realtime, webhooks, audit and timelines all read it."""

    # The constraint below begins with it.
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="events", db_index=False)
    seq = models.PositiveIntegerField(_("number"))
    type = models.CharField(_("type"), max_length=32, choices=EventType)
    # Internal events (notes, assignment details) never reach the customer.
    is_internal = models.BooleanField(_("internal"), default=False)
    message = models.ForeignKey(Message, models.CASCADE, null=True, blank=True, related_name="events")
    payload: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, blank=True, encoder=DjangoJSONEncoder
    )
    actor_kind = models.CharField(max_length=10, blank=True)
    actor_name = models.CharField(_("by"), max_length=120, blank=True)
    # Set by the database: in the order of these all conversations are followed (see `queries.feed`).
    position = models.BigIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(_("happened"), auto_now_add=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ("conversation", "seq")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="event_seq_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["position", "id"], name="event_position")]

    def __str__(self) -> str:
        return f"#{self.seq} {self.type}"


def attachment_path(attachment: "Attachment", name: str) -> str:
    """Stores each content under random names only: the customer's file name never becomes a path.

    A bucket writes over what is there under a name: of two workers that fetched the same file, the one that
    came too late would remove the other's copy with its own.
    """
    del name
    return f"attachments/{attachment.pk.hex[:2]}/{attachment.pk.hex}-{secrets.token_hex(8)}"


class Attachment(models.Model):
    """A file sent with a message. Uploaded first, then claimed by the message that names it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="+")
    # The identity (or operator) that uploaded it: nobody else may attach it to a message.
    uploader = models.CharField(max_length=210)
    message = models.ForeignKey(
        Message, models.CASCADE, null=True, blank=True, related_name="attachments", verbose_name=_("message")
    )
    file = models.FileField(_("file"), upload_to=attachment_path, blank=True)
    status = models.CharField(_("state"), max_length=8, choices=FileStatus, default=FileStatus.READY)
    # What the adapter needs to fetch it.
    reference: "models.JSONField[Any, Any]" = models.JSONField(default=dict, blank=True)
    content_id = models.CharField(max_length=255, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(_("error"), max_length=300, blank=True)
    name = models.CharField(_("name"), max_length=200)
    content_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveIntegerField(_("size"), help_text=_("Bytes."))
    created_at = models.DateTimeField(_("uploaded"), auto_now_add=True)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")

    def __str__(self) -> str:
        return self.name
