"""What an AI agent is."""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from agents.enums import (
    Reuse,
)
from conversations.models import Inbox
from core.actor import Actor, ActorKind


def default_tools() -> list[str]:
    """What a new agent may call."""
    return ["search_knowledge", "offer_choices", "create_ticket", "hand_over"]


class AgentQuerySet(models.QuerySet["Agent"]):
    """The one door to agents for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to what the actor may see: admins all, staff those of their inboxes and those of none."""
        if actor.is_admin:
            return self
        if not actor.is_staff:
            return self.none()
        seen = Agent.inboxes.through.objects.filter(inbox__in=Inbox.objects.visible_to(actor))
        answers = Agent.inboxes.through.objects.filter(agent=OuterRef("pk"))
        return self.filter(Exists(answers.filter(pk__in=seen.values("pk"))) | ~Exists(answers))


class Agent(models.Model):
    """An AI agent: who it is, which model speaks, what it may call, where it answers."""

    name = models.CharField(_("name"), max_length=40)
    persona = models.TextField(
        _("persona"), blank=True, help_text=_("Tone and house rules, in your own words. May stay empty.")
    )
    model = models.CharField(
        _("model"), max_length=120, blank=True, help_text=_("Empty: the one the settings choose.")
    )
    tools = ArrayField(
        models.CharField(max_length=60), verbose_name=_("tools"), default=default_tools, blank=True
    )
    inboxes = models.ManyToManyField(Inbox, verbose_name=_("inboxes"), related_name="agents", blank=True)
    max_steps = models.PositiveSmallIntegerField(_("most steps in a run"), default=8)
    reuse = models.CharField(
        _("reuse answers"),
        max_length=10,
        choices=Reuse,
        default=Reuse.STRANGERS,
        db_default=Reuse.STRANGERS,
        help_text=_("The first question of a conversation, asked before, and answered from public articles."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # Also when its inboxes change, which stand in a table of their own.
    updated_at = models.DateTimeField(_("changed"), auto_now=True, db_default=Now())

    objects: ClassVar[models.Manager["Agent"]] = AgentQuerySet.as_manager()

    class Meta:
        verbose_name = _("AI agent")
        verbose_name_plural = _("AI agents")
        ordering = ("name", "pk")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(max_steps__range=(1, 8)), name="agent_steps_1_to_8"),
        ]

    def __str__(self) -> str:
        return self.name

    def as_actor(self) -> Actor:
        """Returns the agent as the `by=` of an action; it may see nothing by itself."""
        return Actor(ActorKind.AGENT, str(self.pk), self.name)
