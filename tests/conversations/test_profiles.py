"""Who somebody is whom a provider names by an id only."""

import asyncio
from typing import Any

import pytest

from conversations.actions import profiles
from conversations.channels import SendLater
from conversations.enums import Verdict
from conversations.exchange import Sender
from conversations.models import Contact, ContactIdentity, Inbox
from tests.conversations.lines import incoming, told
from tests.conversations.scripted import ScriptedAdapter

pytestmark = pytest.mark.django_db(transaction=True)


def learned(identity: ContactIdentity) -> Contact:
    asyncio.run(profiles.learn(identity.pk))
    return Contact.objects.get(pk=identity.contact_id)


@pytest.fixture
def stranger(line: Inbox) -> ContactIdentity:
    assert told(line, incoming(1, "Oi", {"external_id": "17841400"})) == Verdict.DONE
    return ContactIdentity.objects.get(external_id="17841400")


def say_who(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    def profile(self: ScriptedAdapter, external_id: str, config: Any) -> Sender | None:
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    monkeypatch.setattr(ScriptedAdapter, "profile", profile)


def test_name_that_the_provider_knows_is_learned(
    stranger: ContactIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_who(monkeypatch, Sender("17841400", name="Davi Duarte", locale="pt-br"))
    contact = learned(stranger)
    assert (contact.name, contact.locale) == ("Davi Duarte", "pt-br")


@pytest.mark.parametrize("answer", [None, SendLater("busy")])
def test_provider_that_does_not_say_leaves_the_number(
    stranger: ContactIdentity, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    say_who(monkeypatch, answer)
    assert learned(stranger).name == ""


def test_name_that_an_operator_gave_is_not_asked_for(
    stranger: ContactIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    Contact.objects.update(name="Davi (office)")
    say_who(monkeypatch, Sender("17841400", name="dd_1990"))
    assert learned(stranger).name == "Davi (office)"


def test_customer_with_a_name_is_not_asked_for(line: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr("conversations.actions.inbound.plan_asking", asked.append)
    told(line, incoming(1, "Oi", {"external_id": "a", "name": "Davi"}))
    assert not asked
    told(line, incoming(2, "Oi", {"external_id": "b"}))
    assert len(asked) == 1
