"""Who may do what to whose rows by the sockets and by the tools; `tests/api/test_matrix.py` does the routes.

Sockets, their frames and the tools are read from the product: a new one without a row here fails a test.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
import websockets
from asgiref.sync import sync_to_async
from django.core.files.base import ContentFile
from django.core.serializers import serialize
from django.db import transaction

from accounts.enums import Role
from accounts.models import Team, User
from campaigns import actions as campaigns
from campaigns.actions import Wording
from conversations.actions import Sender, receive, reply
from conversations.enums import Status
from conversations.models import (
    Attachment,
    ContactIdentity,
    Conversation,
    Event,
    Inbox,
    Message,
    Verification,
)
from core.actor import Actor, ActorKind
from desk.consumers import FRAMES
from helpdesk.asgi import sockets
from integrations.web.frames import READERS
from llm.tools import ToolContext, all_tools
from tests.conftest import make_user
from tests.desk.conftest import DeskSocket, client_of
from tests.live import LiveServer, Visitor
from tickets.actions import create_ticket
from tickets.models import Ticket, TicketEvent

in_db = sync_to_async
live = pytest.mark.django_db(transaction=True)
Json = dict[str, Any]
SECRET = "Segredo"


@dataclass(frozen=True)
class Hers:
    """What Eva, who wrote to the finance team by the widget, has."""

    conversation: Conversation
    message: Message
    # What the agent answered.
    answer: Message
    # Uploaded and not yet sent.
    file: Attachment
    # Shown on the site of another inbox.
    invitation: UUID
    inbox: Inbox

    def state(self) -> str:
        """Everything that is hers, to be compared."""
        rows = [
            *Conversation.objects.filter(pk=self.conversation.pk),
            *Message.objects.filter(conversation=self.conversation).order_by("pk"),
            *Event.objects.filter(conversation=self.conversation).order_by("pk"),
            *Attachment.objects.filter(pk=self.file.pk),
            *Ticket.objects.order_by("pk"),
            *TicketEvent.objects.order_by("pk"),
            *Verification.objects.order_by("pk"),
        ]
        return str(serialize("json", rows))


@pytest.fixture
def hers(inbox: Inbox, other_team: Team) -> Hers:
    eva = Sender("user:eva", name="Eva", email="eva@example.com", is_verified=True)
    received = receive(inbox=inbox, sender=eva, text=SECRET, client_id=uuid4())
    row = received.conversation
    Conversation.objects.filter(pk=row.pk).update(team=other_team, status=Status.BOT)
    file = Attachment.objects.create(
        inbox=inbox, uploader="user:eva", name=SECRET, content_type="image/png", size=1,
        file=ContentFile(b"x", name="x.png"),
    )  # fmt: skip
    site = Inbox.objects.create(name="Till", team=other_team)
    by, wordings = Actor.system(), [Wording(SECRET)]
    shown = campaigns.create_campaign(by=by, inbox=site, name=SECRET, kind="onsite", wordings=wordings)
    campaigns.approve(campaign=shown, by=by)
    campaigns.start(campaign=shown, by=by)
    answer = reply(conversation=row, text=SECRET, by=Actor(ActorKind.AGENT, "1", "Lia"), run=uuid4())
    return Hers(row, received.message, answer, file, shown.pk, inbox)


def test_every_socket_has_a_test_here() -> None:
    assert {str(route.pattern) for route in sockets.routes} == {"ws/chat/", "ws/chat", "ws/desk/"}


# --- the desk's ---------------------------------------------------------------------------------------------

SEE_IT = {"ana": Role.ADMIN, "clara": Role.OPERATOR, "carla who leads": Role.LEAD}
DO_NOT = {"bruno": Role.OPERATOR, "elsa who leads": Role.LEAD}
# What is sent after the conversation was opened; of what comes back, the last word but the settling one.
OF_THE_DESK: dict[str, list[Json]] = {
    "open": [],
    "typing": [{"type": "typing", "on": True}],
    "read": [{"type": "read", "seq": 1}],
    "close": [{"type": "close"}],
    "ping": [{"type": "ping"}],
}


def test_every_frame_of_the_desk_has_a_row() -> None:
    assert set(FRAMES) == set(OF_THE_DESK)


@live
@pytest.mark.parametrize("kind", OF_THE_DESK)
@pytest.mark.parametrize("who", [*SEE_IT, *DO_NOT])
async def test_desk(
    *, quiet_server: LiveServer, hers: Hers, team: Team, other_team: Team, who: str, kind: str
) -> None:
    role = {**SEE_IT, **DO_NOT}[who]
    teams = [] if role == Role.ADMIN else [other_team if who in SEE_IT else team]
    user = await in_db(make_user)(who.split(maxsplit=1)[0], role, *teams)
    before = await in_db(hers.state)()
    async with DeskSocket(quiet_server, await in_db(client_of)(user)) as socket:
        await socket.tell(type="open", conversation=str(hers.conversation.pk), since=0)
        for frame in OF_THE_DESK[kind]:
            await socket.tell(**frame)
        await socket.settled()
        heard = [frame for frame in socket.frames if frame["type"] not in {"ready", "pong", "counts"}]
        if who in SEE_IT:
            # It may have come before the settling.
            if kind != "close" and SECRET not in json.dumps(socket.frames):
                await socket.until("event", lambda frame: SECRET in json.dumps(frame))
            assert "error" not in {frame["type"] for frame in socket.frames}
            return
    codes = ["not_found", *(["invalid"] if kind in {"typing", "read"} else [])]
    assert [frame.get("code") for frame in heard] == codes
    assert SECRET not in json.dumps(socket.frames)
    assert await in_db(hers.state)() == before


@live
@pytest.mark.parametrize("who", ["nobody", "no staff", "left"])
async def test_nobody_else_gets_to_the_desk(quiet_server: LiveServer, bruno: User, who: str) -> None:
    client = await in_db(client_of)(None if who == "nobody" else bruno)
    change = {"is_staff": False} if who == "no staff" else {"is_active": False}
    await User.objects.filter(pk=bruno.pk).aupdate(**change)
    with pytest.raises(websockets.InvalidStatus):
        await DeskSocket(quiet_server, client).__aenter__()


# --- the widget's -------------------------------------------------------------------------------------------

Frames = Callable[[Hers], Json]
# Another visitor of the same inbox, who names what is hers; the code of the refusal.
OF_THE_WIDGET: dict[str, tuple[Frames, str]] = {
    "hello": (
        lambda hers: {
            "type": "hello", "v": 1, "inbox": hers.inbox.key, "token": "a" * 43, "since": 0,
            "identity": {"external_id": "eva", "name": "Eva", "hash": "0" * 64},
        },
        "token_invalid",
    ),
    "send": (
        lambda hers: {
            "type": "send", "client_id": str(uuid4()), "text": "x", "attachments": [str(hers.file.pk)]
        },
        "not_found",
    ),
    "show": (lambda hers: {"type": "show", "invitation": str(hers.invitation)}, "not_found"),
    "accept": (lambda hers: {"type": "accept", "client_id": str(hers.invitation)}, "not_found"),
    "typing": (lambda _: {"type": "typing", "on": True}, ""),
    "read": (lambda _: {"type": "read", "seq": 1}, ""),
    "rate": (
        lambda hers: {"type": "rate", "message": str(hers.answer.pk), "helpful": False}, "not_found"
    ),
    "stop": (lambda _: {"type": "stop"}, ""),
    "pong": (lambda _: {"type": "pong"}, ""),
}  # fmt: skip


def test_every_frame_of_the_widget_has_a_row() -> None:
    assert set(READERS) == set(OF_THE_WIDGET)


@live
@pytest.mark.parametrize("kind", OF_THE_WIDGET)
@pytest.mark.parametrize("has_written", [True, False])
async def test_widget(quiet_server: LiveServer, hers: Hers, kind: str, *, has_written: bool) -> None:
    make, code = OF_THE_WIDGET[kind]
    before = await in_db(hers.state)()
    async with quiet_server.visitor(hers.inbox.key) as other:
        if has_written:
            await other.send("Oi")
        await other.tell(make(hers))
        if code:
            assert (await other.until("error"))["code"] == code
        await other.silence(0.2)
    assert SECRET not in json.dumps(other.frames)
    assert await in_db(hers.state)() == before


@live
async def test_an_id_of_hers_said_again_is_a_message_of_ones_own(
    quiet_server: LiveServer, hers: Hers
) -> None:
    async with quiet_server.visitor(hers.inbox.key) as other:
        acknowledged = await other.send("Oi", str(hers.message.client_id))
    assert acknowledged["message_id"] != str(hers.message.pk)
    assert SECRET not in json.dumps(other.frames)


# --- the one of older systems -------------------------------------------------------------------------------

OF_OLDER_SYSTEMS: dict[str, Frames] = {
    "hello": lambda _: {"type": "hello", "api_key": "hd_wrong"},
    "message": lambda hers: {"type": "message", "message": "x", "client_id": str(hers.message.client_id)},
    "ping": lambda _: {"type": "ping"},
    "pong": lambda _: {"type": "pong"},
    "read": lambda _: {"type": "read", "seq": 1},
}


@live
@pytest.mark.parametrize("kind", OF_OLDER_SYSTEMS)
@pytest.mark.parametrize("named", ["eva", "user:eva"])
@pytest.mark.parametrize("needs_key", [True, False])
async def test_older_systems(
    quiet_server: LiveServer, hers: Hers, settings: Any, named: str, kind: str, *, needs_key: bool
) -> None:
    settings.REQUIRE_API_KEY = needs_key
    before = await in_db(hers.state)()
    other = Visitor(f"ws://127.0.0.1:{quiet_server.port}/ws/chat?userId={named}", hers.inbox.key, {})
    await other.open()
    await other.tell(OF_OLDER_SYSTEMS[kind](hers))
    with contextlib.suppress(websockets.ConnectionClosed, asyncio.TimeoutError):
        await other.silence(0.3)
    await other.socket.close()
    assert SECRET not in json.dumps(other.frames)
    assert await in_db(hers.state)() == before


# --- tools --------------------------------------------------------------------------------------------------

ARGUMENTS: dict[str, Json] = {
    "create_ticket": {"subject": "Chaleira", "team": "finance", "priority": "urgent"},
    "hand_over": {"reason": "Pede uma pessoa."},
    "offer_choices": {"labels": ["Sim"]},
    "previous_conversations": {},
    "request_verification": {},
    # Their own words; "Segredo" was her last message.
    "resolve": {"said": SECRET},
    "search_knowledge": {"query": SECRET},
    "ticket_status": {},
    "update_ticket": {"number": 0, "text": "Mais", "priority": "high"},
}
# They read nothing of a conversation and change nothing.
HARMLESS = {"offer_choices", "search_knowledge"}
READING = {*HARMLESS, "previous_conversations", "ticket_status"}


def test_every_tool_has_a_row() -> None:
    assert {tool.name for tool in all_tools()} == set(ARGUMENTS)


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("where", ["in her conversation", "in none", "in one that is not"])
def test_tools(*, name: str, where: str, hers: Hers, bruno: User, clara: User, ana: User, team: Team) -> None:
    """An agent calls a tool in its conversation; nobody else gets further by one than without it."""
    (tool,) = (tool for tool in all_tools() if tool.name == name)
    key = Actor(ActorKind.API_KEY, "1", "Shop", team_ids=frozenset({team.pk}), leads=True)
    callers = {
        "agent": Actor(ActorKind.AGENT, "1", "Lia"),
        "she": Actor(ActorKind.CONTACT, str(hers.conversation.contact_id), "Eva"),
        "clara": clara.as_actor(),
        "ana": ana.as_actor(),
        "another customer": Actor(ActorKind.CONTACT, str(uuid4()), "Davi"),
        "bruno": bruno.as_actor(),
        "key of another team": key,
    }
    may = {"agent", "she", "clara", "ana"} if where == "in her conversation" else set()
    arguments = ARGUMENTS[name]
    if "ticket" in name and name != "create_ticket":
        made = create_ticket(by=Actor.system(), subject="Chaleira", conversation=hers.conversation)
        arguments = {**arguments, "number": made.number}
    if name == "request_verification":
        ContactIdentity.objects.update(is_verified=False)
    # A customer closes nothing by themselves.
    if name == "resolve":
        may -= {"she"}
    place = {"in her conversation": hers.conversation.pk, "in none": None, "in one that is not": uuid4()}
    before, changed = hers.state(), set()
    for caller, actor in callers.items():
        mark = transaction.savepoint()
        result = tool.run(ToolContext(actor, place[where], str(uuid4())), json.dumps(arguments))
        if hers.state() != before:
            changed.add(caller)
        assert result.failed is (name not in HARMLESS and caller not in may), caller
        assert SECRET not in result.text, caller
        transaction.savepoint_rollback(mark)
    assert changed == (set() if name in READING else may)
