"""Events of all conversations, in an order in which none can be missed.

Neither ids nor times are such an order: they are taken when a row is written, and rows appear when their
transactions are committed, which may be in any order. Here each event has a position that is at least the
number of its transaction, and given out is only what lies below the oldest transaction that is still at
work. Whatever appears later belongs to a transaction that was at work then or began after, so it lies at or
above that, and so behind every cursor that was given out. In one conversation positions never go down, since
its row is locked while one is taken: there the order is that of `seq`.

The price is that nobody hears of anything newer while some transaction of the cluster is at work: usually
some milliseconds, and as long as it takes where somebody leaves one open. Late, but never lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self
from uuid import UUID

from django.db.models import BigIntegerField, Prefetch, Q, QuerySet
from django.db.models.expressions import RawSQL

from conversations.models import Attachment, Conversation, Event
from core.actor import Actor

# Events looked at for one page where only some conversations may be seen: bounds what a page costs.
LOOKED_AT = 2_000
# Below this every transaction is over. In the statement that reads, so that both see the same.
HORIZON = """(
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + ahead FROM conversations_eventclock
)"""


class Place(NamedTuple):
    """How far a reader has come: behind this event. As text it is a cursor."""

    position: int
    id: int

    def __str__(self) -> str:
        return f"{self.position}-{self.id}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Returns the place that a text names; raises ValueError."""
        position, _dash, number = text.partition("-")
        return cls(int(position), int(number))


START = Place(0, 0)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some events in their order, where to go on, and whether there is more already."""

    events: Sequence[Event]
    place: Place
    has_more: bool


def follow(
    place: Place, *, actor: Actor, limit: int, types: Sequence[str] = (), looked_at: int = LOOKED_AT
) -> Stretch:
    """Returns the next events of the conversations the actor may see, internal ones only for staff.

    Whoever goes on from each `place` gets every event of what they may see exactly once, however many write
    meanwhile. There may be fewer than `limit`, or none, and yet more to come. A conversation that somebody
    is given later brings its later events only; its history is read by itself.
    """
    ahead = _behind(place).values_list("position", "pk", "conversation_id", "type", "is_internal")
    looked = list(ahead[:looked_at])
    seen = _seen({row[2] for row in looked}, actor)
    wanted = [
        Place(position, pk)
        for position, pk, conversation, kind, is_internal in looked
        if conversation in seen and (not types or kind in types) and (actor.is_staff or not is_internal)
    ]
    chosen = wanted[:limit]
    reached = chosen[-1] if len(wanted) > limit else Place(*looked[-1][:2]) if looked else place
    has_more = len(wanted) > limit or len(looked) == looked_at
    return Stretch(_in_full(chosen), reached, has_more)


def follow_one(
    conversation_id: UUID, place: Place, *, actor: Actor, limit: int, types: Sequence[str] = ()
) -> Stretch:
    """Returns the next events of one conversation by their numbers, none where the actor may not see it.

    Numbers have no gaps and appear in their order: nothing has to be waited for. Places are of this
    conversation only.
    """
    if not Conversation.objects.visible_to(actor).filter(pk=conversation_id).exists():
        return Stretch((), place, has_more=False)
    events = Event.objects.filter(conversation_id=conversation_id, seq__gt=place.id).order_by("seq")
    events = events if actor.is_staff else events.filter(is_internal=False)
    events = events.filter(type__in=types) if types else events
    found = list(events_for_frames(events)[: limit + 1])
    reached = Place(0, found[:limit][-1].seq) if found else place
    return Stretch(found[:limit], reached, has_more=len(found) > limit)


def newest(conversation_id: UUID, *, actor: Actor) -> Place:
    """Returns the place behind everything that `follow_one` would give out now."""
    seen = Conversation.objects.visible_to(actor).filter(pk=conversation_id)
    return Place(0, seen.values_list("last_seq", flat=True).first() or 0)


def present() -> Place:
    """Returns the place behind everything that `follow` would give out now."""
    last = _behind(START).order_by("-position", "-pk").values_list("position", "pk").first()
    return Place(*last) if last else START


def events_for_frames(events: "QuerySet[Event]") -> "QuerySet[Event]":
    """Fetches with the events what is shown of them: two queries whatever their number."""
    attachments = Prefetch("message__attachments", Attachment.objects.order_by("created_at"))
    related = events.select_related("message", "message__inbox", "message__reply_to")
    return related.prefetch_related(attachments)


def _behind(place: Place) -> "QuerySet[Event]":
    """The events behind a place of which it is sure that none will come before them any more."""
    horizon = RawSQL(HORIZON, [], BigIntegerField())  # noqa: S611 (a statement of ours, without values)
    beyond = Q(position__gt=place.position) | Q(position=place.position, pk__gt=place.id)
    # The first condition says nothing new; it lets the index begin at the right place.
    return Event.objects.filter(beyond, position__gte=place.position, position__lt=horizon).order_by(
        "position", "pk"
    )


def _seen(conversation_ids: set[UUID], actor: Actor) -> set[UUID]:
    if actor.is_admin:
        return conversation_ids
    seen = Conversation.objects.visible_to(actor).filter(pk__in=conversation_ids)
    return set(seen.values_list("pk", flat=True))


def _in_full(chosen: Sequence[Place]) -> list[Event]:
    events = events_for_frames(Event.objects.filter(pk__in=[place.id for place in chosen]))
    return sorted(events, key=lambda event: (event.position, event.pk))
