"""Answers in the making, with their steps."""

import uuid
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from agents.enums import (
    RunStatus,
    Verdict,
)
from agents.models.agents import Agent
from conversations.models import Conversation
from core.actor import Actor


class RunQuerySet(models.QuerySet["Run"]):
    """The one door to runs for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to the runs of conversations that a member of staff, or a key, may see."""
        if actor.is_admin:
            return self
        seen = Conversation.objects.visible_to(actor)
        return self.filter(conversation__in=seen) if actor.is_staff else self.none()


class Run(models.Model):
    """One answer in the making: from the customer's last message to the agent's, or to a hand-over.

    A run that was killed is continued by the next attempt: its finished steps are not done again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # What was done in a company's name stays known: an agent that has answered is switched off, not deleted.
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="runs", verbose_name=_("agent"))
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="runs")
    status = models.CharField(_("status"), max_length=12, choices=RunStatus, default=RunStatus.RUNNING)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    # The customer's message up to which this run answers.
    up_to_seq = models.PositiveIntegerField()
    model = models.CharField(_("model"), max_length=120, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(
        _("cost"), max_digits=12, decimal_places=6, default=0, help_text=_("US dollars.")
    )
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    # The run whose answer was given again: no model was asked.
    reused_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("reused from")
    )
    # What each sentence of the answer rests on (`agents.grounding.Check`).
    checks: "models.JSONField[Any, Any]" = models.JSONField(_("checks"), default=list, blank=True)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects: ClassVar[models.Manager["Run"]] = RunQuerySet.as_manager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation"],
                condition=Q(status=RunStatus.RUNNING),
                name="run_one_at_a_time_per_conversation",
            ),
            models.CheckConstraint(
                condition=Q(status=RunStatus.RUNNING, finished_at=None)
                | (~Q(status=RunStatus.RUNNING) & Q(finished_at__isnull=False)),
                name="run_finished_has_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "-up_to_seq"], name="run_of_conversation"),
            models.Index(fields=["-started_at"], name="run_newest"),
            models.Index(fields=["agent", "-started_at", "-id"], name="run_newest_of_agent"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.status} {self.started_at:%Y-%m-%d %H:%M}"


class Step(models.Model):
    """One tool call of a run, written in the same transaction as its effect: done once or not at all."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="steps")
    number = models.PositiveSmallIntegerField(_("number"))
    tool = models.CharField(_("tool"), max_length=64)
    call_id = models.CharField(max_length=120, blank=True)
    arguments = models.TextField(_("arguments"), blank=True)
    result = models.TextField(_("result"), blank=True)
    citations: "models.JSONField[Any, Any]" = models.JSONField(default=list, blank=True)
    choices: "models.JSONField[Any, Any]" = models.JSONField(default=list, blank=True)
    ends_run = models.BooleanField(default=False)
    failed = models.BooleanField(_("refused"), default=False)
    # What the tool's class was then, what the policy said, and who approved it: kept though all may change.
    effect = models.CharField(_("class"), max_length=10, blank=True, default="", db_default="")
    verdict = models.CharField(
        _("verdict"), max_length=12, choices=Verdict, default=Verdict.ALLOWED, db_default=Verdict.ALLOWED
    )
    approved_by = models.CharField(_("decided by"), max_length=120, blank=True, default="", db_default="")
    # Names the call to whoever is asked: the same after a restart.
    key = models.CharField(max_length=100, blank=True, default="", db_default="")
    # False while somebody else's system is asked; the result says then that nothing is known.
    is_settled = models.BooleanField(_("answered"), default=True, db_default=True)
    created_at = models.DateTimeField(_("done"), auto_now_add=True)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ("run", "number")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "number"], name="step_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.tool}"
