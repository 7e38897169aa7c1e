"""What messages mean."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Func
from django.utils.translation import gettext_lazy as _
from pgvector.django import BitField, HalfVectorField, HnswIndex

from accounts.models import Team
from conversations.models import Conversation, Message
from core.actor import Actor
from llm.embedding import DIMENSIONS


class MessageVectorQuerySet(models.QuerySet["MessageVector"]):
    """The one door to what messages mean for an actor."""

    def visible_to(self, actor: Actor, *, team: Team | None = None) -> Self:
        """Narrows to messages of the conversations the actor may see, and of one team where given."""
        if actor.is_admin and team is None:
            return self
        seen = Conversation.objects.visible_to(actor)
        return self.filter(conversation__in=seen if team is None else seen.filter(team=team))


class MessageVector(models.Model):
    """What a message means. A trigger of the database removes it with the text it was made from.

    Team and inbox are those of the conversation, and are asked there: a conversation changes its team, and a
    copy that lags behind would show a message to people who may not see it any more.
    """

    message = models.OneToOneField(Message, models.CASCADE, primary_key=True, related_name="vector")
    # Without a constraint: checking it would wait for whoever has the conversation locked, and they for us.
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="message_vectors", db_constraint=False, db_index=False
    )
    vector: Any = HalfVectorField(_("vector"), dimensions=DIMENSIONS, editable=False)
    # The signs of its numbers: a sixteenth of the size, and nearly the same neighbours.
    sketch = models.GeneratedField(
        expression=Func(F("vector"), template=f"binary_quantize(%(expressions)s)::bit({DIMENSIONS})"),
        output_field=BitField(length=DIMENSIONS),
        db_persist=True,
    )

    objects = MessageVectorQuerySet.as_manager()

    class Meta:
        verbose_name = _("message's vector")
        verbose_name_plural = _("messages' vectors")
        indexes: ClassVar = [
            HnswIndex(
                fields=["sketch"],
                name="messagevector_nearest",
                m=16,
                ef_construction=64,
                opclasses=["bit_hamming_ops"],
            ),
            # The sketches of a conversation lie side by side, and the rows are not needed to compare them.
            models.Index(
                fields=["conversation"], include=["message", "sketch"], name="messagevector_sketches"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id}"


class MessageToEmbed(models.Model):
    """A message whose text has no vector yet; written by a trigger of the database with the text itself.

    The row is the job: nothing is deferred for a single message, and a burst is one run.
    """

    message = models.OneToOneField(
        Message, models.CASCADE, primary_key=True, related_name="to_embed", db_constraint=False
    )

    class Meta:
        verbose_name = _("message to be embedded")
        verbose_name_plural = _("messages to be embedded")

    def __str__(self) -> str:
        return f"{self.message_id}"
