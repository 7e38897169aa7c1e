"""The staff's socket, over real connections to the running product."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
import websockets
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client

from accounts.models import Team, User
from conversations.actions import note, reply
from conversations.actions.streaming import show_text
from conversations.enums import Status
from conversations.models import Conversation, Inbox
from conversations.queries.threads import REPLAY_LIMIT
from desk import consumers
from desk.queries.rows import rows_by_id
from desk.queries.threads import missed_events
from tests.desk.conftest import Desk, DeskSocket, client_of
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async
Json = dict[str, Any]


async def act(client: Client, conversation: Conversation, verb: str, **data: Any) -> Json:
    """What an operator's browser does: writes go by HTTP to the running product."""
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    return await asyncio.to_thread(_post, cookies, f"/admin/inbox/{conversation.pk}/{verb}/", data)


def _post(cookies: dict[str, str], path: str, data: Json) -> Json:
    import httpx

    token = "t" * 32
    answer = httpx.post(
        act.server + path,  # type: ignore[attr-defined]
        json=data,
        cookies={**cookies, "csrftoken": token},
        headers={"X-CSRFToken": token},
        timeout=20,
    )
    answer.raise_for_status()
    told: Json = answer.json()
    return told


@pytest.fixture(autouse=True)
def _at(quiet_server: LiveServer) -> None:
    act.server = quiet_server.url  # type: ignore[attr-defined]


def of(conversation: Conversation) -> Any:
    return lambda frame: frame["row"]["id"] == str(conversation.pk)


async def open_thread(socket: DeskSocket, conversation: Conversation, **more: Any) -> None:
    await socket.tell(type="open", conversation=str(conversation.pk), **more)
    await socket.settled()


@pytest.mark.parametrize("who", ["nobody", "customer", "former"])
async def test_only_active_staff_get_in(quiet_server: LiveServer, who: str, bruno: User) -> None:
    client = Client()
    if who != "nobody":
        await in_db(client.force_login)(bruno, backend="django.contrib.auth.backends.ModelBackend")
        change = {"is_staff": False} if who == "customer" else {"is_active": False}
        await User.objects.filter(pk=bruno.pk).aupdate(**change)
    socket = DeskSocket(quiet_server, client)
    with pytest.raises(websockets.InvalidStatus) as refused:
        await socket.__aenter__()
    assert refused.value.response.status_code == 403


async def test_another_site_cannot_use_the_operators_session(quiet_server: LiveServer, bruno: User) -> None:
    client = await in_db(client_of)(bruno)
    with pytest.raises(websockets.InvalidStatus):
        await DeskSocket(quiet_server, client, origin="https://evil.example").__aenter__()


async def test_a_customers_message_reaches_row_and_open_thread(
    desk: Desk, as_bruno: Client, conversation: Conversation, inbox: Inbox, quiet_server: LiveServer
) -> None:
    """Chatwoot #9306: what customers wrote did not appear until the page was loaded again."""
    async with desk(as_bruno) as socket, quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("First")
        row = (await socket.until("row"))["row"]
        assert (row["preview"], row["unread"]) == ("First", True)
        await socket.tell(type="open", conversation=row["id"], since=row["seq"])
        await socket.settled()
        await visitor.send("Second")
        event = await socket.until("event")
        assert (event["seq"], event["message"]["text"]) == (row["seq"] + 1, "Second")
        assert event["conversation"] == row["id"]


async def test_other_teams_hear_nothing(
    desk: Desk, as_bruno: Client, as_clara: Client, inbox: Inbox, quiet_server: LiveServer
) -> None:
    async with desk(as_bruno) as bruno, desk(as_clara) as clara, quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("Secret")
        row = (await bruno.until("row"))["row"]
        await clara.tell(type="open", conversation=row["id"])
        refused = await clara.until("error")
        assert refused["code"] == "not_found"
        await visitor.send("Another secret")
        await bruno.until("row", lambda frame: frame["row"]["preview"] == "Another secret")
        await clara.settled()
        assert {frame["type"] for frame in clara.frames} <= {"ready", "error", "pong", "counts"}


