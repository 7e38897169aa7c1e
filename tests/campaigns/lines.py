"""What the tests of campaigns do to them: run, be written to, wait."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

from campaigns import actions
from campaigns.actions.feeding import Feeding
from campaigns.models import Campaign, Recipient
from conversations.models import Delivery
from core.actor import Actor


def begin(campaign: Campaign, by: Actor) -> Campaign:
    """Approves and starts."""
    actions.approve(campaign=campaign, by=by)
    return actions.start(campaign=campaign, by=by)


def go_on(campaign_id: str) -> float | None:
    """What the job of a campaign does between two pauses, by somebody who knows nothing of the last time."""
    return Feeding(campaign_id).go_on()


def feed(campaign: Campaign, *, turns: int = 200) -> float | None:
    """Has a campaign go on as its job does, without its pace; what it wrote is sent at once.

    Returns how long it would wait for anything else, None where its job has ended.
    """
    pause: float | None = 0.0
    for _turn in range(turns):
        Campaign.objects.filter(pk=campaign.pk).update(next_slot=None)
        pause = go_on(str(campaign.pk))
        Delivery.objects.filter(status="queued").update(status="sent")
        campaign.refresh_from_db()
        waits = pause is not None and pause > 0.25 and campaign.next_slot is None
        if pause is None or waits:
            break
    campaign.refresh_from_db()
    return pause


def run(campaign: Campaign, by: Actor) -> Campaign:
    """All of it, until nothing can be written now."""
    begin(campaign, by)
    feed(campaign)
    return campaign


def states(campaign: Campaign) -> dict[str, str]:
    """Returns what became of each recipient by name: their state, or why they were left out."""
    rows = Recipient.objects.filter(campaign=campaign).values_list("contact__name", "reason", "state")
    return {name: reason or state for name, reason, state in rows}


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Makes calls at once, each with a connection of its own; returns what they returned, or raised."""

    def alone(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 (looked at by the test)
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(alone, calls))


def no_errors(found: Iterable[Any]) -> None:
    """None of the calls raised."""
    raised = [repr(one) for one in found if isinstance(one, Exception)]
    assert not raised
