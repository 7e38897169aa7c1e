"""Making calls of what happened, in the order in which it did.

What the triggers of the database have noted is read by one worker at a time, which asks several times a
second as long as a webhook is active: nothing that writes has to wake it, and a note that nobody was woken
for cannot be lost.
"""

import asyncio
import time
from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction

from api import webhook_queries as queries
from api.actions.shaping import Told, told
from api.models import Webhook, WebhookCall, WebhookEvent
from api.tasks import plan_calls, plan_telling
from core.threads import in_thread

AT_ONCE = 200
LOOK_SECONDS = 0.25
# A job this short ends by itself when its worker is told to.
TURN_SECONDS = 2.0

SAY = """
UPDATE api_webhookevent event SET name = said.name, body = said.body, person = said.person
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::uuid[]) AS said(number, name, body, person)
WHERE event.number = said.number
"""

# In the JSON of `bodies`: a text up to its end, whatever is escaped in it.
TEXT = r'(?:[^"\\]|\\.)*'
PREVIEW = rf'("preview":"){TEXT}'
QUOTED = rf'("reply_to":{{"id":"%s","author":"{TEXT}","text":"){TEXT}'
BLANK = r"""
UPDATE api_webhookevent
SET body = regexp_replace(regexp_replace(body, %s, '\1'), %s, '\1')
WHERE subject = %s AND number < %s AND name <> ''
"""


async def tell() -> None:
    """Makes calls for a turn; the next follows while any webhook is active."""
    ends_at = time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends_at:
        if not await in_thread(tell_some):
            await asyncio.sleep(LOOK_SECONDS)
    await in_thread(_go_on)


def _go_on() -> None:
    if Webhook.objects.filter(is_active=True).exists():
        plan_telling()


@transaction.atomic(durable=True)
def tell_some() -> int:
    """Makes calls of the oldest noted events and plans them; returns how many events there were.

    An event that no webhook wants, or of something that is gone, leaves no trace.
    """
    events = queries.untold(AT_ONCE)
    if not events:
        return 0
    found = told(events)
    _forget(events, found)
    calls = [call for webhook in queries.listening() for call in _calls(webhook, events, found)]
    wanted = {call.event_id for call in calls}
    _say([(number, found[number]) for number in sorted(wanted)])
    WebhookEvent.objects.filter(pk__in=[event.pk for event in events if event.pk not in wanted]).delete()
    WebhookCall.objects.bulk_create(calls)
    for webhook_id in sorted({str(call.webhook_id) for call in calls}):
        plan_calls(webhook_id)
    return len(events)


def _calls(webhook: Webhook, events: Iterable[WebhookEvent], found: dict[int, Told]) -> list[WebhookCall]:
    """Returns the calls of one webhook: what it asked for, and its teams may see."""
    wanted = [event for event in events if event.number in found and webhook.wants(found[event.number].name)]
    seen: dict[str, set[UUID]] = {}
    for topic in {event.topic for event in wanted}:
        ids = {found[event.number].seen for event in wanted if event.topic == topic}
        seen[topic] = queries.heard_by(webhook, topic, ids)
    return [
        WebhookCall(webhook=webhook, event=event, subject=event.subject)
        for event in wanted
        if found[event.number].seen in seen[event.topic]
    ]


def _say(told_events: list[tuple[int, Told]]) -> None:
    """Writes down how events are called and what is sent: one statement."""
    numbers = [number for number, _ in told_events]
    names = [str(each.name) for _, each in told_events]
    bodies = [each.body for _, each in told_events]
    people = [each.person for _, each in told_events]
    with connection.cursor() as cursor:
        cursor.execute(SAY, [numbers, names, bodies, people])


def _forget(events: Iterable[WebhookEvent], found: dict[int, Told]) -> None:
    """Removes what was, or is still to be, told of messages that their authors took back since.

    Their words stand in what was told of the conversation as well, and in messages that answer them.
    """
    for event in events:
        message_id = found[event.number].forgotten if event.number in found else None
        if message_id is None:
            continue
        earlier = WebhookEvent.objects.filter(subject=event.subject, number__lt=event.number).exclude(name="")
        earlier.filter(body__contains=f'"message":{{"id":"{message_id}"').delete()
        with connection.cursor() as cursor:
            quoted = QUOTED % message_id
            cursor.execute(BLANK, [PREVIEW, quoted, event.subject, event.number])
