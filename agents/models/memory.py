"""What agents keep of conversations: the long ones in short, and answers to give again."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from agents.models.agents import Agent
from agents.models.runs import Run
from conversations.models import Conversation
from llm.embedding import DIMENSIONS


class Memory(models.Model):
    """What was said in a conversation since its last resolve, in short, up to one of its messages."""

    conversation = models.OneToOneField(Conversation, models.CASCADE, related_name="memory")
    # Where the conversation's context began then; another one makes this worthless.
    from_seq = models.PositiveIntegerField()
    up_to_seq = models.PositiveIntegerField()
    text = models.TextField(_("text"))
    model = models.CharField(_("model"), max_length=200)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("memory")
        verbose_name_plural = _("memories")

    def __str__(self) -> str:
        return self.text[:60]


class KnownAnswer(models.Model):
    """An answer that is given again to whoever asks the same; see `agents.reuse`."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="+")
    # Gone with its conversation, for it holds a customer's words.
    run = models.OneToOneField(Run, models.CASCADE, related_name="+")
    # What it depended on (`agents.reuse.version`).
    version = models.CharField(max_length=64)
    language = models.CharField(max_length=10)
    question = models.TextField()
    vector: Any = HalfVectorField(dimensions=DIMENSIONS)
    text = models.TextField()
    citations: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    choices: "models.JSONField[Any, Any]" = models.JSONField(default=list, blank=True)
    model = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("known answer")
        verbose_name_plural = _("known answers")
        indexes: ClassVar = [
            models.Index(fields=["agent", "version", "language"], name="known_answer_that_holds"),
            models.Index(fields=["agent", "created_at"], name="known_answer_oldest"),
        ]

    def __str__(self) -> str:
        return self.question[:60]
