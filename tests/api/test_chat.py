"""One question, one answer: a program asks the running product over HTTP."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts.models import ApiKey, Team
from agents.builtin import phrases
from agents.models import Agent
from api.models import IdempotentRequest
from conversations.actions import Sender, receive, reply
from conversations.models import Contact, ContactIdentity, Conversation, Inbox, Message
from core.actor import Actor
from tests.api.asking import NEEDS_PERSON, Away, at, become, in_db, new_key
from tests.api.asking import lia as lia  # noqa: PLC0414 (a fixture)
from tests.api.streaming import stream, until
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)
CHAT = "/api/v1/chat"
EVA = {"external_id": "42", "name": "Eva", "email": "eva@example.com", "locale": "pt-BR"}


@pytest.fixture
def key(db: None) -> str:
    return new_key()


async def test_question_is_answered_by_the_agent(server: LiveServer, lia: Agent, key: str) -> None:
    async with at(server, key) as client:
        answer = await client.post(CHAT, json={"message": "olá", "contact": EVA})
        again = await client.post(CHAT, json={"message": "olá de novo", "contact": EVA})
    told = answer.json()
    assert answer.status_code == 200
    assert (told["text"], told["status"], told["author"]["kind"]) == (phrases.GREETING["pt"], "bot", "agent")
    assert (told["model"], again.json()["conversation"]) == ("builtin/quote", told["conversation"])
    message = await Message.objects.aget(pk=told["message"])
    assert (str(message.conversation_id), str(message.run)) == (told["conversation"], told["run"])
    contact = await Contact.objects.aget()
    assert (contact.name, contact.email, contact.locale) == ("Eva", "eva@example.com", "pt-BR")
    assert (await ContactIdentity.objects.aget()).external_id == "user:42"


async def test_answer_comes_token_by_token(server: LiveServer, lia: Agent, key: str) -> None:
    for body, headers in (
        ({"message": "olá", "contact": EVA, "stream": True}, {"Accept": "*/*"}),
        ({"message": "olá", "contact": EVA}, {}),
    ):
        async with (
            at(server, key) as client,
            asyncio.timeout(100),
            stream(client, "POST", CHAT, json=body, headers=headers) as events,
        ):
            told = await until(events, "done")
        pieces = [event.data for event in told if event.name == "delta"]
        assert [told[0].name, told[-1].name] == ["asked", "done"]
        assert len(pieces) >= 3
        assert told[-1].data["text"].startswith("".join(piece["text"] for piece in pieces).strip())
        assert told[-1].data | told[0].data == told[-1].data


async def test_people_who_have_the_conversation_answer_later(
    server: LiveServer, lia: Agent, key: str
) -> None:
    async with at(server, key) as client:
        handed = (await client.post(CHAT, json={"message": NEEDS_PERSON, "contact": EVA})).json()
        open_ = await client.post(CHAT, json={"message": "alguém aí?", "contact": EVA})
        later = (
            await client.post(CHAT, json={"message": "oi", "conversation": handed["conversation"]})
        ).json()
    assert (handed["status"], handed["author"]["kind"]) == ("open", "system")
    assert (open_.status_code, open_.json()["status"], open_.json()["text"]) == (200, "open", None)
    assert (later["conversation"], later["message"]) == (handed["conversation"], None)


async def test_answer_that_takes_long_is_followed_elsewhere(
    quiet_server: LiveServer, lia: Agent, settings: Any
) -> None:
    settings.CHAT_WAIT_SECONDS = 0.2
    key = await in_db(new_key)("read", "write")
    async with at(quiet_server, key) as client:
        pending = await client.post(CHAT, json={"message": "olá", "contact": EVA})
        assert (pending.status_code, pending.json()["status"]) == (202, "bot")
        assert pending.headers["location"] == pending.json()["events"]
        conversation = await Conversation.objects.aget()
        await in_db(reply)(conversation=conversation, text="Olá, Eva", by=Actor.system("Bruno"))
        followed = (await client.get(pending.json()["events"])).json()["results"]
    texts = [row["message"]["text"] for row in followed if row["type"] == "message.created"]
    assert texts == ["Olá, Eva"]


@pytest.mark.parametrize("by", ["header", "body"])
async def test_question_sent_twice_at_once_is_stored_once_and_gets_one_answer(
    server: LiveServer, lia: Agent, key: str, by: str
) -> None:
    sent = str(uuid4())
    headers = {"Idempotency-Key": sent} if by == "header" else {}
    for extra in ({"contact": EVA}, {}):
        body: dict[str, Any] = {"message": "olá", **extra, **({} if by == "header" else {"client_id": sent})}
        async with at(server, key, headers=headers) as client:
            answers = await asyncio.gather(*(client.post(CHAT, json=body) for _ in range(5)))
            answers.append(await client.post(CHAT, json=body))
            other = await client.post(CHAT, json={**body, "message": "outra coisa"})
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        assert await Message.objects.filter(direction="in").acount() == 1
        reused = "idempotency_key_reused" if by == "header" else "invalid"
        assert (other.status_code, other.json()["code"]) == (422, reused)
        # The next one is somebody new.
        await Message.objects.all().adelete()
        headers = {"Idempotency-Key": (sent := str(uuid4()))} if by == "header" else {}


async def test_key_of_what_was_refused_is_free_for_the_mended_question(
    quiet_server: LiveServer, inbox: Inbox, key: str, settings: Any
) -> None:
    """Refused for what it is, and for the inbox that is not there."""
    async with at(quiet_server, key, headers={"Idempotency-Key": "q-1"}) as client:
        assert (await client.post(CHAT, json={"message": ""})).status_code == 422
        settings.CHAT_INBOX = "nowhere"
        assert (await client.post(CHAT, json={"message": "Oi"})).status_code == 404
        settings.CHAT_INBOX = ""
        assert not await IdempotentRequest.objects.aexists()
        asked = await client.post(CHAT, json={"message": "Olá", "contact": EVA})
        # A refusal of the same question frees nothing: it was stored.
        settings.CHAT_INBOX = "nowhere"
        assert (await client.post(CHAT, json={"message": "Olá", "contact": EVA})).status_code == 404
        settings.CHAT_INBOX = ""
        other = await client.post(CHAT, json={"message": "Tchau", "contact": EVA})
    assert (asked.status_code, other.status_code) == (200, 422)
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"
    assert await Message.objects.acount() == 1


async def test_key_is_free_for_another_question_after_a_day(
    quiet_server: LiveServer, inbox: Inbox, key: str
) -> None:
    async with at(quiet_server, key, headers={"Idempotency-Key": "q-1"}) as client:
        first = await client.post(CHAT, json={"message": "Olá", "contact": EVA})
        await IdempotentRequest.objects.aupdate(claimed_at=timezone.now() - timedelta(hours=24, minutes=1))
        second = await client.post(CHAT, json={"message": "Tchau", "contact": EVA})
    assert (first.status_code, second.status_code) == (200, 200)
    assert await Message.objects.acount() == 2


async def test_fifty_at_once_under_one_key_are_one_question(
    quiet_server: LiveServer, inbox: Inbox, key: str, settings: Any
) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 1_000
    async with at(quiet_server, key, headers={"Idempotency-Key": "q-1"}) as client, asyncio.timeout(120):
        answers = await asyncio.gather(
            *(client.post(CHAT, json={"message": "Olá", "contact": EVA}) for _ in range(50))
        )
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert await Message.objects.acount() == 1


async def test_client_that_goes_away_stops_nothing(server: LiveServer, lia: Agent, key: str) -> None:
    async with at(server, key) as client:
        async with stream(client, "POST", CHAT, json={"message": "olá", "contact": EVA}) as events:
            await until(events, "asked")
        body = {"message": "olá", "contact": {"external_id": "7"}}
        asking = asyncio.create_task(client.post(CHAT, json=body))
        await become(Message.objects.filter(direction="in").acount, 2)
        asking.cancel()
    await become(Message.objects.filter(author_kind="agent").acount, 2)


async def test_twenty_who_wait_hold_up_nobody(quiet_server: LiveServer, lia: Agent, settings: Any) -> None:
    """There are four threads; twenty answers are waited for, and requests beside them are carried out."""
    key = await in_db(new_key)("read", "write")
    async with at(quiet_server, key) as client, asyncio.timeout(120):
        waiting = [
            asyncio.create_task(
                client.post(CHAT, json={"message": "olá", "contact": {"external_id": str(number)}})
            )
            for number in range(20)
        ]
        while await Message.objects.acount() < 20:
            assert (await client.get("/api/v1/conversations")).status_code == 200
        async for conversation in Conversation.objects.all():
            await in_db(reply)(conversation=conversation, text="Oi", by=Actor.system("Bruno"))
        answers = await asyncio.gather(*waiting)
    assert {(answer.status_code, answer.json()["text"]) for answer in answers} == {(200, "Oi")}


async def test_two_questions_of_a_burst_are_both_answered(server: LiveServer, lia: Agent, key: str) -> None:
    async with at(server, key) as client:
        answers = await asyncio.gather(
            *(client.post(CHAT, json={"message": text, "contact": EVA}) for text in ("olá", "tudo bem?"))
        )
    assert all(answer.json()["text"] for answer in answers)
    assert {answer.json()["conversation"] for answer in answers} == {answers[0].json()["conversation"]}


async def test_campaign_and_answers_to_what_came_before_are_no_answers(
    quiet_server: LiveServer, inbox: Inbox, key: str
) -> None:
    sender = Sender("user:42")
    first = await in_db(receive)(inbox=inbox, sender=sender, text="primeira")
    await in_db(reply)(conversation=first.conversation, text="antes", by=Actor.system("Bruno"))
    async with at(quiet_server, key) as client:
        answer = await client.post(CHAT, json={"message": "segunda", "contact": EVA})
    assert (answer.json()["text"], answer.json()["status"]) == (None, "open")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"message": ""}, "message"),
        ({"message": "\x00"}, "message"),
        ({"message": "a" * 10_001}, "message"),
        ({"message": "Oi", "contact": {}}, "contact.external_id"),
        ({"message": "Oi", "contact": {"external_id": "1", "email": "x"}}, "contact.email"),
        ({"message": "Oi", "contact": {"external_id": "1", "is_admin": True}}, "contact.is_admin"),
        ({"message": "Oi", "conversation": str(uuid4())}, "conversation"),
        ({"message": "Oi", "client_id": "x"}, "client_id"),
        ({"message": "Oi", "stream": "yes"}, "stream"),
        ({"message": "Oi", "inbox": 1}, "inbox"),
    ],
)
async def test_what_is_no_question_is_refused_by_field(
    quiet_server: LiveServer, inbox: Inbox, key: str, body: dict[str, Any], field: str
) -> None:
    async with at(quiet_server, key) as client:
        refused = await client.post(CHAT, json=body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert not await Message.objects.aexists()


async def test_conversation_of_another_channel_is_its_customers_own(
    quiet_server: LiveServer, conversation: Conversation, key: str
) -> None:
    await Inbox.objects.aupdate(channel="email")
    body = {"message": "Oi", "conversation": str(conversation.pk)}
    async with at(quiet_server, key) as client:
        refused = await client.post(CHAT, json=body)
        missing = await client.post(CHAT, json={"message": "Oi"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "conversation")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_setting_names_the_inbox_and_a_key_of_another_team_may_not_see_it(
    quiet_server: LiveServer, inbox: Inbox, other_team: Team, settings: Any
) -> None:
    mine = await Inbox.objects.acreate(name="Programs", channel="api", team=other_team)
    for chosen, team, status in (
        ("", other_team, 404),
        (mine.key, other_team, 200),
        (inbox.key, other_team, 404),
    ):
        settings.CHAT_INBOX = chosen
        key = await in_db(new_key)("write", teams=[team])
        async with at(quiet_server, key) as client:
            assert (await client.post(CHAT, json={"message": "Oi", "contact": EVA})).status_code == status
    identity = await ContactIdentity.objects.aget()
    assert (identity.inbox_id, identity.external_id) == (mine.pk, "42")


async def test_questions_are_counted_by_key_and_by_customer(
    quiet_server: LiveServer, inbox: Inbox, settings: Any, still_minute: None
) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 3
    keys = [await in_db(new_key)() for _ in range(2)]
    codes = []
    for key in keys:
        async with at(quiet_server, key) as client:
            for number in range(4):
                answer = await client.post(
                    CHAT, json={"message": "Oi", "contact": {"external_id": str(number)}}
                )
                codes.append(answer.status_code)
            again = await client.post(CHAT, json={"message": "Oi", "contact": EVA})
    assert codes == [200, 200, 200, 429] * 2
    assert (again.json()["code"], again.headers["retry-after"]) == ("too_many", "42")
    settings.RATE_LIMIT_PER_MINUTE = 1
    await in_db(cache.clear)()
    codes = []
    for key in keys:
        async with at(quiet_server, key) as client:
            codes.append((await client.post(CHAT, json={"message": "Oi", "contact": EVA})).status_code)
    assert codes == [200, 429]
    assert await ApiKey.objects.acount() == 2


async def test_cache_that_is_away_stops_nobody(
    quiet_server: LiveServer, inbox: Inbox, key: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 1
    monkeypatch.setattr("core.limits.cache", Away())
    async with at(quiet_server, key) as client:
        answers = [await client.post(CHAT, json={"message": "Oi", "contact": EVA}) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
