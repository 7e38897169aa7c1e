"""What is stored in no language is read by each operator in theirs: names, reasons, refusals, tools."""

import json

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import translation

from accounts.models import Team, User
from agents.actions import begin_run, end_run
from agents.enums import RunStatus
from agents.models import Agent, Run, Step
from agents.policy import NOT_YOURS
from api.actions.naming import facts_of_change
from conversations.actions import Sender, hand_over, receive
from conversations.models import Contact, Conversation, Event, Inbox
from core.actor import Actor
from core.reasons import reason
from core.threads import in_thread
from desk.hub import Hub
from desk.queries.context import context
from desk.queries.threads import item_frame, thread_events
from llm.tools import refusal
from tests.desk.conftest import Desk, client_of

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async
ASKED = "The customer asked for a person."


@pytest.fixture(autouse=True)
def _marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks each translation with its language: whether the catalogue has the words is not the question."""

    def marked(text: str) -> str:
        return f"[{translation.get_language()}] {text}"

    for place in ("core.reasons", "conversations.models.contacts", "llm.tools", "agents.admin.agents"):
        monkeypatch.setattr(f"{place}.gettext", marked)


@pytest.fixture
def both(as_bruno: Client, clara: User, team: Team) -> dict[str, Client]:
    """Two operators of one team, by the languages of their browsers."""
    clara.teams.add(team)
    told = {"pt-br": as_bruno, "es": client_of(clara)}
    for language, client in told.items():
        client.cookies["django_language"] = language
    return told


@pytest.fixture
def nameless(inbox: Inbox) -> Conversation:
    """A visitor who has said neither name nor address."""
    with translation.override("es"):
        return receive(inbox=inbox, sender=Sender("v1"), text="Olá").conversation


def handed_over(conversation: Conversation, agent: Agent) -> Event:
    agent.inboxes.add(conversation.inbox)
    Conversation.objects.filter(pk=conversation.pk).update(status="bot")
    run = begin_run(conversation_id=conversation.pk)
    assert run is not None
    end_run(run=run, status=RunStatus.HANDED_OVER)
    return Event.objects.get(conversation=conversation, payload__has_key="reason")


@pytest.fixture
def agent() -> Agent:
    return Agent.objects.create(name="Lia")


async def test_rows_and_threads_name_a_visitor_in_each_readers_language(
    desk: Desk, both: dict[str, Client], nameless: Conversation, inbox: Inbox
) -> None:
    """The socket of a Portuguese desk called visitors "Visitor"."""
    start = str(nameless.contact_id)[:4]
    async with desk(both["pt-br"]) as portuguese, desk(both["es"]) as spanish:
        for socket in (portuguese, spanish):
            await socket.tell(type="open", conversation=str(nameless.pk), since=0)
        await in_thread(receive, inbox=inbox, sender=Sender("v1"), text="Oi")
        for socket, language in ((portuguese, "pt-br"), (spanish, "es")):
            event = await socket.until("event", lambda frame: "message" in frame)
            assert event["message"]["author"]["name"] == f"[{language}] Visitor {start}"


async def test_hub_says_a_row_in_the_language_of_each_who_listens(nameless: Conversation, ana: User) -> None:
    from tests.desk.test_hub import Ear

    hub, ears = Hub(), []
    actor = await in_db(ana.as_actor)()
    for language in ("pt-br", "es", "pt-br"):
        ear = Ear(actor)
        ear.language = language
        ears.append(ear)
        await hub.enter(ear)
    hub.mark(str(nameless.pk))
    for ear in ears:
        await ear.told.wait()
        row = json.loads(ear.frames[0])["row"]
        assert row["name"].startswith(f"[{ear.language}] Visitor ")
        await hub.leave(ear)


def test_names_are_kept_in_no_language(nameless: Conversation) -> None:
    """Whatever language was active where the message came in."""
    start = str(nameless.contact_id)[:4]
    message = nameless.messages.get()
    assert message.author_name == nameless.contact.as_actor().name == f"Visitor {start}"
    assert Contact(name="Visitor").display_name == "Visitor"


def test_why_people_were_asked_is_told_in_the_readers_language(nameless: Conversation, agent: Agent) -> None:
    event = handed_over(nameless, agent)
    with translation.override("pt-br"):
        frames = [item_frame(each) for each in thread_events(nameless.pk)]
    assert [frame["reason"] for frame in frames if "reason" in frame] == [f"[pt-br] {ASKED}"]
    # Programs that are called have no language.
    assert facts_of_change(event.payload) == {"reason": ASKED}


def test_words_of_a_model_stay_as_they_are(nameless: Conversation, agent: Agent) -> None:
    Conversation.objects.filter(pk=nameless.pk).update(status="bot")
    hand_over(conversation=nameless, by=agent.as_actor(), reason="Wants a refund")
    frames = [item_frame(each) for each in thread_events(nameless.pk)]
    assert [frame["reason"] for frame in frames if "reason" in frame] == ["Wants a refund"]


def test_run_tells_beside_the_thread_and_in_the_admin_why_it_failed(
    nameless: Conversation, agent: Agent, ana: User, client: Client
) -> None:
    detail = reason("No answer within the limits (%s).", "steps")
    run = Run.objects.create(agent=agent, conversation=nameless, up_to_seq=1, detail=detail)
    Step.objects.create(run=run, number=0, tool="search", arguments="{}", result=refusal(NOT_YOURS).text)
    with translation.override("es"):
        beside = context(nameless, Actor.system())["runs"][0]["detail"]
    assert beside == "[es] No answer within the limits (steps)."
    client.force_login(ana)
    page = client.get(
        f"/admin/agents/run/{run.pk}/change/", headers={"accept-language": "es"}
    ).content.decode()
    assert beside in page
    assert f"[es] Nothing was done: [es] {NOT_YOURS}" in page


def test_tools_are_described_to_people_in_their_language(agent: Agent, ana: User, client: Client) -> None:
    client.force_login(ana)
    address = f"/admin/agents/agent/{agent.pk}/change/"
    page = client.get(address, headers={"accept-language": "pt-br"}).content.decode()
    assert "[pt-br] Search the help centre" in page
