"""What agents could not answer comes to the list of articles to write, by a job and once."""

import pytest
from asgiref.sync import sync_to_async as in_db
from django.utils import timezone

from agents.actions import collect_unanswered
from agents.enums import RunStatus
from agents.models import Agent, Run
from agents.runtime import answer
from conversations.actions import Sender, hand_back, rate_answer, receive, reply
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor
from knowledge.enums import WhyUnanswered
from knowledge.models import UnansweredQuestion
from knowledge.tools import NOTHING_FOUND

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()


@pytest.fixture
def lia(inbox: Inbox) -> Agent:
    agent = Agent.objects.create(name="Lia")
    agent.inboxes.add(inbox)
    return agent


def listed() -> list[tuple[str, str]]:
    return list(UnansweredQuestion.objects.order_by("pk").values_list("text", "why"))


@pytest.mark.django_db(transaction=True)
async def test_a_search_that_found_nothing(inbox: Inbox, lia: Agent) -> None:
    del lia
    received = await in_db(receive)(inbox=inbox, sender=Sender("eva"), text="Do you repair bicycles?")
    await answer(received.conversation.pk)
    assert await in_db(collect_unanswered)() == 1
    assert await in_db(collect_unanswered)() == 0
    assert await in_db(listed)() == [("Do you repair bicycles?", WhyUnanswered.NOTHING_FOUND)]


def ran(agent: Agent, conversation: Conversation, status: RunStatus, *, found: bool | None) -> Run:
    """A run that searched, found something or not, and ended."""
    run = Run.objects.create(
        agent=agent, conversation=conversation, status=status, finished_at=timezone.now(),
        up_to_seq=conversation.last_contact_seq,
    )  # fmt: skip
    if found is not None:
        result = "1 passages, best first." if found else NOTHING_FOUND
        run.steps.create(number=0, tool="search_knowledge", result=result)
    return run


@pytest.mark.parametrize(
    ("status", "found", "why"),
    [
        (RunStatus.HANDED_OVER, True, WhyUnanswered.HANDED_OVER),
        (RunStatus.HANDED_OVER, False, WhyUnanswered.NOTHING_FOUND),
        (RunStatus.ANSWERED, False, WhyUnanswered.NOTHING_FOUND),
        (RunStatus.ANSWERED, True, None),
        # The customer asked for a person.
        (RunStatus.HANDED_OVER, None, None),
        (RunStatus.CANCELLED, False, None),
    ],
)
def test_what_counts(
    conversation: Conversation, lia: Agent, status: RunStatus, *, found: bool | None, why: str | None
) -> None:
    ran(lia, conversation, status, found=found)
    collect_unanswered()
    assert listed() == ([("Onde está meu pedido?", why)] if why else [])


def test_what_a_customer_found_not_helpful(conversation: Conversation, lia: Agent) -> None:
    run = ran(lia, conversation, RunStatus.ANSWERED, found=True)
    hand_back(conversation=conversation, by=SYSTEM)
    message = reply(conversation=conversation, text="Não sei.", by=lia.as_actor(), run=run.pk)
    davi = conversation.contact.as_actor()
    rate_answer(message_id=message.pk, by=davi, helpful=True)
    assert collect_unanswered() == 0
    rate_answer(message_id=message.pk, by=davi, helpful=False)
    assert collect_unanswered() == 1
    assert listed() == [("Onde está meu pedido?", WhyUnanswered.NOT_HELPFUL)]
    assert Message.objects.filter(helpful=False).count() == 1
