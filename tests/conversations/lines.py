"""What the tests of the engine say to it: receipts as they come, and time that has passed."""

import json
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.utils import timezone

from conversations.actions import reply, sending, settling
from conversations.actions.claiming import Claim, Wait, claim
from conversations.actions.intake import take_in
from conversations.enums import Verdict
from conversations.models import Conversation, Delivery, InboundEvent, Inbox
from core.actor import Actor

Item = dict[str, Any]


def incoming(number: int | str = 1, text: str = "Oi", sender: Any = "davi", **more: Any) -> Item:
    """A customer's message."""
    return {"kind": "incoming", "external_id": f"m{number}", "sender": sender, "text": text, **more}


def event(inbox: Inbox, *items: Item, body: bytes | None = None) -> InboundEvent:
    """A receipt as the door stores it."""
    count = InboundEvent.objects.filter(inbox=inbox).count()
    content = json.dumps({"items": items}).encode() if body is None else body
    return InboundEvent.objects.create(inbox=inbox, provider_event_id=f"e{count}", body=content)


def told(inbox: Inbox, *items: Item, body: bytes | None = None) -> Verdict:
    """Stores a receipt, has it taken in and returns the verdict."""
    return take_in(event(inbox, *items, body=body))


def pass_time(seconds: float) -> None:
    """Lets all that deliveries, inboxes and receipts remember be so much longer ago."""
    for table, columns in CLOCKS.items():
        changes = ", ".join(f"{column} = {column} - %s * interval '1 s'" for column in columns)
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET {changes}", [seconds] * len(columns))  # noqa: S608 (names of ours)


CLOCKS = {
    "conversations_delivery": ("next_try_at", "claimed_at", "created_at", "sent_at"),
    "conversations_inboxstate": ("next_slot", "not_before"),
    "conversations_inboundevent": ("next_try_at", "received_at"),
    "conversations_attachment": ("created_at",),
}


def only_delivery() -> Delivery:
    """The one delivery there is."""
    return Delivery.objects.get()


def waiting_for(delivery: Delivery) -> float:
    """The seconds until a delivery is tried again."""
    assert delivery.next_try_at is not None
    return (delivery.next_try_at - timezone.now()).total_seconds()


def planned(task: str) -> list[Any]:
    """The arguments of the jobs that wait under a name, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT args FROM procrastinate_jobs WHERE task_name = %s AND status = 'todo' ORDER BY id", [task]
        )
        return [json.loads(args) if isinstance(args, str) else args for (args,) in cursor.fetchall()]


def eventually(is_so: Callable[[], Any]) -> bool:
    """Waits for what another process or thread does; False when it does not come."""
    end = time.monotonic() + 60
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def say(conversation: Conversation, text: str = "Olá", **more: Any) -> Delivery:
    """Answers the customer; returns the first thing to be sent for it."""
    message = reply(conversation=conversation, text=text, by=Actor.system(), **more)
    return Delivery.objects.filter(message=message).order_by("part")[0]


def hand_out(conversation: Conversation) -> Wait | None:
    """Sends what the conversation owes, as the job does, on this thread; returns what it would wait for."""
    while isinstance(found := claim(str(conversation.pk)), Claim):
        settling.settle(found.key, found.attempt, sending._call(found))
    return found


def sent(conversation: Conversation, text: str = "Olá") -> Delivery:
    """Answers the customer, and the provider takes it."""
    delivery = say(conversation, text)
    hand_out(conversation)
    delivery.refresh_from_db()
    return delivery
