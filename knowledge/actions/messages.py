"""What messages mean, made after they were written: by a job, some hundred at a time, never in a request."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from conversations.models import Message
from knowledge.models import MessageToEmbed, MessageVector
from knowledge.queries.messages import messages_to_embed
from llm.door import embed

BATCH = 128  # messages whose texts and vectors are in memory at once


def embed_some() -> int:
    """Makes the vectors of some messages that wait for theirs; returns how many do not wait any more.

    Embeds first and writes after. A message that somebody else is writing is left for the next time, and one
    whose text has changed meanwhile too: the change has put it on the list again.
    """
    texts = dict(messages_to_embed(BATCH))
    if not texts:
        return 0
    # The model takes its time: no transaction is open and no row locked meanwhile.
    vectors = dict(zip(texts, embed(list(texts.values())), strict=True))
    return _store(texts, vectors)


@transaction.atomic
def embed_again() -> int:
    """Has the vectors of all messages made anew, after another model for example; returns how many wait.

    Until its turn has come, each message is found by the vector it has.
    """
    said = Message.objects.filter(vector__isnull=False, to_embed=None).values_list("pk", flat=True)
    MessageToEmbed.objects.bulk_create(
        (MessageToEmbed(message_id=pk) for pk in said.iterator(chunk_size=5_000)),
        batch_size=5_000,
        ignore_conflicts=True,
    )
    return MessageToEmbed.objects.count()


@transaction.atomic
def _store(texts: Mapping[UUID, str], vectors: Mapping[UUID, list[float]]) -> int:
    """Writes the vectors of those messages that still say what was embedded, and takes them off the list."""
    # Whoever edits one now waits for us, and removes its vector after; whom we would wait for is left out.
    still = Message.objects.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("pk")
    rows = [
        row for row in still.only("conversation", "text").filter(pk__in=texts) if row.text == texts[row.pk]
    ]
    MessageVector.objects.bulk_create(
        (
            MessageVector(message=row, conversation_id=row.conversation_id, vector=vectors[row.pk])
            for row in rows
        ),
        update_conflicts=True,
        unique_fields=["message"],
        update_fields=["vector"],
    )
    MessageToEmbed.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)