@pytest.mark.parametrize(
    "name",
    ["%", "_", "*", "", "desk", "inbox", "{}", "{}%", "{}*", "urn:uuid:{}", None, ["{}"], {"id": "{}"}],
)
async def test_no_pattern_opens_the_thread_of_another_team(
    desk: Desk, as_clara: Client, conversation: Conversation, bruno: User, name: Any
) -> None:
    """FreeScout GHSA-gh3r, GHSA-w668: a name with wildcards let in on others' events."""
    named = json.loads(json.dumps(name).replace("{}", str(conversation.pk)))
    async with desk(as_clara) as socket:
        await socket.tell(type="open", conversation=named, since=0)
        await socket.until("error")
        await in_db(reply)(conversation=conversation, text="Secret", by=await in_db(bruno.as_actor)())
        await socket.settled()
        assert {frame["type"] for frame in socket.frames} <= {"ready", "error", "pong", "counts"}


async def test_missed_events_are_told_in_order_without_gap(
    desk: Desk, as_bruno: Client, bruno: User, conversation: Conversation
) -> None:
    """Chatwoot #14683, #6411, #7882, #9625, #9823, #10557: a socket that was away came back with a gap."""
    for number in range(5):
        await in_db(reply)(conversation=conversation, text=str(number), by=await in_db(bruno.as_actor)())
    async with desk(as_bruno) as socket:
        await open_thread(socket, conversation, since=2)
        await socket.until("event", lambda frame: frame["seq"] == 6)
        assert [frame["seq"] for frame in socket.frames if frame["type"] == "event"] == [3, 4, 5, 6]


async def test_many_writers_are_read_once_each_and_in_order(
    desk: Desk, as_bruno: Client, as_ana: Client, conversation: Conversation
) -> None:
    async with desk(as_bruno) as socket:
        await open_thread(socket, conversation, since=1)
        writers = [as_ana, as_bruno] * 8
        await asyncio.gather(*(act(client, conversation, "note", text="x") for client in writers))
        await socket.until("event", lambda frame: frame["seq"] == 17)
        seqs = [frame["seq"] for frame in socket.frames if frame["type"] == "event"]
        assert seqs == list(range(2, 18))


async def test_notes_and_reasons_reach_the_desk_only(
    desk: Desk, as_bruno: Client, inbox: Inbox, quiet_server: LiveServer
) -> None:
    async with desk(as_bruno) as socket, quiet_server.visitor(inbox.key) as visitor:
        await visitor.send("Hello")
        row = (await socket.until("row"))["row"]
        conversation = await Conversation.objects.aget(pk=row["id"])
        await open_thread(socket, conversation)
        await act(as_bruno, conversation, "note", text="Angry customer")
        told = await socket.until("event")
        assert (told["internal"], told["message"]["text"]) == (True, "Angry customer")
        await act(as_bruno, conversation, "reply", text="Hi")
        await visitor.message_from("operator")
        assert "Angry customer" not in json.dumps(visitor.frames)


async def test_too_many_missed_events_ask_for_a_fresh_page(
    desk: Desk, as_bruno: Client, conversation: Conversation
) -> None:
    await Conversation.objects.filter(pk=conversation.pk).aupdate(last_seq=REPLAY_LIMIT + 2)
    async with desk(as_bruno) as socket:
        await socket.tell(type="open", conversation=str(conversation.pk), since=1)
        assert (await socket.until("reload"))["conversation"] == str(conversation.pk)


async def test_a_conversation_that_moves_away_is_taken_off_the_screen(
    desk: Desk, as_bruno: Client, as_ana: Client, conversation: Conversation, other_team: Team
) -> None:
    async with desk(as_bruno) as socket:
        await open_thread(socket, conversation, since=1)
        await act(as_ana, conversation, "assign", to=None, team=other_team.pk)
        assert (await socket.until("gone"))["conversation"] == str(conversation.pk)
        await act(as_ana, conversation, "note", text="Now secret")
        await socket.settled()
        assert "Now secret" not in json.dumps(socket.frames)
        assert not [frame for frame in socket.frames if frame["type"] == "event"]


async def test_what_is_assigned_to_an_operator_reaches_them_in_any_team(
    desk: Desk, as_clara: Client, as_ana: Client, clara: User, conversation: Conversation
) -> None:
    async with desk(as_clara) as socket:
        await act(as_ana, conversation, "assign", to=clara.pk)
        row = await socket.until("row", of(conversation))
        assert row["row"]["assignee"]["id"] == clara.pk


