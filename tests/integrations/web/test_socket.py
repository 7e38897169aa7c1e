"""The chat socket as docs/protocol.md promises it, over a real connection."""

import asyncio
import hashlib
import hmac
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.models import User
from conversations.actions import hand_back, note, reply, resolve
from conversations.models import Contact, ContactIdentity, Conversation, Inbox, Message
from conversations.queries.threads import last_messages
from core.actor import Actor, ActorKind
from integrations.web.actions import delete_expired_tokens
from integrations.web.models import VisitorToken
from tests.live import LiveServer, Visitor

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async


async def test_hello_gives_a_token_and_makes_no_contact(quiet_server: LiveServer, inbox: Inbox) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        assert visitor.welcome == {
            "type": "welcome",
            "v": 1,
            "token": visitor.token,
            "conversation": None,
            "seq": 0,
        }
    assert not await Contact.objects.aexists()
    row = await VisitorToken.objects.aget()
    assert visitor.token not in {row.digest, row.external_id}
    assert len(visitor.token) >= 43


async def test_send_is_acknowledged_with_its_number_and_echoed(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        key = str(uuid4())
        ack = await visitor.send("Oi", key)
        echo = await visitor.message_from("contact")
    stored = await Message.objects.aget()
    assert ack == {"type": "ack", "client_id": key, "seq": 1, "message_id": str(stored.pk)}
    assert echo["client_id"] == key
    assert set(echo) >= {
        "id", "seq", "author", "text", "html", "citations", "choices", "attachments", "client_id",
        "created_at",
    }  # fmt: skip


async def test_send_again_gets_the_same_ack_and_creates_nothing(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    key = str(uuid4())
    async with quiet_server.visitor(inbox.key) as visitor:
        first = await visitor.send("Oi", key)
        assert await visitor.send("Oi", key) == first
    async with quiet_server.visitor(inbox.key, token=visitor.token) as again:
        assert await again.send("Oi", key) == first
    assert await Message.objects.acount() == 1


async def test_twenty_parallel_sends_of_one_client_id_store_one(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key) as first:
        key = str(uuid4())
        tabs = [quiet_server.visitor(inbox.key, token=first.token) for _ in range(20)]
        for tab in tabs:
            await tab.__aenter__()
        acks = await asyncio.gather(*(tab.send("Oi", key) for tab in tabs))
        for tab in tabs:
            await tab.socket.close()
    assert len({(ack["seq"], ack["message_id"]) for ack in acks}) == 1
    assert await Message.objects.acount() == 1


async def test_first_messages_of_many_tabs_open_one_conversation(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    """Chatwoot #6128: one visitor of a website had several conversations within a moment."""
    async with quiet_server.visitor(inbox.key) as first:
        tabs = [quiet_server.visitor(inbox.key, token=first.token) for _ in range(8)]
        for tab in tabs:
            await tab.__aenter__()
        acks = await asyncio.gather(*(tab.send(f"from tab {number}") for number, tab in enumerate(tabs)))
        for tab in tabs:
            await tab.socket.close()
    assert await Conversation.objects.acount() == await Contact.objects.acount() == 1
    assert sorted(ack["seq"] for ack in acks) == list(range(1, 9))
    assert await Message.objects.acount() == 8


@pytest.mark.parametrize(
    "frame",
    [
        "not json",
        "[]",
        "{}",
        '{"type": 1}',
        '{"type": "dance"}',
        '{"type": "send", "client_id": "x", "text": "a"}',
        '{"type": "send", "client_id": 1, "text": "a"}',
        '{"type": "send", "client_id": "4b34ed08-6ff5-4a20-b6a1-0e7a7fbd9f9f", "text": 1}',
        '{"type": "send", "client_id": "4b34ed08-6ff5-4a20-b6a1-0e7a7fbd9f9f", "attachments": {}}',
        '{"type": "read", "seq": -1}',
        '{"type": "read", "seq": true}',
        '{"type": "read", "seq": 1e400}',
        '{"type": "typing"}',
        '{"type": "hello", "v": 2, "inbox": "x"}',
        '{"type": "hello", "v": 1}',
        '{"type": "hello", "v": 1, "inbox": "x", "identity": {"external_id": []}}',
        "[" * 30_000,
    ],
)
async def test_bad_frame_gets_an_error_and_the_socket_stays(
    quiet_server: LiveServer, inbox: Inbox, frame: str
) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.tell(frame)
        assert (await visitor.until("error"))["code"] == "bad_frame"
        assert (await visitor.send("still here"))["seq"] == 1


async def test_empty_message_is_an_error_tied_to_its_client_id(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    key = str(uuid4())
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.tell({"type": "send", "client_id": key, "text": "  "})
        error = await visitor.until("error")
    assert (error["code"], error["client_id"]) == ("invalid", key)


async def test_oversized_frame_is_refused_and_the_socket_stays(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.tell({"type": "send", "client_id": str(uuid4()), "text": "x" * 70_000})
        assert (await visitor.until("error"))["code"] == "too_large"
        await visitor.send("fine")


async def test_too_many_messages_are_refused_with_a_time(
    quiet_server: LiveServer, inbox: Inbox, settings: Any, still_minute: None
) -> None:
    settings.CHAT_MESSAGES_PER_MINUTE = 3
    async with quiet_server.visitor(inbox.key) as visitor:
        keys = [str(uuid4()) for _ in range(3)]
        for key in keys:
            await visitor.send("a", key)
        await visitor.tell({"type": "send", "client_id": str(uuid4()), "text": "b"})
        error = await visitor.until("error")
    assert error["code"] == "too_many"
    assert error["retry_after"] == 42
    assert await Message.objects.acount() == 3


async def test_an_inbox_may_have_a_pace_of_its_own(
    quiet_server: LiveServer, inbox: Inbox, settings: Any, still_minute: None
) -> None:
    settings.CHAT_MESSAGES_PER_MINUTE = 3
    await Inbox.objects.filter(pk=inbox.pk).aupdate(chat_per_minute=1)
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("a")
        await visitor.tell({"type": "send", "client_id": str(uuid4()), "text": "b"})
        assert (await visitor.until("error"))["code"] == "too_many"
    await Inbox.objects.filter(pk=inbox.pk).aupdate(chat_per_minute=5)
    async with quiet_server.visitor(inbox.key) as visitor:
        for _ in range(4):
            await visitor.send("more than the server says")


async def test_new_visitors_of_one_address_are_paced_and_known_ones_are_not(
    quiet_server: LiveServer, inbox: Inbox, settings: Any, still_minute: None
) -> None:
    settings.CHAT_NEWCOMERS_PER_MINUTE = 2
    async with quiet_server.visitor(inbox.key) as first, quiet_server.visitor(inbox.key):
        third = quiet_server.visitor(inbox.key)
        await third.open()
        await third.tell(third.hello)
        error = await third.until("error")
        await third.socket.close()
        assert (error["code"], error["retry_after"]) == ("too_many", 42)
        async with quiet_server.visitor(inbox.key, token=first.token) as again:
            await again.send("still here")
    async with httpx.AsyncClient() as client:
        address = f"{quiet_server.url}/api/v1/widget/{inbox.key}/hello"
        refused = await client.post(address, json={"type": "hello", "v": 1})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many")


async def test_anything_before_hello_is_refused(quiet_server: LiveServer, inbox: Inbox) -> None:
    visitor = quiet_server.visitor(inbox.key)
    await visitor.open()
    await visitor.tell({"type": "send", "client_id": str(uuid4()), "text": "a"})
    assert (await visitor.until("error"))["code"] == "not_ready"
    await visitor.socket.close()


@pytest.mark.parametrize("key", ["nope", "", "a\x00b"])
async def test_unknown_inbox_is_refused_and_closed(quiet_server: LiveServer, inbox: Inbox, key: str) -> None:
    visitor = quiet_server.visitor(key)
    await visitor.open()
    await visitor.tell(visitor.hello)
    assert (await visitor.until("error"))["code"] == "unknown_inbox"
    await visitor.socket.wait_closed()
    assert visitor.socket.close_code == 4404


async def test_switched_off_inbox_is_unknown(quiet_server: LiveServer, inbox: Inbox) -> None:
    await Inbox.objects.filter(pk=inbox.pk).aupdate(is_active=False)
    visitor = quiet_server.visitor(inbox.key)
    await visitor.open()
    await visitor.tell(visitor.hello)
    assert (await visitor.until("error"))["code"] == "unknown_inbox"
    await visitor.socket.close()


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example", True),
        ("https://SHOP.example", True),
        ("https://evil.example", False),
        ("https://shop.example.evil.example", False),
        ("http://shop.example", False),
        ("null", False),
    ],
)
async def test_origin_list_of_the_inbox_is_kept(
    quiet_server: LiveServer, inbox: Inbox, origin: str, *, allowed: bool
) -> None:
    """LibreDesk, April 2026: sockets were opened to pages of any site."""
    await Inbox.objects.filter(pk=inbox.pk).aupdate(allowed_origins=["https://shop.example/"])
    visitor = Visitor(f"ws://127.0.0.1:{quiet_server.port}/ws/chat/", inbox.key, {}, origin=origin)
    await visitor.open()
    await visitor.tell(visitor.hello)
    frame = await visitor.next()
    assert frame["type"] == ("welcome" if allowed else "error")
    if not allowed:
        assert frame["code"] == "origin_not_allowed"
    await visitor.socket.close()


@pytest.mark.parametrize("case", ["unknown", "foreign", "expired"])
async def test_token_that_is_not_valid_here_is_refused(
    quiet_server: LiveServer, inbox: Inbox, case: str
) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("mine")
    token, key = visitor.token, inbox.key
    if case == "unknown":
        token = "x" * 43
    elif case == "foreign":
        key = (await Inbox.objects.acreate(name="Other")).key
    else:
        await VisitorToken.objects.aupdate(expires_at=timezone.now() - timedelta(seconds=1))
    other = quiet_server.visitor(key, token=token)
    await other.open()
    await other.tell(other.hello)
    assert (await other.until("error"))["code"] == "token_invalid"
    # The socket stays: the client says hello without it.
    await other.tell({"type": "hello", "v": 1, "inbox": key})
    assert (await other.until("welcome"))["conversation"] is None
    await other.socket.close()


async def test_token_rotates_after_a_day_and_the_old_one_ends(quiet_server: LiveServer, inbox: Inbox) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("Oi")
    await VisitorToken.objects.aupdate(created_at=timezone.now() - timedelta(days=2))
    async with quiet_server.visitor(inbox.key, token=visitor.token) as again:
        assert again.token != visitor.token
        assert again.welcome["conversation"]
    old = await VisitorToken.objects.order_by("created_at").afirst()
    assert old is not None
    assert old.expires_at < timezone.now() + timedelta(minutes=11)


async def test_expired_tokens_are_deleted(quiet_server: LiveServer, inbox: Inbox) -> None:
    async with quiet_server.visitor(inbox.key), quiet_server.visitor(inbox.key):
        pass
    first = await VisitorToken.objects.afirst()
    assert first is not None
    await VisitorToken.objects.filter(pk=first.pk).aupdate(expires_at=timezone.now())
    assert await in_db(delete_expired_tokens)() == 1
    assert await VisitorToken.objects.acount() == 1


async def test_reload_gets_a_snapshot_and_resume_gets_the_events_missed(
    quiet_server: LiveServer, inbox: Inbox, bruno: User
) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("one")
        await visitor.send("two")
    conversation = await Conversation.objects.aget()
    await in_db(reply)(conversation=conversation, text="three", by=await in_db(bruno.as_actor)())
    async with quiet_server.visitor(inbox.key, token=visitor.token, since=2) as resumed:
        answer = await resumed.message_from("operator")
    assert answer["text"] == "three"
    assert all(frame.get("seq", 3) > 2 for frame in resumed.frames[1:])
    async with quiet_server.visitor(inbox.key, token=visitor.token, since=0) as reloaded:
        snapshot = await reloaded.until("snapshot")
    assert [message["text"] for message in snapshot["messages"]] == ["one", "two", "three"]


async def test_cursor_that_is_ahead_or_too_old_gets_a_snapshot(
    quiet_server: LiveServer, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        for number in range(6):
            await visitor.send(str(number))
    async with quiet_server.visitor(inbox.key, token=visitor.token, since=99) as ahead:
        assert len((await ahead.until("snapshot"))["messages"]) == 6
    monkeypatch.setattr("integrations.web.session.REPLAY_LIMIT", 3)
    async with quiet_server.visitor(inbox.key, token=visitor.token, since=1) as behind:
        assert (await behind.until("snapshot"))["seq"] == 6


async def test_snapshot_is_as_long_as_ever_whatever_is_said_while_it_is_read(
    quiet_server: LiveServer, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its oldest messages were missing where others were stored between its number and its rows."""
    async with quiet_server.visitor(inbox.key) as visitor:
        for number in range(4):
            await visitor.send(str(number))
    conversation = await Conversation.objects.aget()

    def read(*arguments: Any, **more: Any) -> list[Message]:
        reply(conversation=conversation, text="meanwhile", by=Actor.system())
        return last_messages(*arguments, limit=3, **more)

    monkeypatch.setattr("integrations.web.session.last_messages", read)
    async with quiet_server.visitor(inbox.key, token=visitor.token, since=0) as reloaded:
        snapshot = await reloaded.until("snapshot")
    assert [message["text"] for message in snapshot["messages"]] == ["1", "2", "3"]


async def test_notes_never_reach_the_customer(quiet_server: LiveServer, inbox: Inbox, bruno: User) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("Oi")
        conversation = await Conversation.objects.aget()
        actor = await in_db(bruno.as_actor)()
        await in_db(note)(conversation=conversation, text="secret-canary", by=actor)
        await in_db(reply)(conversation=conversation, text="Hello", by=actor)
        await visitor.message_from("operator")
    async with quiet_server.visitor(inbox.key, token=visitor.token) as reloaded:
        await reloaded.until("snapshot")
    assert "secret-canary" not in str(visitor.frames) + str(reloaded.frames)


async def test_another_visitor_sees_nothing_of_it(quiet_server: LiveServer, inbox: Inbox) -> None:
    async with quiet_server.visitor(inbox.key) as one, quiet_server.visitor(inbox.key) as two:
        await two.send("mine")
        await one.send("secret-canary")
        await two.silence(0.5)
    assert "secret-canary" not in str(two.frames)


async def test_eight_writers_and_a_reader_that_is_cut_again_and_again(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key) as first:
        await first.send("start")
    seen: list[int] = []

    async def write() -> None:
        async with quiet_server.visitor(inbox.key, token=first.token, since=1) as writer:
            for number in range(10):
                await writer.send(str(number))

    async def read() -> None:
        while len(seen) < 81:
            since = seen[-1] if seen else 1
            async with quiet_server.visitor(inbox.key, token=first.token, since=since) as reader:
                for _ in range(7):
                    frame = await reader.until("event")
                    seen.append(frame["seq"])
                    if len(seen) >= 80:
                        return

    await asyncio.gather(read(), *(write() for _ in range(8)))
    assert seen == list(range(2, 82))


async def test_signed_identity_leads_to_the_same_customer_on_any_device(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    signature = hmac.new(inbox.secret.encode(), b"42", hashlib.sha256).hexdigest()
    identity = {"external_id": "42", "name": "Davi", "email": "davi@example.com", "hash": signature}
    async with quiet_server.visitor(inbox.key, identity=identity) as phone:
        await phone.send("from the phone")
    async with quiet_server.visitor(inbox.key, identity=identity) as laptop:
        snapshot = await laptop.until("snapshot")
    assert snapshot["messages"][0]["text"] == "from the phone"
    row = await ContactIdentity.objects.aget()
    assert (row.external_id, row.is_verified) == ("user:42", True)


@pytest.mark.parametrize("signature", ["", "0" * 64, "ü", "other's"])
async def test_unsigned_identity_does_not_lead_to_a_known_customer(
    quiet_server: LiveServer, inbox: Inbox, signature: str
) -> None:
    """Chatwoot #2694, #14944: an empty hash was believed, or a flag that the client set itself."""
    good = hmac.new(inbox.secret.encode(), b"42", hashlib.sha256).hexdigest()
    async with quiet_server.visitor(inbox.key, identity={"external_id": "42", "hash": good}) as davi:
        await davi.send("secret-canary")
    if signature == "other's":
        signature = hmac.new(inbox.secret.encode(), b"43", hashlib.sha256).hexdigest()
    claim = {"external_id": "42", "hash": signature, "hmac_verified": True, "is_verified": True}
    async with quiet_server.visitor(inbox.key, identity=claim) as thief:
        assert thief.welcome["conversation"] is None
        await thief.send("hello")
        await thief.silence(0.2)
    assert "secret-canary" not in str(thief.frames)
    assert await Contact.objects.acount() == 2


async def test_visitor_who_logs_in_keeps_the_conversation(quiet_server: LiveServer, inbox: Inbox) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("before login")
    signature = hmac.new(inbox.secret.encode(), b"7", hashlib.sha256).hexdigest()
    identity = {"external_id": "7", "hash": signature}
    async with quiet_server.visitor(inbox.key, token=visitor.token, identity=identity) as known:
        assert (await known.until("snapshot"))["messages"][0]["text"] == "before login"
        assert known.token != visitor.token


async def test_typing_and_read_marks_reach_the_other_side(quiet_server: LiveServer, inbox: Inbox) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("Oi")
        await visitor.tell({"type": "read", "seq": 1})
        await visitor.tell({"type": "read", "seq": 900})
        await visitor.tell({"type": "typing", "on": True})
        await visitor.send("again")
        assert not [frame for frame in visitor.frames if frame["type"] in {"error", "typing"}]
    assert (await Conversation.objects.aget()).read_by_contact_seq == 1


async def test_resolved_conversation_is_told(quiet_server: LiveServer, inbox: Inbox, bruno: User) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("Oi")
        conversation = await Conversation.objects.aget()
        await in_db(resolve)(conversation=conversation, by=await in_db(bruno.as_actor)())
        told = await visitor.until("event", event="conversation.updated")
    assert told["status"] == "resolved"


async def test_claim_without_proof_does_not_go_on_as_the_proven_customer(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    """Chatwoot #14884: who was let in could change the identity without any proof."""
    good = hmac.new(inbox.secret.encode(), b"42", hashlib.sha256).hexdigest()
    async with quiet_server.visitor(inbox.key, identity={"external_id": "42", "hash": good}) as davi:
        await davi.send("secret-canary")
    claim = {"external_id": "43", "name": "Mallory", "hash": "0" * 64}
    async with quiet_server.visitor(inbox.key, token=davi.token, identity=claim) as other:
        assert other.welcome["conversation"] is None
        await other.send("hello")
    assert "secret-canary" not in str(other.frames)
    assert not await Contact.objects.filter(name="Mallory", identities__external_id="user:42").aexists()


async def test_old_token_cannot_be_kept_alive_by_using_it(quiet_server: LiveServer, inbox: Inbox) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        pass
    soon = timezone.now() + timedelta(minutes=1)
    await VisitorToken.objects.aupdate(created_at=timezone.now() - timedelta(days=2), expires_at=soon)
    async with quiet_server.visitor(inbox.key, token=visitor.token):
        pass
    assert await VisitorToken.objects.filter(expires_at__lte=soon).acount() == 1


async def test_answer_by_a_program_carries_the_name_of_the_shop(
    quiet_server: LiveServer, inbox: Inbox
) -> None:
    from core.actor import Actor, ActorKind

    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("Oi")
        conversation = await Conversation.objects.aget()
        program = Actor(ActorKind.API_KEY, "1", "crm-sync-prod", is_admin=True)
        await in_db(reply)(conversation=conversation, text="Hello", by=program)
        told = await visitor.message_from("operator")
    assert told["author"]["name"] == "Aurora"


async def test_an_answer_is_rated_by_socket_and_by_http(
    quiet_server: LiveServer, inbox: Inbox, system: Actor
) -> None:
    lia = Actor(ActorKind.AGENT, "1", "Lia")
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("Oi")
        row = await Conversation.objects.aget()
        await in_db(hand_back)(conversation=row, by=system)
        answer = await in_db(reply)(conversation=row, text="Olá.", by=lia, run=uuid4())
        assert (await visitor.message_from("agent"))["helpful"] is None
        frame = {"type": "rate", "message": str(answer.pk), "helpful": False, "reason": "Curto."}
        await visitor.tell(frame)
        told = {"type": "rated", "message": str(answer.pk), "helpful": False, "reason": "Curto."}
        assert await visitor.until("rated") == told
        # Nothing that the customer would hear again.
        assert all(frame["type"] != "event" for frame in await visitor.silence(0.3))
        url = f"{quiet_server.url}/api/v1/widget/{inbox.key}/messages"
        async with httpx.AsyncClient() as http:
            headers = {"Authorization": f"Bearer {visitor.token}"}
            answered = await http.post(url, json={**frame, "helpful": True}, headers=headers)
        assert answered.json() == {**told, "helpful": True, "reason": ""}
    async with quiet_server.visitor(inbox.key, token=visitor.token) as again:
        snapshot = await again.until("snapshot")
    assert [message["helpful"] for message in snapshot["messages"]] == [None, True]


async def test_ratings_have_a_pace_of_their_own(
    quiet_server: LiveServer, inbox: Inbox, settings: Any
) -> None:
    settings.CHAT_MESSAGES_PER_MINUTE = 1
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("Oi")
        codes = []
        for _ in range(2):
            await visitor.tell({"type": "rate", "message": str(uuid4()), "helpful": True})
            codes.append((await visitor.until("error"))["code"])
    assert codes == ["not_found", "too_many"]
