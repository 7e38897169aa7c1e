"""Tools that administrators describe: what they may reach, what models see of them, each effect once."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from agents.actions import approve_call
from agents.enums import RunStatus, Verdict
from agents.models import Agent, Approval, HttpTool, Run, Step, ToolPolicy
from agents.outside import LONGEST_RESULT, UNKNOWN, OutsideTool, address, session_of
from agents.outside_rules import complaints
from agents.runtime import answer
from conversations.models import Conversation, Inbox, Message
from core.outbound import OutboundError
from llm.tools import ToolContext
from tests.agents.conftest import say
from tests.agents.test_crash_points import Worker, by_what_is_known, dies_and_is_replaced
from tests.fakes.openai_server import OpenAIServer, Reply
from tests.fakes.shop_api import Asked, ShopAPI
from tests.fakes.shop_api import answer as answered

in_db = sync_to_async
SECRET = "Bearer sk-very-secret-token"
SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "string", "maxLength": 20}},
    "required": ["number"],
}
REFUND = {
    "type": "object",
    "properties": {"amount": {"type": "integer", "minimum": 1}},
    "required": ["amount"],
}


@pytest.fixture
def shop(settings: Any) -> Iterator[ShopAPI]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with ShopAPI() as running:
        yield running  # and the setting is as it was, whatever a test does to it


def described(shop: ShopAPI | None = None, **more: Any) -> HttpTool:
    """A tool that asks the shop for an order."""
    base = shop.url if shop else "https://shop.example"
    values: dict[str, Any] = {
        "name": "order_status", "description": "Looks an order up.", "url": base + "/orders/{number}",
        "parameters": SCHEMA, "headers": {"Authorization": SECRET}, "needs_verification": False, "seconds": 2,
    }  # fmt: skip
    return HttpTool(**values | more)


def refund(shop: ShopAPI, **more: Any) -> HttpTool:
    """A tool that changes something there."""
    values: dict[str, Any] = {
        "name": "refund", "description": "Pays back.", "url": shop.url + "/refunds", "method": "POST",
        "parameters": REFUND, "effect": "write",
    }  # fmt: skip
    return described(shop, **values | more)


@pytest.fixture
def given_to(agent: Agent) -> Any:
    """Stores a tool and gives it to the agent."""

    def give(row: HttpTool) -> HttpTool:
        row.save()
        agent.tools = [*agent.tools, row.name]
        agent.save()
        return row

    return give


async def run_of(asked: Conversation) -> Run:
    return await Run.objects.select_related("agent").aget(conversation=asked)


# --- What may be described ---------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "create_ticket"}, "name"),
        ({"parameters": []}, "parameters"),
        ({"parameters": {"type": "string"}}, "parameters"),
        ({"parameters": {"type": "object", "properties": {"a": {"$ref": "http://x/"}}}}, "parameters"),
        ({"parameters": {"type": "object", "properties": {"a": {"pattern": "(a+)+$"}}}}, "parameters"),
        ({"parameters": {"type": "object", "properties": {"a": {"type": "wrong"}}}}, "parameters"),
        ({"parameters": {"type": "object", "properties": {"contact_id": {"type": "string"}}}}, "parameters"),
        ({"url": "https://{number}.example/"}, "url"),
        ({"url": "{number}://shop.example/"}, "url"),
        ({"url": "https://shop.example/{other}"}, "url"),
        ({"url": "https://shop.example/{number!r}"}, "url"),
        ({"url": "https://shop.example/{number"}, "url"),
        ({"url": "https://shop.example/{}"}, "url"),
        ({"url": "ftp://shop.example/{number}"}, "url"),
        ({"url": "https://user:pass@shop.example/{number}"}, "url"),
        ({"url": "https://shop.example/of/{contact_email}"}, "url"),
        ({"headers": {"Host": "other"}}, "headers"),
        ({"headers": {"Bad name": "x"}}, "headers"),
        ({"headers": {"X-Key": "a\r\nX-Other: b"}}, "headers"),
        ({"method": "DELETE"}, "effect"),
    ],
)
def test_what_cannot_be_a_tool_is_refused(wrong: dict[str, Any], field: str) -> None:
    assert field in {name for name, _told in complaints(described(**wrong))}


@pytest.mark.django_db
def test_what_can_be_a_tool_is_not_complained_of() -> None:
    assert list(complaints(described())) == []
    mine = described(url="https://shop.example/of/{contact_email}/{number}", needs_verification=True)
    assert list(complaints(mine)) == []


@given(st.text(min_size=1, max_size=40))
def test_an_argument_stays_in_its_segment(value: str) -> None:
    try:
        url, _rest = address("https://shop.example/orders/{number}/lines", {"number": value}, {})
    except (OutboundError, UnicodeEncodeError):
        return
    middle = url.removeprefix("https://shop.example/orders/").removesuffix("/lines")
    assert not set(middle) & set("/?#&=:@\\ ")
    assert middle not in {".", "..", ""}


def test_an_argument_brings_no_braces_and_no_session_of_its_own() -> None:
    session = {"contact_id": "7", "contact_email": "eva@example.com"}
    url, rest = address("https://x.example/{a}/{contact_id}", {"a": "{contact_id}", "b": 1}, session)
    assert (url, rest) == ("https://x.example/%7Bcontact_id%7D/7", {"b": 1})


# --- A call ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
async def test_the_model_asks_and_is_told_without_the_secret(
    provider: OpenAIServer, shop: ShopAPI, asked: Conversation, given_to: Any
) -> None:
    shop.reply = lambda heard: answered({"state": "on its way", "echo": heard.headers["authorization"]})
    await in_db(given_to)(described(shop))
    provider.script(
        Reply(tool_calls=(("order_status", '{"number": "A/1 ?x=2"}'),)), Reply(text="It is on its way.")
    )
    await answer(asked.pk)
    (heard,) = shop.asked
    assert (heard.method, heard.path) == ("GET", "/orders/A%2F1%20%3Fx%3D2")
    assert heard.headers["authorization"] == SECRET
    (schema,) = (one for one in provider.chats[0]["tools"] if one["function"]["name"] == "order_status")
    assert schema["function"]["parameters"] == {**SCHEMA, "additionalProperties": False}
    assert "on its way" in provider.chats[1]["messages"][-1]["content"]
    assert "sk-very-secret-token" not in json.dumps(provider.chats)
    step = await Step.objects.aget()
    assert "sk-very-secret-token" not in step.result
    assert (step.effect, step.verdict, step.is_settled) == ("read", Verdict.ALLOWED, True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "arguments",
    ["{}", "[]", '{"number": 1}', '{"number": "x", "more": 1}', '{"number": "' + "x" * 21 + '"}', "{", "["],
)
async def test_arguments_that_do_not_fit_reach_nobody(
    provider: OpenAIServer, shop: ShopAPI, asked: Conversation, given_to: Any, arguments: str
) -> None:
    await in_db(given_to)(described(shop))
    provider.script(Reply(tool_calls=(("order_status", arguments),)), Reply(text="Hello."))
    await answer(asked.pk)
    assert shop.asked == []
    assert (await Step.objects.aget()).failed


def _hangs(_asked: Asked) -> Any:
    time.sleep(4)
    return answered({})


def _breaks(_asked: Asked) -> Any:
    raise ConnectionError


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "reply",
    [
        _hangs,
        _breaks,
        lambda _: answered({"error": "boom"}, 500),
        lambda _: (302, {"location": "http://169.254.169.254/latest/meta-data"}, b""),
        lambda _: (200, {"content-type": "application/json"}, b"{not json \x00\xff"),
        lambda _: (200, {}, b"x" * 10_000_000),
    ],
)
async def test_whatever_the_other_side_does_the_customer_is_answered(
    provider: OpenAIServer, shop: ShopAPI, asked: Conversation, given_to: Any, reply: Any
) -> None:
    shop.reply = reply
    await in_db(given_to)(described(shop))
    provider.script(
        Reply(tool_calls=(("order_status", '{"number": "1"}'),)), Reply(text="I will ask a colleague.")
    )
    began = time.monotonic()
    await answer(asked.pk)
    assert time.monotonic() - began < 6
    run = await run_of(asked)
    assert run.status == RunStatus.ANSWERED
    step = await Step.objects.aget()
    assert len(step.result) <= LONGEST_RESULT + 100
    assert "169.254" not in step.result


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "[::1]", "10.0.0.1"])
async def test_nothing_inside_is_reached(
    provider: OpenAIServer, shop: ShopAPI, asked: Conversation, given_to: Any, host: str
) -> None:
    settings.OUTBOUND_ALLOW = []
    url = shop.url.replace("127.0.0.1", host) + "/orders/{number}"
    await in_db(given_to)(described(url=url))
    provider.script(Reply(tool_calls=(("order_status", '{"number": "1"}'),)), Reply(text="I do not know."))
    await answer(asked.pk)
    assert shop.asked == []
    assert (await Step.objects.aget()).failed


@pytest.mark.django_db(transaction=True)
async def test_who_the_customer_is_comes_from_the_conversation(
    provider: OpenAIServer, shop: ShopAPI, asked: Conversation, given_to: Any
) -> None:
    mine = described(shop, url=shop.url + "/of/{contact_id}/{number}", needs_verification=True)
    await in_db(given_to)(mine)
    call = Reply(tool_calls=(("order_status", '{"number": "1"}'),))
    provider.script(call, Reply(text="Please verify."))
    await answer(asked.pk)
    assert shop.asked == []
    assert (await Step.objects.aget()).verdict == Verdict.UNVERIFIED
    await in_db(_verified)(asked)
    await in_db(say)(asked.inbox, "Now?")
    provider.script(call, Reply(text="There it is."))
    await answer(asked.pk)
    assert shop.asked[0].path == f"/of/{asked.contact_id}/1"


def _verified(conversation: Conversation) -> None:
    identity = conversation.identity
    identity.is_verified = True
    identity.save()


# --- Effects -----------------------------------------------------------------------------------------------


def test_session_of_nobody_is_empty() -> None:
    from core.actor import Actor

    assert set(session_of(ToolContext(Actor.system(), None, "k")).values()) == {""}


@pytest.mark.django_db(transaction=True)
async def test_a_change_is_made_once_with_a_key(
    provider: OpenAIServer, shop: ShopAPI, asked: Conversation, given_to: Any
) -> None:
    await in_db(given_to)(refund(shop))
    provider.script(Reply(tool_calls=(("refund", '{"amount": 5}'),)), Reply(text="Done."))
    await answer(asked.pk)
    (heard,) = shop.asked
    run = await run_of(asked)
    assert (heard.method, heard.path, heard.told) == ("POST", "/refunds", {"amount": 5})
    assert heard.headers["idempotency-key"] == f"{run.pk}:0"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("reply", [_hangs, _breaks])
async def test_a_change_without_an_answer_is_not_made_again_and_not_said_to_be_done(
    provider: OpenAIServer, shop: ShopAPI, asked: Conversation, given_to: Any, reply: Any
) -> None:
    shop.reply = reply
    await in_db(given_to)(refund(shop))
    provider.script(Reply(tool_calls=(("refund", '{"amount": 5}'),)), Reply(text="I will ask a colleague."))
    await answer(asked.pk)
    assert len(shop.asked) == 1
    assert UNKNOWN in provider.chats[1]["messages"][-1]["content"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("is_idempotent", "most"), [(True, 2), (False, 1)])
async def test_a_worker_that_dies_at_any_point_changes_nothing_twice(
    provider: OpenAIServer, shop: ShopAPI, inbox: Inbox, given_to: Any, *, is_idempotent: bool, most: int
) -> None:
    await in_db(given_to)(refund(shop, is_idempotent=is_idempotent))
    provider.default = by_what_is_known(("refund", '{"amount": 5}'), last=Reply(text="I have done it."))
    for point in range(1, 20):
        for after in (False, True):
            shop.asked.clear()
            asked = await in_db(say)(inbox, "My money back", f"visitor-{point}-{after}")
            reached = await dies_and_is_replaced(asked, Worker(point, after=after))
            keys = {heard.headers["idempotency-key"] for heard in shop.asked}
            # Where the system knows keys it may be asked twice, with the same one.
            assert (len(keys), len(shop.asked) <= most) == (1, True), (point, after)
            assert await Step.objects.filter(run__conversation=asked).acount() == 1
            said = Message.objects.filter(conversation=asked, text="I have done it.")
            assert await said.acount() == 1
        if not reached:
            break
    assert point > 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("is_idempotent", "calls"), [(True, 2), (False, 1)])
async def test_killed_while_the_other_side_works(
    provider: OpenAIServer,
    shop: ShopAPI,
    asked: Conversation,
    given_to: Any,
    *,
    is_idempotent: bool,
    calls: int,
) -> None:
    from tests.agents.test_killed import killed

    shop.reply = _hangs
    await in_db(given_to)(refund(shop, seconds=5, is_idempotent=is_idempotent))
    provider.default = by_what_is_known(
        ("refund", '{"amount": 5}'), last=Reply(text="I will ask a colleague.")
    )

    async def is_asked() -> bool:
        await asyncio.sleep(0)
        return bool(shop.asked)

    # The thread that waits for the shop goes on, as the shop does; its worker writes nothing of it any more.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agents.actions.steps._settle", lambda _step, result: result)
        await killed(asked, is_asked)
        await asyncio.sleep(4.2)
    shop.reply = lambda _: answered({"paid": True})
    assert not (await Step.objects.aget()).is_settled
    await answer(asked.pk)
    assert len(shop.asked) == calls
    assert len({heard.headers["idempotency-key"] for heard in shop.asked}) == 1
    told = provider.chats[-1]["messages"][-1]["content"]
    assert ("paid" in told, UNKNOWN in told) == (is_idempotent, not is_idempotent)


@pytest.mark.django_db(transaction=True)
async def test_what_is_dangerous_waits_for_a_person_and_is_done_once(
    provider: OpenAIServer, shop: ShopAPI, asked: Conversation, given_to: Any, ana: User
) -> None:
    await in_db(given_to)(refund(shop, effect="dangerous"))
    provider.script(Reply(tool_calls=(("refund", '{"amount": 5}'),)), Reply(text="A colleague is asked."))
    await answer(asked.pk)
    assert shop.asked == []
    approval = await Approval.objects.aget()
    await in_db(approve_call)(approval=approval, by=await in_db(ana.as_actor)())
    provider.default = Reply(text="It is done.")
    await answer(asked.pk)
    await answer(asked.pk)
    (heard,) = shop.asked
    assert heard.headers["idempotency-key"] == f"approval:{approval.pk}"
    assert await Step.objects.filter(verdict=Verdict.APPROVED, is_settled=True).acount() == 1


@pytest.mark.django_db(transaction=True)
async def test_a_tool_that_was_switched_off_or_never_given_is_called_by_nobody(
    provider: OpenAIServer, shop: ShopAPI, asked: Conversation, given_to: Any, agent: Agent
) -> None:
    row = await in_db(given_to)(refund(shop))
    await in_db(described(shop).save)()
    await HttpTool.objects.filter(pk=row.pk).aupdate(is_active=False)
    calls = (("refund", '{"amount": 5}'), ("order_status", '{"number": "1"}'))
    provider.script(Reply(tool_calls=calls), Reply(text="Hello."))
    await answer(asked.pk)
    assert shop.asked == []


@pytest.mark.django_db(transaction=True)
async def test_caps_hold_for_it_as_for_any_other(
    provider: OpenAIServer, shop: ShopAPI, asked: Conversation, given_to: Any, agent: Agent
) -> None:
    await in_db(given_to)(refund(shop))
    await ToolPolicy.objects.acreate(agent=agent, tool="refund", most_per_conversation=1)
    call = ("refund", '{"amount": 5}')
    provider.script(Reply(tool_calls=(call, call)), Reply(tool_calls=(call,)), Reply(text="Done."))
    await answer(asked.pk)
    assert len(shop.asked) == 1


# --- The admin ---------------------------------------------------------------------------------------------


def form(**more: Any) -> dict[str, Any]:
    row = described(**more)
    return {
        "name": row.name, "description": row.description, "method": row.method, "url": row.url,
        "parameters": json.dumps(row.parameters), "headers": "Authorization: " + SECRET, "effect": row.effect,
        "seconds": "3", "is_active": "on",
    }  # fmt: skip


PAGE = "/admin/agents/httptool/"


@pytest.mark.django_db
def test_administrators_describe_a_tool_and_its_secret_is_never_shown(admin_client: Client) -> None:
    assert admin_client.post(f"{PAGE}add/", form()).status_code == 302
    row = HttpTool.objects.get()
    assert row.headers == {"Authorization": SECRET}
    page = admin_client.get(f"{PAGE}{row.pk}/change/").content.decode()
    assert "sk-very-secret" not in page
    kept = {**form(), "headers": "Authorization: …\nX-Shop: seven", "description": "Other."}
    assert admin_client.post(f"{PAGE}{row.pk}/change/", kept).status_code == 302
    row.refresh_from_db()
    assert (row.headers, row.description) == ({"Authorization": SECRET, "X-Shop": "seven"}, "Other.")
    wrong = {**form(), "headers": "X-Other: …"}
    assert "no stored value" in admin_client.post(f"{PAGE}{row.pk}/change/", wrong).content.decode()
    wrong = {**form(), "url": "https://shop.example/{other}"}
    assert "no argument of this tool" in admin_client.post(f"{PAGE}{row.pk}/change/", wrong).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_tool_is_tried_for_real(admin_client: Client, shop: ShopAPI) -> None:
    described(shop, url=shop.url + "/of/{contact_email}/{number}", needs_verification=True).save()
    page = f"{PAGE}{HttpTool.objects.get().pk}/try/"
    assert "contact_email" in admin_client.get(page).content.decode()
    given = {"arguments": '{"number": "7"}', "contact_email": "eva@example.com"}
    shown = admin_client.post(page, given).content.decode()
    assert "It answered 200" in shown
    assert "on its way" in shown
    assert shop.asked[0].path == "/of/eva%40example.com/7"
    assert "does not fit" in admin_client.post(page, {**given, "arguments": '{"number": 7}'}).content.decode()
    shop.reply = _breaks
    assert "No answer after" in admin_client.post(page, given).content.decode()


@pytest.mark.django_db
def test_nobody_else_sees_or_tries_one(client: Client, bruno: User, clara: User) -> None:
    described().save()
    page = f"{PAGE}{HttpTool.objects.get().pk}/try/"
    for user in (bruno, clara):
        client.force_login(user)
        for address_of_page in (PAGE, f"{PAGE}add/", page):
            assert client.get(address_of_page).status_code in {302, 403}, address_of_page
        assert client.post(page, {"arguments": "{}"}).status_code in {302, 403}


def test_a_tool_of_somebody_elses_is_known_as_such() -> None:
    tool = OutsideTool(described())
    assert (tool.calls_out, tool.only_reads, tool.may_repeat) == (True, True, True)
