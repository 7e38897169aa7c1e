"""The demonstration, loaded as `make run` loads it."""

import pytest
from django.core.management import call_command
from django.test import Client

from agents.models import Agent
from conversations.models import Conversation, Inbox, Message
from helpdesk import demo
from tickets.models import Ticket


@pytest.mark.django_db(transaction=True)
def test_demo_loads_once_and_everybody_can_log_in() -> None:
    call_command("load_demo", verbosity=0)
    counts = [model.objects.count() for model in (Inbox, Agent, Conversation, Message, Ticket)]
    assert all(counts)
    call_command("load_demo", verbosity=0)
    assert [model.objects.count() for model in (Inbox, Agent, Conversation, Message, Ticket)] == counts
    for name, password, _role, _teams in demo.LOGINS:
        browser = Client()
        answer = browser.post("/accounts/login/", {"username": name, "password": password})
        assert answer.status_code == 302, name
        assert browser.get("/admin/inbox/").status_code == 200, name
