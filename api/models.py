"""What the API remembers: answers to requests that may be repeated; webhooks, and what they are told."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from api.enums import EVERYTHING, ONLY_BY_NAME, UNFINISHED_CALLS, CallStatus, EventName, Topic
from conversations.enums import Light
from core.actor import Actor, ActorKind
from core.encryption import EncryptedJSONField

WEBHOOK_ID = "msg_"


class IdempotentRequest(models.Model):
    """A POST that was sent with an Idempotency-Key, and the answer it got.

    The row is written in the transaction that does what was asked for, so that there is no answer without the
    deed and no deed without the answer. Where that cannot be, because the deed waits for somebody else's
    server, `claimed_at` says since when one is at it, and `status` is empty until the answer is known.
    """

    owner = models.CharField(max_length=60)
    key = models.CharField(max_length=128)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    # Answers hold what customers said, and keys that are shown once.
    answer = EncryptedJSONField(null=True)
    claimed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("request that may be repeated")
        verbose_name_plural = _("requests that may be repeated")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "key"], name="idempotentrequest_once_per_owner"),
        ]
        indexes: ClassVar = [models.Index(fields=["claimed_at"], name="idempotentrequest_by_age")]

    def __str__(self) -> str:
        return f"{self.owner} {self.key}"


class Webhook(models.Model):
    """An address that is told what happens, and what its teams may hear of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    url = models.CharField(_("address"), max_length=2000)
    description = models.CharField(_("description"), max_length=200, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    # Said outright, as for a key: one whose last team is deleted must not come to hear of every team.
    all_teams = models.BooleanField(
        _("all teams"),
        default=False,
        help_text=_("Hears of every team; otherwise only of those chosen here."),
    )
    teams = models.ManyToManyField(Team, verbose_name=_("teams"), blank=True)
    events = ArrayField(models.CharField(max_length=40), verbose_name=_("events"), default=list)
    # [{"secret", "until"}], the newest first; `until` is null for the one that stays.
    secrets = EncryptedJSONField(default=list, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ("-created_at", "id")
        indexes: ClassVar = [
            # Looked at by the database with each event.
            models.Index(fields=["is_active"], condition=Q(is_active=True), name="webhook_active"),
        ]

    def __str__(self) -> str:
        return self.description or self.url

    def wants(self, name: str) -> bool:
        """True when the filter lets an event through; a test always does."""
        named = {name, f"{name.partition('.')[0]}.*"}
        if name == EventName.PING or named.intersection(self.events):
            return True
        return EVERYTHING in self.events and name not in ONLY_BY_NAME

    def as_actor(self) -> Actor:
        """Returns the webhook as a reader: it hears of what a key of its teams may see."""
        team_ids = frozenset(team.pk for team in self.teams.all())
        return Actor(ActorKind.API_KEY, str(self.pk), str(self), is_admin=self.all_teams, team_ids=team_ids)


class WebhookState(models.Model):
    """How a webhook's receiver stands; apart from its settings, since it changes with the calls.

    `failures`: in a row. `pauses`: how often in a row it was left alone since. Nobody calls before
    `not_before`.
    """

    webhook = models.OneToOneField(Webhook, models.CASCADE, primary_key=True, related_name="state")
    light = models.CharField(_("health"), max_length=8, choices=Light, default=Light.UNKNOWN)
    detail = models.CharField(_("last error"), max_length=500, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    pauses = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(_("paused until"), null=True, blank=True)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    failed_at = models.DateTimeField(_("last failure"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("last delivery"), null=True, blank=True)
    # Why it was switched off by itself; empty where people did, or nobody has.
    disabled = models.CharField(_("switched off because"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("state of a webhook")
        verbose_name_plural = _("states of webhooks")

    def __str__(self) -> str:
        return f"{self.webhook_id}: {self.light}"


class WebhookEvent(models.Model):
    """Something that happened, noted by a trigger of the database in the transaction in which it did.

    No transaction that writes the log of a conversation or a ticket, a contact or a campaign can forget it,
    and none pays for it while no webhook is active. `number` follows the order in which things happened to
    one subject, since whoever writes about it holds its row. `name` and `body`, what is sent, are made of it
    in a moment (`api.actions.telling`).
    """

    number = models.BigAutoField(primary_key=True)
    # What receivers tell doubles by.
    id = models.UUIDField(unique=True, db_default=RandomUUID(), editable=False)
    topic = models.CharField(_("about"), max_length=12, choices=Topic)
    subject = models.UUIDField()
    seq = models.PositiveIntegerField(_("number"), null=True, blank=True)
    kind = models.CharField(max_length=32)
    # The row of the conversation's or the ticket's log, where there is one.
    log = models.BigIntegerField(null=True, blank=True)
    happened_at = models.DateTimeField(_("happened"), db_default=Now())
    # The customer whose name stands in the body: it goes with them, whoever has the subject by then.
    person = models.UUIDField(null=True, blank=True, editable=False)
    name = models.CharField(_("event"), max_length=40, db_default="", default="")
    body = models.TextField(db_default="", default="")

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        indexes: ClassVar = [
            models.Index(fields=["number"], condition=Q(name=""), name="webhookevent_untold"),
            models.Index(fields=["subject"], name="webhookevent_of_subject"),
            models.Index(fields=["person"], condition=Q(person__isnull=False), name="webhookevent_of_person"),
        ]

    def __str__(self) -> str:
        return self.name or self.kind

    @property
    def webhook_id(self) -> str:
        """The id in the headers: the same at each try, in a replay too."""
        return f"{WEBHOOK_ID}{self.id.hex}"


class WebhookCall(models.Model):
    """An event on its way to one webhook; every try has a `WebhookAttempt`.

    `step`: its place in the plan of retries. `next_try_at` is null for what may go as soon as it is its turn.
    """

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="calls", verbose_name=_("webhook"))
    event = models.ForeignKey(WebhookEvent, models.CASCADE, related_name="calls", verbose_name=_("event"))
    subject = models.UUIDField()
    status = models.CharField(_("state"), max_length=9, choices=CallStatus, default=CallStatus.WAITING)
    step = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next try"), null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("webhook call")
        verbose_name_plural = _("webhook calls")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["webhook", "event"], name="webhookcall_once"),
            models.CheckConstraint(
                condition=Q(status__in=UNFINISHED_CALLS, ended_at=None)
                | (~Q(status__in=UNFINISHED_CALLS) & Q(ended_at__isnull=False)),
                name="webhookcall_ended_has_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["webhook", "subject", "event"],
                condition=Q(status__in=UNFINISHED_CALLS),
                name="webhookcall_unfinished",
            ),
            models.Index(fields=["webhook", "-created_at", "id"], name="webhookcall_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.event} · {self.get_status_display()} · {localtime(self.created_at):%Y-%m-%d %H:%M}"


class WebhookAttempt(models.Model):
    """One try to deliver a call. `status` is the answer's, null where none came."""

    call = models.ForeignKey(WebhookCall, models.CASCADE, related_name="tries")
    at = models.DateTimeField(_("time"))
    status = models.PositiveSmallIntegerField(_("answer"), null=True, blank=True)
    duration_ms = models.PositiveIntegerField(_("milliseconds"))
    error = models.CharField(_("error"), max_length=500, blank=True)
    answer = models.TextField(_("beginning of the answer"), blank=True)

    class Meta:
        verbose_name = _("webhook attempt")
        verbose_name_plural = _("webhook attempts")
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.status or self.error}"
