"""Many silent connections, few questions to the database."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from conversations.actions import Sender, receive
from conversations.models import Inbox
from integrations.web import pulse as pulses
from integrations.web.errors import TokenInvalid
from integrations.web.frames import Hello
from integrations.web.models import VisitorToken
from integrations.web.pulse import Pulse, answers
from integrations.web.queries import digest
from integrations.web.session import VisitorSession

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulses, "GATHER_SECONDS", 0.01)


async def greeted(inbox: Inbox) -> VisitorSession:
    session = VisitorSession(None)
    await session.hello(Hello(inbox=inbox.key, token="", locale="en", since=None, identity=None))
    return session


async def write(session: VisitorSession) -> None:
    """The visitor writes in another tab."""
    assert session.visitor is not None
    sender = Sender(session.visitor.sender.external_id)
    await sync_to_async(receive)(inbox=session.visitor.inbox, sender=sender, text="Hello")


async def test_conversation_begun_elsewhere_is_found(inbox: Inbox) -> None:
    session, other = await greeted(inbox), await greeted(inbox)
    await write(session)
    pulse = Pulse()
    news = await asyncio.gather(pulse.has_news(session), pulse.has_news(other))
    assert tuple(news) == (True, False)
    assert session.conversation_id is not None
    assert other.conversation_id is None


async def test_news_are_seen_until_they_are_told(inbox: Inbox) -> None:
    session, pulse = await greeted(inbox), Pulse()
    await write(session)
    assert await pulse.has_news(session)
    assert len(await session.news()) == 1
    assert not await pulse.has_news(session)
    await write(session)
    assert await pulse.has_news(session)


async def test_nobody_is_asked_about_before_hello(inbox: Inbox) -> None:
    assert not await Pulse().has_news(VisitorSession(None))


@pytest.mark.parametrize("number", [1, 3])
async def test_any_number_of_sessions_asks_three_times(inbox: Inbox, number: int) -> None:
    silent = [await greeted(inbox) for _ in range(number)]
    talking = [await greeted(inbox) for _ in range(number)]
    for session in talking:
        await write(session)
        await Pulse().has_news(session)

    def asked() -> tuple[int, Any]:
        with CaptureQueriesContext(connection) as queries:
            found = answers([*silent, *talking])
        return len(queries), found

    count, (numbers, begun, good) = await sync_to_async(asked)()
    assert count == 3
    assert len(good) == 2 * number
    assert sorted(numbers.values()) == [1] * number
    assert begun == {}


async def test_same_visitor_name_in_another_inbox_is_another_visitor(inbox: Inbox) -> None:
    session = await greeted(inbox)
    assert session.visitor is not None
    twin = await Inbox.objects.acreate(name="Twin")
    sender = Sender(session.visitor.sender.external_id)
    await sync_to_async(receive)(inbox=twin, sender=sender, text="Hello")
    assert not await Pulse().has_news(session)


async def test_failure_reaches_everybody_who_asked_and_nobody_after(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, pulse = await greeted(inbox), await greeted(inbox), Pulse()

    def away(_waiting: Any) -> Any:
        raise DatabaseError

    with monkeypatch.context() as patch:
        patch.setattr(pulses, "answers", away)
        got = await asyncio.gather(pulse.has_news(first), pulse.has_news(second), return_exceptions=True)
    assert [type(error) for error in got] == [DatabaseError, DatabaseError]
    assert not await pulse.has_news(first)


async def test_whose_token_is_taken_back_is_let_go_and_nobody_else(inbox: Inbox) -> None:
    one, other, pulse = await greeted(inbox), await greeted(inbox), Pulse()
    assert one.visitor is not None
    await VisitorToken.objects.filter(digest=digest(one.visitor.token)).adelete()
    got = await asyncio.gather(pulse.has_news(one), pulse.has_news(other), return_exceptions=True)
    assert [type(answer) for answer in got] == [TokenInvalid, bool]
    await sync_to_async(other.look_around)()
    with pytest.raises(TokenInvalid):
        await sync_to_async(one.look_around)()


async def test_inbox_that_is_switched_off_lets_everybody_go(inbox: Inbox) -> None:
    session = await greeted(inbox)
    await Inbox.objects.aupdate(is_active=False)
    with pytest.raises(TokenInvalid):
        await Pulse().has_news(session)
