"""How far a message has come, over all the parts in which it is sent."""

from collections.abc import Iterable, Mapping
from typing import Any, NotRequired, TypedDict
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from conversations.enums import DeliveryStatus, Direction, Withdrawn
from conversations.models import UNFINISHED, Delivery, Message
from core.reasons import said

# The worst first: a message is where its worst part is.
WORST_FIRST = (
    DeliveryStatus.FAILED,
    DeliveryStatus.UNKNOWN,
    DeliveryStatus.QUEUED,
    DeliveryStatus.SENDING,
    DeliveryStatus.SENT,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.READ,
)
LOOKED_AT = 50


class State(TypedDict):
    """The state of a message as the desk shows it. `error` is for people, and empty unless it failed.

    `note` is for people too: what to know of one that was sent all the same. `is_held`: it waits for its
    inbox to be switched on.
    """

    status: str
    error: str
    can_retry: bool
    note: NotRequired[str]
    is_held: NotRequired[bool]


def parts_of(message: str) -> ArraySubquery:
    """Returns an annotation with the states of a message's parts; `message` is the way to its id."""
    parts = Delivery.objects.filter(message_id=OuterRef(message)).order_by("part")
    state = JSONObject(status="status", error="error", code="error_code", is_active="inbox__is_active")
    return ArraySubquery(parts.values(state=state))


def delivery_frame(parts: Iterable[Mapping[str, Any]]) -> State | None:
    """Returns the state of a message from those of its parts, for a reader of the active language.

    None for one that nobody has to deliver.
    """
    worst = min(parts, key=lambda part: WORST_FIRST.index(part["status"]), default=None)
    if worst is None:
        return None
    has_failed = worst["status"] == DeliveryStatus.FAILED
    error = said(worst["error"]) if has_failed else ""
    can_retry = has_failed and worst.get("code") not in set(Withdrawn)
    state = State(status=worst["status"], error=error, can_retry=can_retry)
    if worst["error"] and not has_failed and worst["status"] not in UNFINISHED:
        state["note"] = said(worst["error"])
    if worst["status"] in UNFINISHED and not worst.get("is_active", True):
        state["is_held"] = True
    return state


def delivery_states(conversation_id: UUID, *, limit: int = LOOKED_AT) -> dict[str, State]:
    """Returns the states of the newest messages to the customer by their ids, in one query.

    Messages that nobody has to deliver are left out.
    """
    sent = Message.objects.filter(conversation_id=conversation_id, direction=Direction.OUT)
    rows = sent.annotate(parts=parts_of("pk")).order_by("-seq").values_list("pk", "parts")[:limit]
    found = {str(pk): delivery_frame(parts) for pk, parts in rows}
    return {pk: state for pk, state in found.items() if state is not None}
