"""A customer whom the agent owes an answer gets one, whatever became of the job that should have made it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from agents.actions import LONGEST_RUN, OVERLOOKED_AFTER, begin_run, end_run, plan_overlooked
from agents.enums import RunStatus
from agents.models import Run
from conversations.actions import hand_over, resolve
from conversations.models import Conversation, Message
from core.actor import Actor
from tests.agents.conftest import say

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lost(asked: Conversation) -> Conversation:
    """A question whose job is gone."""
    forget_jobs()
    pass_time(OVERLOOKED_AFTER)
    return asked


def forget_jobs() -> None:
    ProcrastinateJob.objects.filter(task_name="agents.answer")._raw_delete("default")


def pass_time(span: timedelta) -> None:
    for row in Conversation.objects.exclude(waiting_since=None):
        Conversation.objects.filter(pk=row.pk).update(waiting_since=row.waiting_since - span)  # type: ignore[operator]


def planned() -> int:
    return ProcrastinateJob.objects.filter(task_name="agents.answer", status="todo").count()


def test_answer_whose_job_was_lost_is_planned_once(lost: Conversation) -> None:
    assert planned() == 0
    plan_overlooked()
    plan_overlooked()
    assert planned() == 1


def test_question_that_is_young_has_its_job(asked: Conversation) -> None:
    forget_jobs()
    plan_overlooked()
    assert planned() == 0


def settle(conversation: Conversation) -> None:
    run = begin_run(conversation_id=conversation.pk)
    assert run
    end_run(run=run, status=RunStatus.CANCELLED)


def to_people(conversation: Conversation) -> None:
    hand_over(conversation=conversation, by=Actor.system(), reason="x")


def by_a_machine(conversation: Conversation) -> None:
    Message.objects.filter(conversation=conversation).update(is_automatic=True)


def long_ago(_conversation: Conversation) -> None:
    pass_time(timedelta(days=2))


@pytest.mark.parametrize("end", [settle, to_people, by_a_machine, long_ago])
def test_what_nobody_has_to_answer_is_left_alone(
    lost: Conversation, end: Callable[[Conversation], None]
) -> None:
    end(lost)
    plan_overlooked()
    assert planned() == 0


def test_conversation_that_was_resolved_is_left_alone(lost: Conversation, bruno: User) -> None:
    resolve(conversation=lost, by=bruno.as_actor())
    plan_overlooked()
    assert planned() == 0


def test_run_that_goes_on_is_left_alone_until_no_run_takes_so_long(lost: Conversation) -> None:
    run = begin_run(conversation_id=lost.pk)
    assert run
    plan_overlooked()
    assert planned() == 0
    Run.objects.update(started_at=timezone.now() - LONGEST_RUN)
    plan_overlooked()
    assert planned() == 1


def test_question_after_an_answer_is_not_taken_for_answered(lost: Conversation) -> None:
    settle(lost)
    say(lost.inbox, "And my refund?")
    forget_jobs()
    pass_time(OVERLOOKED_AFTER)
    plan_overlooked()
    assert planned() == 1
