"""Long-lived sockets: pings, typing, read marks, other tabs, other visitors, and a database that is away."""

import asyncio
import hashlib
import hmac
import json
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.db import OperationalError

from accounts.models import User
from conversations.actions import set_typing, show_text, take_over
from conversations.groups import conversation_group
from conversations.models import ContactIdentity, Conversation, Inbox, Message
from integrations.web import consumers, pulse
from integrations.web.consumers import ChatConsumer
from integrations.web.models import VisitorToken
from integrations.web.queries import digest
from integrations.web.session import VisitorSession
from tests.integrations.web.test_http import Twin
from tests.live import LiveServer, Visitor
from tests.pictures import PNG

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heart that beats five times a second."""
    monkeypatch.setattr(pulse, "PING_SECONDS", 0.2)
    monkeypatch.setattr(consumers, "HELLO_SECONDS", 0.2)


def signed(inbox: Inbox, external_id: str) -> dict[str, str]:
    signature = hmac.new(inbox.secret.encode(), external_id.encode(), hashlib.sha256).hexdigest()
    return {"external_id": external_id, "hash": signature}


# The beat.


async def test_ping_comes_again_and_again(quick: None, quiet_server: LiveServer, inbox: Inbox) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        for _ in range(2):
            assert await visitor.until("ping") == {"type": "ping"}
            await visitor.tell({"type": "pong"})
        assert (await visitor.send("Oi"))["seq"] == 1


async def test_who_never_says_hello_is_let_go(quick: None, quiet_server: LiveServer, inbox: Inbox) -> None:
    visitor = quiet_server.visitor(inbox.key)
    await visitor.open()
    await asyncio.wait_for(visitor.socket.wait_closed(), 10)
    assert visitor.socket.close_code == 4408


async def test_conversation_begun_in_another_tab_is_found_at_the_ping(
    quick: None, quiet_server: LiveServer, inbox: Inbox
) -> None:
    async with (
        quiet_server.visitor(inbox.key) as first,
        quiet_server.visitor(inbox.key, token=first.token) as second,
    ):
        await second.send("from the other tab")
        told = await first.message_from("contact")
        assert told["text"] == "from the other tab"
        await second.send("and again")
        assert (await first.message_from("contact"))["text"] == "and again"


async def test_ping_heals_a_hint_that_was_lost(
    quick: None, quiet_server: LiveServer, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(_self: object, _message: object) -> None:
        return

    async with quiet_server.visitor(inbox.key) as first:
        await first.send("one")
        async with quiet_server.visitor(inbox.key, token=first.token, since=1) as second:
            monkeypatch.setattr(ChatConsumer, "hint", lose)
            await second.send("two")
            await first.until("event", seq=2)


async def test_flood_of_frames_is_refused_until_the_next_minute(
    quiet_server: LiveServer, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "FRAMES_PER_MINUTE", 3)
    async with quiet_server.visitor(inbox.key) as visitor:
        for _ in range(3):
            await visitor.tell({"type": "pong"})
        error = await visitor.until("error")
        assert error["code"] == "too_many"
        assert 55 <= error["retry_after"] <= 60


async def test_socket_of_a_token_that_was_taken_back_is_closed(
    quick: None, quiet_server: LiveServer, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key) as visitor, quiet_server.visitor(inbox.key) as other:
        row = await VisitorToken.objects.aget(digest=digest(visitor.token))
        await row.adelete()
        await asyncio.wait_for(visitor.socket.wait_closed(), 10)
        assert visitor.socket.close_code == 1013
        await other.send("still here")


async def test_sockets_of_an_inbox_that_is_switched_off_are_closed(
    quick: None, quiet_server: LiveServer, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await Inbox.objects.aupdate(is_active=False)
        await asyncio.wait_for(visitor.socket.wait_closed(), 10)


# Frames that are none of the protocol's.


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"not json", b"[]"])
async def test_binary_rubbish_gets_an_error_and_the_socket_stays(
    quiet_server: LiveServer, inbox: Inbox, raw: bytes
) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.socket.send(raw)
        assert (await visitor.until("error"))["code"] == "bad_frame"
        assert (await visitor.send("still here"))["seq"] == 1


async def test_binary_frame_is_read_like_a_text_frame(quiet_server: LiveServer, inbox: Inbox) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        frame = {"type": "send", "client_id": str(uuid4()), "text": "Oi ✓"}
        await visitor.socket.send(json.dumps(frame).encode())
        assert (await visitor.until("ack"))["client_id"] == frame["client_id"]


@pytest.mark.parametrize(
    "frame",
    [
        r'{"type": "send", "client_id": "\ud800", "text": "x"}',
        r'{"type": "hello", "v": 1, "inbox": "\ud800"}',
        r'{"type": "hello", "v": 1, "inbox": "KEY", "token": "\udfff"}',
        r'{"type": "\ud800"}',
    ],
)
async def test_half_a_character_gets_an_error_and_no_dead_socket(
    quiet_server: LiveServer, inbox: Inbox, frame: str
) -> None:
    visitor = quiet_server.visitor(inbox.key)
    await visitor.open()
    await visitor.tell(frame.replace("KEY", inbox.key))
    assert (await visitor.until("error"))["code"] in {"bad_frame", "unknown_inbox", "token_invalid"}
    await visitor.socket.close()


async def test_odd_names_and_locales_are_stored_as_far_as_they_can_be(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    identity = {"external_id": "1\x00", "name": "Da\ud800vi\x00", "email": "\x00"}
    async with quiet_server.visitor(inbox.key, identity=identity, locale="\x00\ud800pt") as visitor:
        assert (await visitor.send("Oi \ud83d"))["seq"] == 1
    conversation = await Conversation.objects.select_related("contact").aget()
    assert (conversation.contact.name, conversation.contact.locale) == ("Da?vi", "?pt")


# The database is away.


async def test_message_that_cannot_be_stored_is_said_and_can_be_sent_again(
    quiet_server: LiveServer, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> None:
        raise OperationalError

    key = str(uuid4())
    async with quiet_server.visitor(inbox.key) as visitor:
        with monkeypatch.context() as patch:
            patch.setattr("integrations.web.session.receive", away)
            await visitor.tell({"type": "send", "client_id": key, "text": "Oi"})
            error = await visitor.until("error")
        assert (error["code"], error["client_id"]) == ("unavailable", key)
        assert (await visitor.send("Oi", key))["seq"] == 1
    assert await Message.objects.acount() == 1


async def test_hint_that_cannot_be_read_costs_no_socket(
    quiet_server: LiveServer, inbox: Inbox, bruno: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()

    def away(_self: object) -> None:
        loop.call_soon_threadsafe(reached.set)
        raise OperationalError

    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("Oi")
        conversation = await Conversation.objects.aget()
        with monkeypatch.context() as patch:
            patch.setattr(VisitorSession, "_news", away)
            await in_db(take_over)(conversation=conversation, by=await in_db(bruno.as_actor)())
            await asyncio.wait_for(reached.wait(), 10)
        await visitor.send("again")
        told = await visitor.until("event", event="conversation.updated")
    assert told["assignee"]["name"] == "Bruno"


# Typing and reading.


async def test_signs_of_life_before_the_first_message_mean_nothing(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        for frame in ({"type": "typing", "on": True}, {"type": "read", "seq": 5}, {"type": "stop"}):
            await visitor.tell(frame)
        assert (await visitor.send("Oi"))["seq"] == 1
    assert not [frame for frame in visitor.frames if frame["type"] == "error"]


# One socket in the hands of two visitors, without a server between: the layer's messages are ours to send.


class Socket(WebsocketCommunicator):
    """The consumer by itself, in this event loop."""

    async def until(self, kind: str) -> dict[str, Any]:
        while True:
            frame: dict[str, Any] = await self.receive_json_from(10)
            if frame["type"] == kind:
                return frame

    async def hello(self, inbox: Inbox, **more: Any) -> dict[str, Any]:
        await self.send_json_to({"type": "hello", "v": 1, "inbox": inbox.key, **more})
        return await self.until("welcome")

    async def say(self, text: str) -> Conversation:
        await self.send_json_to({"type": "send", "client_id": str(uuid4()), "text": text})
        ack = await self.until("ack")
        await self.until("event")
        return await Conversation.objects.aget(messages=ack["message_id"])


@pytest.fixture
async def socket() -> Any:
    socket = Socket(ChatConsumer.as_asgi(), "/ws/chat/")
    assert (await socket.connect(10))[0]
    yield socket
    await socket.disconnect(10)


async def test_customers_signs_of_life_reach_the_desk_and_not_themselves(
    socket: Socket, inbox: Inbox
) -> None:
    await socket.hello(inbox)
    conversation = await socket.say("Oi")
    layer: Any = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(conversation_group(conversation.pk), channel)
    await socket.send_json_to({"type": "typing", "on": True})
    await socket.send_json_to({"type": "read", "seq": 1})
    async with asyncio.timeout(10):
        typing, read = await layer.receive(channel), await layer.receive(channel)
    assert (typing["type"], typing["who"], typing["on"]) == ("typing", "contact", True)
    assert (read["type"], read["seq"]) == ("read", 1)
    await set_typing(conversation_id=conversation.pk, who="operator", name="Bruno", on=False)
    # The first frame told after all this is the operator's: nothing of the customer's own came back.
    assert await socket.receive_json_from(10) == {
        "type": "typing",
        "who": "operator",
        "name": "Bruno",
        "on": False,
    }


async def test_second_hello_leaves_the_first_visitor_behind(socket: Socket, inbox: Inbox) -> None:
    await socket.hello(inbox)
    first = await socket.say("secret-canary")
    layer: Any = get_channel_layer()
    (channel,) = layer.groups[conversation_group(first.pk)]
    welcome = await socket.hello(inbox)
    assert welcome["conversation"] is None
    assert not layer.groups.get(conversation_group(first.pk))
    second = await socket.say("mine")
    # What was on its way to the first visitor when the second said hello.
    delta = {"type": "delta", "conversation": str(first.pk), "run": "r", "offset": 0, "text": "canary"}
    typing = {"type": "typing", "conversation": str(first.pk), "who": "agent", "name": "canary", "on": True}
    for message in (delta, typing, {"type": "read", "conversation": str(first.pk), "seq": 1}):
        await layer.send(channel, message)
    await set_typing(conversation_id=second.pk, who="operator", name="Bruno", on=True)
    assert (await socket.receive_json_from(10))["name"] == "Bruno"
    await show_text(conversation_id=second.pk, run=uuid4(), so_far="It", offset=0)
    assert (await socket.receive_json_from(10))["text"] == "It"


async def test_hello_again_of_the_same_visitor_goes_on_where_it_was(socket: Socket, inbox: Inbox) -> None:
    welcome = await socket.hello(inbox)
    conversation = await socket.say("one")
    again = await socket.hello(inbox, token=welcome["token"], since=1)
    assert again == {
        **welcome,
        "conversation": str(conversation.pk),
        "seq": 1,
        "status": "open",
        "assignee": None,
    }
    assert await socket.receive_nothing(0.1)


async def test_failed_second_hello_leaves_nobody_on_the_socket(socket: Socket, inbox: Inbox) -> None:
    await socket.hello(inbox)
    await socket.say("one")
    await socket.send_json_to({"type": "hello", "v": 1, "inbox": inbox.key, "token": "x" * 43})
    assert (await socket.until("error"))["code"] == "token_invalid"
    await socket.send_json_to({"type": "send", "client_id": str(uuid4()), "text": "whose?"})
    assert (await socket.until("error"))["code"] == "not_ready"
    assert await Message.objects.acount() == 1


# Identities, files and sites.


async def test_conversation_before_the_login_goes_along_only_once(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key) as phone:
        await phone.send("from the phone")
    async with quiet_server.visitor(inbox.key) as laptop:
        await laptop.send("from the laptop")
    identity = signed(inbox, "42")
    async with quiet_server.visitor(inbox.key, token=phone.token, identity=identity) as known:
        assert (await known.until("snapshot"))["messages"][0]["text"] == "from the phone"
    # The second one stays anonymous: nothing is merged, and the customer meets the conversation they know.
    async with quiet_server.visitor(inbox.key, token=laptop.token, identity=identity) as known:
        assert (await known.until("snapshot"))["messages"][0]["text"] == "from the phone"
    kinds = [
        row.external_id.partition(":")[0] async for row in ContactIdentity.objects.order_by("external_id")
    ]
    assert kinds == ["user", "visitor"]


async def test_anonymous_claim_does_not_take_a_known_customers_token(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key, identity=signed(inbox, "42")) as known:
        await known.send("mine")
    # The same customer without a signature stays who the token says; another one does not, signed or not.
    async with quiet_server.visitor(inbox.key, token=known.token, identity={"external_id": "42"}) as same:
        assert same.welcome["conversation"]
    async with quiet_server.visitor(inbox.key, token=known.token, identity={"external_id": "7"}) as next_one:
        assert next_one.welcome["conversation"] is None
    async with quiet_server.visitor(inbox.key, token=known.token, identity=signed(inbox, "7")) as other:
        assert other.welcome["conversation"] is None
        assert other.token != known.token


async def test_tokens_are_kept_as_hashes_only(quiet_server: LiveServer, inbox: Inbox) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("Oi")
    row = await VisitorToken.objects.aget()
    assert row.digest == hashlib.sha256(visitor.token.encode()).hexdigest()
    assert all(visitor.token not in str(value) for value in vars(row).values())


async def test_file_travels_over_the_socket_and_only_its_owner_may_send_it(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    twin = Twin(quiet_server, inbox.key)
    async with quiet_server.visitor(inbox.key) as owner, quiet_server.visitor(inbox.key) as thief:
        twin.token = owner.token
        files = {"file": ("a.png", PNG, "image/png")}
        stored = (await twin.client.post("/attachments", files=files, headers=twin.headers)).json()
        frame = {"type": "send", "client_id": str(uuid4()), "text": "", "attachments": [stored["id"]]}
        await thief.tell(frame)
        assert (await thief.until("error"))["code"] == "not_found"
        await owner.tell(frame)
        await owner.until("ack")
        told = await owner.message_from("contact")
    await twin.client.aclose()
    assert [(file["name"], file["size"]) for file in told["attachments"]] == [("a.png", len(PNG))]


async def test_read_marks_and_words_of_a_visitor_touch_their_own_conversation_only(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key) as one, quiet_server.visitor(inbox.key) as two:
        await one.send("one")
        await two.send("two")
        await two.tell({"type": "read", "seq": 1})
        await two.send("three")
    marks = {row.preview: row.read_by_contact_seq async for row in Conversation.objects.all()}
    assert marks == {"one": 0, "three": 1}


@pytest.mark.parametrize(
    ("origin", "allowed"), [("http://ours.example", True), ("http://other.example", False)]
)
async def test_our_own_pages_may_always_carry_the_chat(
    quiet_server: LiveServer, inbox: Inbox, settings: Any, origin: str, *, allowed: bool
) -> None:
    settings.PUBLIC_URL = "http://ours.example"
    await Inbox.objects.aupdate(allowed_origins=["https://shop.example"])
    visitor = Visitor(f"ws://127.0.0.1:{quiet_server.port}/ws/chat/", inbox.key, {}, origin=origin)
    await visitor.open()
    await visitor.tell(visitor.hello)
    assert (await visitor.next())["type"] == ("welcome" if allowed else "error")
    await visitor.socket.close()


async def test_socket_that_is_found_gone_leaves_its_group_and_ends_its_pulse(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels calls `disconnect` only for one that says goodbye; a frame may find the line dead before."""
    frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    sent: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)
        if '"delta"' in event.get("text", ""):
            raise ConnectionResetError

    hello = {"type": "hello", "v": 1, "inbox": inbox.key}
    say = {"type": "send", "client_id": str(uuid4()), "text": "Oi"}
    for event in (
        {"type": "websocket.connect"},
        *({"type": "websocket.receive", "text": json.dumps(frame)} for frame in (hello, say)),
    ):
        frames.put_nowait(event)
    made: list[ChatConsumer] = []
    listen = ChatConsumer._listen

    async def listened(self: ChatConsumer) -> None:
        await listen(self)
        made[:] = [self]

    monkeypatch.setattr(ChatConsumer, "_listen", listened)
    scope = {"type": "websocket", "headers": [], "path": "/ws/chat/", "client": ("127.0.0.1", 1)}
    running = asyncio.create_task(ChatConsumer.as_asgi()(scope, frames.get, send))
    async with asyncio.timeout(10):
        while not (made and made[0].group):  # noqa: ASYNC110 (nobody tells of it)
            await asyncio.sleep(0.01)
        layer, group, channel = get_channel_layer(), made[0].group, made[0].channel_name
        assert channel in layer.groups[group]
        delta = {
            "type": "delta",
            "run": "r",
            "offset": 0,
            "text": "x",
            "conversation": str(made[0].session.conversation_id),
        }
        await layer.group_send(group, delta)
        with pytest.raises(ConnectionResetError):
            await running
    assert channel not in layer.groups.get(group, {})
    assert made[0].pulse is not None
    assert made[0].pulse.done()
