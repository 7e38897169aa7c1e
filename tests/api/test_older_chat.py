"""The chat doors of older systems, with their names and shapes, on the running product."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import ApiKey
from agents.builtin import phrases
from agents.models import Agent
from api.models import IdempotentRequest
from conversations.models import Contact, ContactIdentity, Conversation, Inbox, Message
from tests.api.asking import NEEDS_PERSON, at, in_db, new_key
from tests.api.asking import lia as lia  # noqa: PLC0414 (a fixture)
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)
CHAT = "/v1/chat"
PROMPT = {"userId": "42", "prompt": "olá"}


@pytest.fixture
def plain(settings: Any) -> str:
    """A key of the environment."""
    settings.CHAT_KEYS = ["first-plain-key", "second-plain-key"]
    return "second-plain-key"


async def test_prompt_gets_its_response(server: LiveServer, lia: Agent, plain: str) -> None:
    async with at(server, plain) as client:
        answer = await client.post(CHAT, json=PROMPT)
        person = await client.post(f"{CHAT}/", json={"userId": "7", "prompt": NEEDS_PERSON})
        nobody = await client.post(CHAT, json={"userId": "7", "prompt": "alguém?"})
    told = answer.json()
    assert set(told) == {"interaction_id", "userId", "prompt", "response", "model", "timestamp"}
    assert (told["userId"], told["prompt"], told["model"]) == ("42", "olá", "builtin/quote")
    assert told["response"] in set(phrases.GREETING.values())
    assert parse_datetime(told["timestamp"])
    assert [each.status_code for each in (person, nobody)] == [200, 200]
    assert person.json()["response"] != nobody.json()["response"] == "A person from our team will answer you."
    identities = [each.external_id async for each in ContactIdentity.objects.order_by("pk")]
    assert identities == ["chat:42", "chat:7"]


async def test_same_key_gets_the_same_answer(server: LiveServer, lia: Agent, plain: str) -> None:
    async with at(server, plain, headers={"Idempotency-Key": "order-1"}) as client:
        answers = await asyncio.gather(*(client.post(CHAT, json=PROMPT) for _ in range(4)))
        other = await client.post(CHAT, json={**PROMPT, "prompt": "tchau"})
    assert len({answer.text for answer in answers}) == 1
    assert await Message.objects.filter(direction="in").acount() == 1
    assert other.status_code == 422


async def test_key_belongs_to_the_whole_request_and_to_its_caller(
    quiet_server: LiveServer, inbox: Inbox, settings: Any, plain: str
) -> None:
    """Other programs at the same address, and strangers, may use the same one."""
    settings.REQUIRE_API_KEY = False
    again = {"Idempotency-Key": "order-1"}
    async with at(quiet_server, plain, headers=again) as client:
        assert (await client.post(CHAT, json={**PROMPT, "prompt": ""})).status_code == 422
        assert (await client.post(CHAT, json=PROMPT)).status_code == 200
        other = await client.post(CHAT, json={**PROMPT, "userId": "43"})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    for number, key in enumerate(("first-plain-key", await in_db(new_key)("write"), "")):
        async with at(quiet_server, key, headers=again) as client:
            answer = await client.post(CHAT, json={**PROMPT, "prompt": f"olá {number}"})
            assert answer.status_code == 200
    assert await Message.objects.acount() == 4


async def test_key_is_free_for_another_prompt_after_a_day(
    quiet_server: LiveServer, inbox: Inbox, plain: str
) -> None:
    async with at(quiet_server, plain, headers={"Idempotency-Key": "order-1"}) as client:
        assert (await client.post(CHAT, json=PROMPT)).status_code == 200
        await IdempotentRequest.objects.aupdate(claimed_at=timezone.now() - timedelta(hours=24, minutes=1))
        assert (await client.post(CHAT, json={**PROMPT, "prompt": "tchau"})).status_code == 200
    assert await Message.objects.acount() == 2


@pytest.mark.parametrize(("required", "status"), [(None, 401), (True, 401), (False, 200)])
async def test_without_a_key_one_may_chat_only_where_none_is_wanted(
    quiet_server: LiveServer, inbox: Inbox, settings: Any, required: Any, status: int
) -> None:
    settings.REQUIRE_API_KEY = required
    async with at(quiet_server) as client:
        answer = await client.post(CHAT, json=PROMPT)
        wrong = await client.post(CHAT, json=PROMPT, headers={"X-API-Key": "wrong"})
        in_address = await client.post(f"{CHAT}?api_key=wrong", json=PROMPT)
    assert (answer.status_code, wrong.status_code) == (status, 401)
    assert in_address.status_code in {401, 422}
    if status == 401:
        assert (answer.json()["code"], answer.headers["www-authenticate"]) == (
            "unauthenticated",
            'Api-Key realm="chat"',
        )
        assert not await Message.objects.aexists()


async def test_name_without_proof_leads_to_nobody_who_is_known(
    quiet_server: LiveServer, inbox: Inbox, settings: Any, plain: str
) -> None:
    """The same name three times: of a key of ours, of a plain one, of strangers. All are different people."""
    settings.REQUIRE_API_KEY = False
    own = await in_db(new_key)("write")
    for key in (own, plain, "", ""):
        async with at(quiet_server, key) as client:
            assert (await client.post(CHAT, json=PROMPT)).status_code == 200
    identities = [each async for each in ContactIdentity.objects.order_by("pk")]
    assert [each.external_id for each in identities[:2]] == ["user:42", "chat:42"]
    assert [each.is_verified for each in identities] == [True, False, False, False]
    assert len({each.external_id for each in identities}) == await Conversation.objects.acount() == 4
    assert (await Contact.objects.alatest("created_at")).name == "42"


async def test_key_of_ours_needs_to_write_and_a_plain_one_opens_nothing_else(
    quiet_server: LiveServer, inbox: Inbox, plain: str
) -> None:
    async with at(quiet_server, await in_db(new_key)("read")) as client:
        assert (await client.post(CHAT, json=PROMPT)).status_code == 403
    async with at(quiet_server, plain) as client:
        for path in ("conversations", "tickets", "messages"):
            assert (await client.get(f"/api/v1/{path}")).status_code == 401
        assert (await client.post("/api/v1/chat", json={"message": "Oi"})).status_code == 401
    await ApiKey.objects.aupdate(is_active=False, scopes=["write"])
    assert not await Message.objects.aexists()


async def test_questions_are_counted_by_key_or_by_address(
    quiet_server: LiveServer, inbox: Inbox, settings: Any, plain: str, still_minute: None
) -> None:
    settings.RATE_LIMIT_PER_MINUTE, settings.REQUIRE_API_KEY = 2, False
    codes: dict[str, list[int]] = {}
    for name, key in (("plain", plain), ("other", "first-plain-key"), ("", ""), ("wrong", "guess")):
        async with at(quiet_server, key) as client:
            answers = [
                await client.post(CHAT, json={"userId": str(number), "prompt": "Oi"}) for number in range(4)
            ]
        codes[name] = [answer.status_code for answer in answers]
    assert codes == {
        "plain": [200, 200, 429, 429],
        "other": [200, 200, 429, 429],
        "": [200, 200, 429, 429],
        "wrong": [401, 401, 429, 429],
    }
    assert answers[-1].headers["retry-after"] == "42"


async def test_answer_that_takes_long_is_found_by_its_key(
    quiet_server: LiveServer, lia: Agent, settings: Any, plain: str
) -> None:
    settings.CHAT_WAIT_SECONDS = 0.2
    async with at(quiet_server, plain, headers={"Idempotency-Key": str(uuid4())}) as client:
        first = await client.post(CHAT, json=PROMPT)
        assert (first.status_code, first.headers["retry-after"]) == (503, "5")
        assert (await client.post(CHAT, json=PROMPT)).status_code == 503
    assert await Message.objects.acount() == 1


@pytest.mark.parametrize(
    "body", [{}, {"userId": "1"}, {"prompt": "Oi"}, {**PROMPT, "more": 1}, {"userId": "", "prompt": "Oi"}, []]
)
async def test_what_is_no_prompt_is_refused(
    quiet_server: LiveServer, inbox: Inbox, plain: str, body: Any
) -> None:
    async with at(quiet_server, plain) as client:
        refused = await client.post(CHAT, json=body)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")


async def test_health_says_version_and_time(quiet_server: LiveServer, settings: Any) -> None:
    async with httpx.AsyncClient(base_url=quiet_server.url) as client:
        answer = await client.get("/v1/health")
    told = answer.json()
    assert (answer.status_code, told["status"], told["version"]) == (200, "ok", settings.VERSION)
    assert parse_datetime(told["timestamp"])


@pytest.mark.usefixtures("lia")
@pytest.mark.parametrize(("required", "status"), [(None, 200), (False, 200), (True, 401)])
async def test_stream_of_one_question_wants_a_key_only_when_told_to(
    server: LiveServer, settings: Any, plain: str, required: Any, status: int
) -> None:
    settings.REQUIRE_API_KEY = required
    query = {"message": "olá"}
    async with at(server) as client:
        assert (await client.get("/chat/stream", params=query)).status_code == status
        assert (await client.get("/chat/stream", params=query, headers={"X-API-Key": "x"})).status_code == 401
        keyed = await client.get("/chat/stream", params=query, headers={"X-API-Key": plain})
    assert (keyed.status_code, "event: done" in keyed.text) == (200, True)
