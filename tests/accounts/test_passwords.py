"""Changing a password takes half a second of computing: nobody else waits for it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from accounts.actions import change_password, reset_password
from accounts.actions.passwords import reset_token
from accounts.models import User
from conversations.actions import assign
from conversations.models import Conversation
from core.actor import Actor


@pytest.mark.parametrize("way", ["change", "reset"])
@pytest.mark.django_db(transaction=True)
def test_colleague_is_given_work_while_their_password_is_set(
    bruno: User, conversation: Conversation, system: Actor, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def give() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1s'")
            assign(conversation=conversation, by=system, to=bruno)
        finally:
            connections.close_all()

    def set_slowly(user: User, password: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(give).result()
        set_password(user, password)

    set_password = User.set_password
    monkeypatch.setattr(User, "set_password", set_slowly)
    if way == "change":
        change_password(by=bruno.as_actor(), old_password="bruno", new_password="a long new secret")
    else:
        reset_password(token=reset_token(bruno), password="a long new secret")
    conversation.refresh_from_db()
    assert conversation.assignee == bruno
    bruno.refresh_from_db()
    assert bruno.check_password("a long new secret")
