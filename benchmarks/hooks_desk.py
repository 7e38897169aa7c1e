"""What happens in a measurement of webhooks, inside the product's settings; prints JSON.

make ADDRESS           an inbox and a webhook that hears of messages; prints its secret
write INBOX COUNT SECONDS CUSTOMERS   so many messages of so many customers, spread over the time
cost ROUNDS            what a message costs: without the triggers, with nobody listening, with one webhook
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 (needs the app registry, as all below)
from django.db import connection, transaction  # noqa: E402

from api.actions.webhooks import change_webhook, create_webhook  # noqa: E402
from api.models import Webhook, WebhookEvent  # noqa: E402
from conversations.actions import Sender, receive  # noqa: E402
from conversations.models import Inbox  # noqa: E402
from core.actor import Actor  # noqa: E402

ADMIN = Actor.system()
TRIGGERS = "ALTER TABLE conversations_event {} TRIGGER api_note"
EACH = 400
# An event as `add_message` writes it, to a conversation that is there.
INSERT = """
EXPLAIN (ANALYZE, FORMAT JSON) INSERT INTO conversations_event
    (conversation_id, seq, type, is_internal, payload, actor_kind, actor_name, created_at)
SELECT id, 1000000 + number, 'message.created', false, '{}', '', '', now()
FROM (SELECT id FROM conversations_conversation LIMIT 1) one, generate_series(1, 5000) number
"""


def make(address: str) -> dict[str, Any]:
    """Migrates and makes both."""
    call_command("migrate", interactive=False, verbosity=0)
    row, secret = create_webhook(by=ADMIN, url=address, events=["message.created"])
    return {"inbox": Inbox.objects.create(name="Aurora").pk, "webhook": str(row.pk), "secret": secret}


def write(inbox_id: str, count: str, seconds: str, customers: str) -> dict[str, Any]:
    """Writes as the customers' widgets would, whatever the receiver does meanwhile."""
    inbox = Inbox.objects.get(pk=inbox_id)
    began = time.monotonic()
    for number in range(int(count)):
        pause = began + number / int(count) * float(seconds) - time.monotonic()
        time.sleep(max(pause, 0))
        who = f"visitor {number * 7919 % int(customers)}"
        receive(inbox=inbox, sender=Sender(who, name=who), text=f"Message {number}")
    return {"seconds": round(time.monotonic() - began, 1)}


def cost(rounds: str) -> dict[str, Any]:
    """Returns the milliseconds of a received message, and the microseconds of the trigger itself."""
    call_command("migrate", interactive=False, verbosity=0)
    inbox = Inbox.objects.create(name="Aurora")
    webhook, _secret = create_webhook(by=ADMIN, url="http://127.0.0.1:9/")
    ways: dict[str, Callable[[], None]] = {
        "bare": lambda: _switch(webhook, is_on=False, triggers="DISABLE"),
        "nobody": lambda: _switch(webhook, is_on=False),
        "one": lambda: _switch(webhook, is_on=True),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    notes: dict[str, list[float]] = {name: [] for name in ways}
    for _round in range(int(rounds)):
        for name, prepare in ways.items():
            prepare()
            times[name] += [_received(inbox, number) for number in range(EACH)]
            notes[name].append(_trigger())
    row = {f"message_ms_{name}": round(statistics.median(each) * 1000, 3) for name, each in times.items()}
    return row | {f"trigger_us_{name}": round(statistics.median(each), 2) for name, each in notes.items()}


def _switch(webhook: Webhook, *, is_on: bool, triggers: str = "ENABLE") -> None:
    change_webhook(webhook=webhook, by=ADMIN, is_active=is_on)
    WebhookEvent.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS.format(triggers))
        cursor.execute("VACUUM ANALYZE api_webhook, api_webhookevent")


def _received(inbox: Inbox, number: int) -> float:
    began = time.perf_counter()
    receive(inbox=inbox, sender=Sender(f"visitor {number % 20}"), text="Onde está meu pedido?")
    return time.perf_counter() - began


def _trigger() -> float:
    """Returns what PostgreSQL says of the trigger, for one row; 0 where there is none."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSERT)
        (found,) = cursor.fetchone()
        transaction.set_rollback(True)
    plan = found[0] if isinstance(found, list) else json.loads(found)[0]
    ours = [each for each in plan["Triggers"] if each["Trigger Name"] == "api_note"]
    return float(ours[0]["Time"]) * 1000 / float(ours[0]["Calls"]) if ours else 0.0


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    verbs: dict[str, Callable[..., dict[str, Any]]] = {"make": make, "write": write, "cost": cost}
    print(json.dumps(verbs[verb](*arguments)))
