"""What an AI agent asks people for: decided in the conversation, by whoever may reply there."""

import json
from typing import Any

import pytest
from django.test import Client

from agents.actions import begin_run, end_run, run_step
from agents.enums import ApprovalStatus, RunStatus
from agents.models import Agent, Approval, ToolPolicy
from conversations.actions import hand_back, receive
from conversations.enums import Status
from conversations.exchange import Sender
from conversations.models import Conversation, Inbox
from core.actor import Actor
from desk.queries.threads import item_frame, thread_events
from llm.types import ToolCall
from tests.desk.conftest import said

pytestmark = pytest.mark.django_db(transaction=True)
ARGUMENTS = {"subject": "Refund of 40 euros", "priority": "high"}


def asked(inbox: Inbox, conversation: Conversation) -> Approval:
    """Lia asks whether she may open a ticket for Davi."""
    agent = Agent.objects.create(name="Lia", tools=["create_ticket"])
    agent.inboxes.add(inbox)
    ToolPolicy.objects.create(agent=agent, tool="create_ticket", needs_approval=True)
    if conversation.status != Status.BOT:
        hand_back(conversation=conversation, by=Actor.system())
    run = begin_run(conversation_id=conversation.pk)
    if run is None:
        receive(inbox=inbox, sender=Sender(conversation.identity.external_id), text="I want my money back")
        run = begin_run(conversation_id=conversation.pk)
    assert run is not None
    run_step(run=run, call=ToolCall("c", "create_ticket", json.dumps(ARGUMENTS)), number=0)
    end_run(run=run, status=RunStatus.HANDED_OVER)
    return Approval.objects.get()


@pytest.fixture
def approval(inbox: Inbox, conversation: Conversation) -> Approval:
    return asked(inbox, conversation)


def post(client: Client, approval: Approval, verb: str, key: Any = None) -> int:
    data = json.dumps({"approval": str(key or approval.pk)})
    address = f"/admin/inbox/{approval.conversation_id}/{verb}/"
    return client.post(address, data, content_type="application/json").status_code


def test_the_thread_shows_what_would_be_done(approval: Approval) -> None:
    (frame,) = (
        frame
        for event in thread_events(approval.conversation_id)
        if (frame := item_frame(event))["event"] == "approval.asked"
    )
    assert (frame["tool"], frame["arguments"], frame["internal"]) == ("create_ticket", ARGUMENTS, True)
    assert frame["by"] == {"kind": "agent", "name": "Lia"}


@pytest.mark.parametrize(
    ("verb", "status"), [("approve", ApprovalStatus.APPROVED), ("refuse", ApprovalStatus.REFUSED)]
)
def test_buttons_decide_once(as_bruno: Client, approval: Approval, verb: str, status: str) -> None:
    assert [post(as_bruno, approval, verb), post(as_bruno, approval, verb)] == [200, 200]
    approval.refresh_from_db()
    assert (approval.status, approval.decided_by_name) == (status, "Bruno")
    assert post(as_bruno, approval, "refuse" if verb == "approve" else "approve") == 409


def test_whoever_does_not_see_the_conversation_decides_nothing(as_clara: Client, approval: Approval) -> None:
    assert post(as_clara, approval, "approve") == 404
    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.PENDING


def test_an_approval_of_another_conversation_is_not_found_here(
    as_bruno: Client, approval: Approval, inbox: Inbox
) -> None:
    other = said(inbox, "gil")
    for key in (str(approval.pk), "nonsense", None):
        address = f"/admin/inbox/{other.pk}/approve/"
        data = json.dumps({"approval": key})
        assert as_bruno.post(address, data, content_type="application/json").status_code in {400, 404, 422}
    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.PENDING
