"""Programs are held to a channel's window as people are."""

import pytest

from accounts.enums import Scope
from accounts.models import User
from conversations.actions import resolve
from conversations.models import Conversation, Event, Message
from tests.api.conftest import KeyMaker
from tests.channels import DAY, silent_for

pytestmark = pytest.mark.django_db


def test_free_text_outside_the_window_is_a_problem_with_a_code(
    letter: Conversation, with_key: KeyMaker
) -> None:
    silent_for(letter, DAY)
    key = with_key(Scope.WRITE)
    answer = key.post(f"/api/v1/conversations/{letter.pk}/messages", {"text": "Sorry"}, format="json")
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert answer.json()["code"] == "window_closed"
    assert "approved template" in answer.json()["detail"]
    assert Message.objects.count() == 1


def test_a_note_of_a_program_knows_no_window(letter: Conversation, with_key: KeyMaker) -> None:
    silent_for(letter, DAY)
    key = with_key(Scope.WRITE)
    url = f"/api/v1/conversations/{letter.pk}/messages"
    assert key.post(url, {"text": "Call her", "note": True}, format="json").status_code == 201


def test_what_may_not_be_said_reopens_nothing(letter: Conversation, with_key: KeyMaker, bruno: User) -> None:
    silent_for(letter, DAY)
    resolve(conversation=letter, by=bruno.as_actor())
    before = Event.objects.count()
    body = {"inbox": letter.inbox_id, "contact": str(letter.contact_id), "text": "Sorry"}
    answer = with_key(Scope.READ, Scope.WRITE).post("/api/v1/conversations", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "window_closed")
    letter.refresh_from_db()
    assert (letter.status, Event.objects.count()) == ("resolved", before)
