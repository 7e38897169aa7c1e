"""Customers' messages in inboxes of the channel `api`, each with the answer it got."""

from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from api.queries import messages_for
from conversations.enums import AuthorKind, Direction
from conversations.models import Message
from conversations.queries.threads import messages_for_frames
from core.actor import Actor


def records_for(actor: Actor) -> "QuerySet[Message]":
    """Returns what customers wrote in inboxes of the channel `api`, as far as the actor may see it."""
    rows = messages_for(actor).filter(direction=Direction.IN, inbox__channel="api")
    return _as_records(rows)


def stored_record(message_id: UUID) -> Message:
    """Returns what a client wrote for the one who has just stored it.

    Nobody is asked who may see it: another team may have its conversation by now, and who is told that there
    is no such message would store it once more.
    """
    return _as_records(messages_for_frames(Message.objects.all())).get(pk=message_id)


def _as_records(rows: "QuerySet[Message]") -> "QuerySet[Message]":
    return with_answer(rows.select_related("conversation__identity", "conversation__team"))


def with_answer(rows: "QuerySet[Message]") -> "QuerySet[Message]":
    """Notes on each row the id of its answer: what answers it by name, else what was said next.

    What answers another message by name is not its answer.
    """
    said = Message.objects.filter(
        direction=Direction.OUT, author_kind__in=(AuthorKind.OPERATOR, AuthorKind.AGENT), deleted_at=None
    )
    by_name = said.filter(reply_to=OuterRef("pk")).order_by("-seq").values("pk")[:1]
    after = said.filter(conversation=OuterRef("conversation"), seq__gt=OuterRef("seq"), reply_to=None)
    following = after.order_by("seq").values("pk")[:1]
    return rows.annotate(answer_id=Coalesce(Subquery(by_name), Subquery(following)))


def answers_of(rows: list[Message]) -> dict[Any, Message]:
    """Returns the answers of rows that `with_answer` has noted, by their ids, in one query."""
    wanted = Q(pk__in=[row.answer_id for row in rows if row.answer_id])  # type: ignore[attr-defined]
    return {answer.pk: answer for answer in Message.objects.filter(wanted).select_related("inbox")}
