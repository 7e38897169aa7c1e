"""Past messages that mean the same as a text.

What the asker may not see, and other teams' messages, are left out before anything is ranked: ranking first
and filtering after would find too few, and tell by the gaps that there is something.

Few messages are compared one by one, which is exact. Of more, candidates are found by their sketches, a bit
for the sign of each number, and these are compared: of the ten nearest, 99.5 % are among the hundred with the
nearest sketches. The sketches of all that may be seen are read from an index, conversation by conversation.
Where that are very many, another index is walked from the nearest outwards (`hnsw.iterative_scan`) until it
has met enough of them. Which way is shorter is told by the planner's own estimate of how many there are: the
fewer of all they are, the longer the walk. Where it gives up early, the sketches are read after all.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, QuerySet
from pgvector import HalfVector
from pgvector.django import HammingDistance, MaxInnerProduct

from accounts.models import Team
from conversations.models import Message
from conversations.queries.threads import messages_for_frames
from core.actor import Actor
from knowledge.models import MessageToEmbed, MessageVector
from llm.door import embed

Scored = tuple[UUID, float]

# Up to so many, each is compared. All of these were measured with `benchmarks/message_search.py`.
EXACT = 2_000
# Candidates that are compared in the end, at least and for each message that is wanted.
FEWEST, FOR_EACH = 200, 6
# To meet a message on the walk takes as long as to read so many sketches; so does its beginning.
DEARER, BEGINNING = 40, 12_000
# How many candidates a step of the walk keeps in view; more find more of the true nearest, and take longer.
IN_VIEW = 300
# Where the walk gives up: messages met, and memory as a multiple of `work_mem`.
LONGEST_WALK = 40_000
WALK_MEMORY = 8

WALK = f"""
SET LOCAL hnsw.iterative_scan = relaxed_order;
SET LOCAL hnsw.ef_search = {IN_VIEW};
SET LOCAL hnsw.max_scan_tuples = {LONGEST_WALK};
SET LOCAL hnsw.scan_mem_multiplier = {WALK_MEMORY};
SET LOCAL enable_sort = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
"""
WALKED = """
SET LOCAL enable_sort = DEFAULT;
SET LOCAL enable_hashjoin = DEFAULT;
SET LOCAL enable_mergejoin = DEFAULT;
"""


@dataclass(frozen=True, slots=True)
class SimilarMessage:
    """A message with the cosine of the angle between what it and what the asked text mean: 1 is the same."""

    message: Message
    score: float


def similar_messages(
    text: str, *, actor: Actor, team: Team | None = None, limit: int = 10, threshold: float = -1.0
) -> list[SimilarMessage]:
    """Returns the messages nearest in meaning to a text, best first: what customers wrote and were answered.

    Only of conversations the actor may see, and of those that are one team's where `team` is given. Nothing
    below `threshold` (a cosine, -1 to 1) is returned. Internal notes and lines of the system are never among
    them; a message is found some seconds after it was written. An empty text finds nothing.
    """
    if not text.strip():
        return []
    rows = MessageVector.objects.visible_to(actor, team=team)
    scored = nearest_vectors(rows, embed([text])[0], limit=limit)
    return fetched([(pk, score) for pk, score in scored if score >= threshold])


def nearest_vectors(rows: "QuerySet[MessageVector]", vector: list[float], *, limit: int) -> list[Scored]:
    """Returns (message, score) of the rows nearest to a vector of length 1, best first."""
    way = way_to(rows, limit)
    if way == "exact":
        return compared(rows, vector, limit=limit)
    wanted = max(FEWEST, FOR_EACH * limit)
    found = walked(rows, vector, wanted) if way == "walk" else None
    pool: Any = sketched(rows, vector, wanted) if found is None else found
    # Who may be seen is settled: these are looked up by their keys alone.
    return compared(MessageVector.objects.filter(pk__in=pool), vector, limit=limit)


def way_to(rows: "QuerySet[MessageVector]", limit: int) -> str:
    """Says which way to the nearest of these rows is the shortest: `exact`, `sketches` or `walk`."""
    count = estimate(rows)
    if count <= EXACT:
        return "exact"
    if count <= BEGINNING:
        return "sketches"
    met = max(FEWEST, FOR_EACH * limit) * estimate(MessageVector.objects.all()) / count
    return "walk" if BEGINNING + DEARER * met < count else "sketches"


def compared(rows: "QuerySet[MessageVector]", vector: list[float], *, limit: int) -> list[Scored]:
    """Returns the nearest by comparing each row: exact, and slow where there are many."""
    distance = MaxInnerProduct("vector", HalfVector(vector))
    found = rows.annotate(distance=distance).order_by("distance").values_list("pk", "distance")
    # Half precision puts the length of a vector a little beside 1.
    return [(pk, min(-distance, 1.0)) for pk, distance in found[:limit]]


def sketched(rows: "QuerySet[MessageVector]", vector: list[float], wanted: int) -> "QuerySet[Any, Any]":
    """Returns candidates by reading the sketch of each row: as a part of the statement that compares them."""
    # A sum is no order that the other index could give.
    return _by_sketch(rows, vector).order_by(F("distance") + 0.0).values("pk")[:wanted]


@transaction.atomic
def walked(rows: "QuerySet[MessageVector]", vector: list[float], wanted: int) -> list[UUID] | None:
    """Returns candidates by walking the index; None where it gave up before it had enough."""
    with connection.cursor() as cursor:
        cursor.execute(WALK)
        found = list(_by_sketch(rows, vector).order_by("distance").values_list("pk", flat=True)[:wanted])
        # The caller's transaction may go on.
        cursor.execute(WALKED)
    return found if len(found) == wanted else None


def estimate(rows: "QuerySet[MessageVector]") -> int:
    """Returns about how many rows there are, as the planner thinks: no row is read for it."""
    plan = rows.order_by().values("pk").explain(format="json")
    # Where the actor may see none at all, there is nothing to plan.
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"]) if plan else 0


def fetched(scored: Iterable[Scored]) -> list[SimilarMessage]:
    """Returns the messages with all that is shown of them, best first."""
    scores = dict(scored)
    found = messages_for_frames(Message.objects.filter(pk__in=scores))
    rows = [SimilarMessage(message, scores[message.pk]) for message in found]
    return sorted(rows, key=lambda row: (-row.score, row.message.pk))


def embedded_messages() -> int:
    """Returns how many messages have a vector."""
    return MessageVector.objects.count()


def messages_to_embed(limit: int) -> list[tuple[UUID, str]]:
    """Returns (id, text) of some messages that wait for their vectors."""
    waiting = MessageToEmbed.objects.order_by("pk").values_list("message_id", "message__text")
    return list(waiting[:limit])


def _by_sketch(rows: "QuerySet[MessageVector]", vector: list[float]) -> "QuerySet[Any]":
    # As the database makes them (`binary_quantize`).
    sketch = "".join("1" if number > 0 else "0" for number in vector)
    return rows.annotate(distance=HammingDistance("sketch", sketch))