async def test_deltas_typing_and_read_marks_pass_for_the_open_conversation_only(
    desk: Desk, as_bruno: Client, inbox: Inbox, quiet_server: LiveServer
) -> None:
    async with (
        desk(as_bruno) as socket,
        desk(as_bruno) as second,
        quiet_server.visitor(inbox.key) as visitor,
    ):
        await visitor.send("Hello")
        row = (await socket.until("row"))["row"]
        await socket.tell(type="open", conversation=row["id"], since=row["seq"])
        await socket.settled()
        await visitor.tell({"type": "typing", "on": True})
        assert (await socket.until("typing"))["who"] == "contact"
        await visitor.tell({"type": "read", "seq": row["seq"]})
        assert (await socket.until("read"))["seq"] == row["seq"]
        await socket.tell(type="typing", on=True)
        assert (await visitor.until("typing"))["who"] == "operator"
        await second.settled()
        assert not {frame["type"] for frame in second.frames} & {"typing", "read", "delta"}


async def test_who_opens_a_thread_in_the_middle_of_an_answer_gets_its_beginning(
    desk: Desk, as_bruno: Client, conversation: Conversation
) -> None:
    await Conversation.objects.filter(pk=conversation.pk).aupdate(status=Status.BOT)
    run = uuid4()
    await show_text(conversation_id=conversation.pk, run=run, so_far="Your parcel", offset=5)
    async with desk(as_bruno) as socket:
        await socket.tell(type="open", conversation=str(conversation.pk), since=1)
        delta = await socket.until("delta")
        assert (delta["run"], delta["offset"], delta["text"]) == (str(run), 0, "Your parcel")


async def test_a_read_mark_reaches_every_list(
    desk: Desk, as_bruno: Client, as_ana: Client, conversation: Conversation
) -> None:
    async with desk(as_bruno) as socket, desk(as_ana) as other:
        await open_thread(socket, conversation, since=1)
        await socket.tell(type="read", seq=1)
        row = await other.until("row", lambda frame: not frame["row"]["unread"])
        assert row["row"]["id"] == str(conversation.pk)


async def test_counts_follow(desk: Desk, as_bruno: Client, conversation: Conversation) -> None:
    async with desk(as_bruno) as socket:
        assert (await socket.until("counts"))["counts"]["open"] == 1
        await act(as_bruno, conversation, "resolve")
        told = await socket.until("counts", lambda frame: frame["counts"]["open"] == 0)
        assert told["counts"]["waiting"] == 0


async def test_tickets_are_told_to_those_who_see_them(
    desk: Desk, as_bruno: Client, as_clara: Client, conversation: Conversation
) -> None:
    async with desk(as_bruno) as bruno, desk(as_clara) as clara:
        made = await act(as_bruno, conversation, "ticket", subject="Parcel lost")
        told = await bruno.until("ticket")
        assert (told["ticket"]["number"], told["ticket"]["subject"]) == (made["number"], "Parcel lost")
        await clara.settled()
        assert "Parcel lost" not in json.dumps(clara.frames)


BAD_FRAMES = [
    ("{", "invalid"),
    ("[]", "invalid"),
    ('"x"', "invalid"),
    ('{"type": "explode"}', "invalid"),
    ('{"type": "typing", "on": true}', "invalid"),
    ('{"type": "read", "seq": 1}', "invalid"),
    ('{"type": "open", "conversation": "x"}', "not_found"),
    ('{"type": "open"}', "not_found"),
    (json.dumps({"type": "open", "conversation": str(uuid4())}), "not_found"),
    (json.dumps({"type": "ping", "x": "x" * 5_000}), "invalid"),
]


async def test_a_bad_frame_gets_an_error_and_the_socket_stays(desk: Desk, as_bruno: Client) -> None:
    async with desk(as_bruno) as socket:
        for frame, code in BAD_FRAMES:
            await socket.socket.send(frame)
            assert (await socket.until("error"))["code"] == code, frame
        await socket.settled()


async def test_a_number_that_is_none_is_refused(
    desk: Desk, as_bruno: Client, conversation: Conversation
) -> None:
    async with desk(as_bruno) as socket:
        await open_thread(socket, conversation)
        for seq in (-1, 1.5, "1", True, None, 2**31):
            await socket.tell(type="read", seq=seq)
            assert (await socket.until("error"))["code"] == "invalid", seq


async def test_too_many_frames_are_refused(
    desk: Desk, as_bruno: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "FRAMES_PER_MINUTE", 2)
    async with desk(as_bruno) as socket:
        for _ in range(3):
            await socket.tell(type="ping")
        assert (await socket.until("error"))["code"] == "too_many"


async def test_a_closed_thread_is_told_no_more(
    desk: Desk, as_bruno: Client, as_ana: Client, conversation: Conversation
) -> None:
    async with desk(as_bruno) as socket:
        await open_thread(socket, conversation, since=1)
        await socket.tell(type="close")
        await socket.settled()
        await act(as_ana, conversation, "note", text="x")
        await act(as_ana, conversation, "priority", priority=30)
        await socket.until("row", lambda frame: frame["row"]["priority"] == 30)
        assert not [frame for frame in socket.frames if frame["type"] == "event"]


class Beats:
    """Lets a test say when the half minute is over."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(consumers, "BEAT_SECONDS", 0.2)


async def test_a_lost_hint_is_healed(
    desk: Desk, as_bruno: Client, bruno: User, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiledesk #45, #100, #101: what went missing between server and socket never reached the screen."""
    Beats(monkeypatch)
    async with desk(as_bruno) as socket:
        await open_thread(socket, conversation, since=1)
        # Written by another process whose hint never arrives: this test's own channel layer is not heard.
        monkeypatch.setattr("core.realtime.send", _lost)
        await in_db(note)(conversation=conversation, text="x", by=await in_db(bruno.as_actor)())
        assert (await socket.until("event"))["seq"] == 2


async def _lost(*_: Any) -> None:
    """A hint that goes nowhere."""


async def test_who_signs_out_or_loses_the_job_is_put_out(
    desk: Desk, as_bruno: Client, as_ana: Client, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Beats(monkeypatch)
    async with desk(as_bruno) as bruno, desk(as_ana) as other:
        await Session.objects.filter(session_key=as_bruno.cookies["sessionid"].value).adelete()
        await User.objects.filter(pk=ana.pk).aupdate(is_active=False)
        for socket in (bruno, other):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.until("never")
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == consumers.SIGNED_OUT


async def test_a_new_team_is_heard_after_the_next_beat(
    desk: Desk, as_clara: Client, as_ana: Client, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    Beats(monkeypatch)
    async with desk(as_clara) as socket:
        clara = await User.objects.aget(username="clara")
        await clara.teams.aadd(await Team.objects.aget(slug="support"))
        await socket.until("pong")
        await socket.until("pong")
        await act(as_ana, conversation, "priority", priority=30)
        assert (await socket.until("row", of(conversation)))["row"]["priority"] == 30


async def test_the_database_may_be_away_for_a_moment(
    desk: Desk, as_bruno: Client, as_ana: Client, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = rows_by_id
    failures = iter([OperationalError("away")])

    def away_once(ids: Any) -> Any:
        for failure in failures:
            raise failure
        return reads(ids)

    monkeypatch.setattr("desk.hub.RETRY_SECONDS", 0.01)
    async with desk(as_bruno) as socket:
        monkeypatch.setattr("desk.live.rows_by_id", away_once)
        await act(as_ana, conversation, "priority", priority=30)
        assert (await socket.until("row", of(conversation)))["row"]["priority"] == 30


async def test_a_thread_that_cannot_be_read_is_read_again(
    desk: Desk, as_bruno: Client, as_ana: Client, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OperationalError("away")])

    def away_once(*args: Any, **more: Any) -> Any:
        for failure in failures:
            raise failure
        return missed_events(*args, **more)

    monkeypatch.setattr(consumers, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr("desk.live.missed_events", away_once)
    async with desk(as_bruno) as socket:
        await open_thread(socket, conversation, since=1)
        await act(as_ana, conversation, "note", text="x")
        assert (await socket.until("event"))["seq"] == 2


async def test_a_frame_that_meets_no_database_says_so(
    desk: Desk, as_bruno: Client, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("away")

    async with desk(as_bruno) as socket:
        monkeypatch.setattr(consumers, "find", away)
        await socket.tell(type="open", conversation=str(conversation.pk))
        assert (await socket.until("error"))["code"] == "unavailable"
        await socket.settled()
