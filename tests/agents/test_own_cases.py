"""Cases made of conversations with one click: masked, run by the command, recorded and replayed."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from asgiref.sync import sync_to_async as in_db
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.enums import Role
from accounts.models import Team, User
from agents.actions import make_case, save_case
from agents.enums import RunStatus
from agents.evaluation.cases import Case
from agents.evaluation.masking import Masking
from agents.evaluation.reading import read_text
from agents.evaluation.running import PASSED, Way, run_cases
from agents.models import Agent, EvaluationCase, Run
from conversations.actions import Sender, hand_back, hand_over, rate_answer, receive, reply
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor
from core.errors import Forbidden, Invalid, NotFound
from knowledge.actions import correct_answer
from tests.conftest import make_user
from tests.fakes.openai_server import OpenAIServer, Reply
from tests.knowledge.conftest import Write
from tests.knowledge.conftest import write as write  # noqa: PLC0414 (a fixture)

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
TITLE, BODY = "Delivery times", "Delivery takes two to five business days."


class Talk:
    """A conversation with the agent, told run by run."""

    def __init__(self, inbox: Inbox) -> None:
        self.agent = Agent.objects.create(name="Lia")
        self.agent.inboxes.add(inbox)
        self.inbox = inbox
        self.sender = Sender("joao", name="João Pereira", email="joao@example.net")
        self.row: Conversation | None = None

    def says(self, text: str) -> "Talk":
        self.row = receive(inbox=self.inbox, sender=self.sender, text=text).conversation
        return self

    def answers(self, text: str, *cites: str, calls: tuple[str, ...] = ()) -> Message:
        run = self._run(RunStatus.ANSWERED, calls)
        citations = [{"title": title, "url": ""} for title in cites]
        run.steps.create(number=9, tool="search_knowledge", effect="read", citations=citations)
        assert self.row is not None
        return reply(
            conversation=self.row, text=text, by=self.agent.as_actor(), run=run.pk, citations=citations
        )

    def gives_up(self) -> None:
        self._run(RunStatus.HANDED_OVER, ("hand_over",))
        assert self.row is not None
        hand_over(conversation=self.row, by=SYSTEM, reason="Cannot help.")

    def _run(self, status: RunStatus, calls: tuple[str, ...]) -> Run:
        assert self.row is not None
        self.row.refresh_from_db()
        run = Run.objects.create(
            agent=self.agent, conversation=self.row, status=status, finished_at=timezone.now(),
            up_to_seq=self.row.last_contact_seq,
        )  # fmt: skip
        for number, tool in enumerate(calls):
            run.steps.create(number=number, tool=tool, effect="write")
        return run

    def case(self, by: Actor = SYSTEM) -> dict[str, Any]:
        assert self.row is not None
        made = make_case(conversation=self.row, by=by)
        assert read_text(made.text, "case")[0].id == made.name
        told: dict[str, Any] = yaml.safe_load(made.text)
        return told


@pytest.fixture
def talk(inbox: Inbox) -> Talk:
    return Talk(inbox)


def test_names_addresses_and_numbers_are_masked_alike() -> None:
    masking = Masking(names=["João Pereira", "Ana"], secrets=["visitor:42"])
    masking.hear("Oi, meu nome é Beatriz Souza e moro aqui.")
    text = (
        "JOAO, pedido 4711 (CPF 123.456.789-00), joao@example.net; Beatriz: 4711 ou 4712, visitor:42, "
        "em 30 dias. Pereiras?"
    )
    assert masking.mask(text) == (
        "Davi, pedido 1000 (CPF 100.000.000-01), customer1@example.com; Rui: 1000 ou 1002, (removed), "
        "em 30 dias. Pereiras?"
    )
    assert masking.mask("Souza escreveu a JOAO@example.net") == "Eva escreveu a customer1@example.com"


def test_case_says_what_came_of_each_answer(talk: Talk, write: Write) -> None:
    article = write(TITLE, BODY)
    talk.says("Hi, I am João Pereira.").says("How long does order 4711 take?")
    talk.answers(f"> {BODY} [1]", TITLE)
    talk.says("My mail is joao@example.net, open a ticket please")
    talk.answers("Done.", calls=("create_ticket",))
    talk.says("A person!").gives_up()
    talk.says("Hello, João again")
    told = talk.case()
    assert "João" not in yaml.dump(told, allow_unicode=True)
    assert told["language"] == "en"
    assert told["kind"] == "hand_over"
    assert told["knowledge"] == [
        {"id": f"article-{article.pk}", "title": TITLE, "text": BODY, "language": "en"}
    ]
    assert [turn["says"] for turn in told["turns"]] == [
        "Hi, I am Davi Duarte.\nHow long does order 1000 take?",
        "My mail is customer1@example.com, open a ticket please",
        "A person!",
    ]
    assert [turn["expect"] for turn in told["turns"]] == [
        {"answers": "yes", "cites": [f"article-{article.pk}"], "status": "bot"},
        {"cites": [], "calls": ["create_ticket"], "status": "bot"},
        {"answers": "silent", "status": "open"},
    ]


def test_what_a_person_corrected_is_expected_and_what_did_not_help_is_not(talk: Talk, bruno: User) -> None:
    talk.says("How often do I change the filter?")
    wrong = talk.answers("Every two years.")
    talk.says("And the lamp?")
    useless = talk.answers("No idea.")
    correct_answer(message=wrong, text="Every six months, João.", by=bruno.as_actor())
    rate_answer(message_id=useless.pk, by=useless.conversation.contact.as_actor(), helpful=False)
    told = talk.case()
    (known,) = told["knowledge"]
    assert known == {
        "id": "corrected-1", "title": "How often do I change the filter?",
        "text": "Every six months, Davi.", "language": "en",
    }  # fmt: skip
    assert [turn["expect"] for turn in told["turns"]] == [
        {"answers": "yes", "cites": ["corrected-1"], "status": "bot"},
        {"status": "bot"},
    ]


def test_the_same_state_makes_one_case_and_it_outlives_the_conversation(talk: Talk) -> None:
    talk.says("Hello there").answers("Hi.")
    assert talk.case() == talk.case()
    talk.says("And more").answers("Yes.")
    talk.case()
    assert EvaluationCase.objects.count() == 2
    Conversation.objects.all().delete()
    assert EvaluationCase.objects.filter(conversation=None).count() == 2


def test_who_may(talk: Talk, bruno: User, other_team: Team, conversation: Conversation) -> None:
    talk.says("Hello there").answers("Hi.")
    with pytest.raises(Forbidden):
        talk.case(bruno.as_actor())
    elsa = make_user("elsa", Role.LEAD, other_team)
    with pytest.raises(NotFound):
        talk.case(elsa.as_actor())
    with pytest.raises(Invalid, match="No agent"):
        make_case(conversation=conversation, by=SYSTEM)
    talk.case()
    assert not EvaluationCase.objects.visible_to(elsa.as_actor())
    assert not EvaluationCase.objects.visible_to(bruno.as_actor())


def test_the_desk_makes_one_and_the_admin_shows_and_checks_it(talk: Talk, ana: User, bruno: User) -> None:
    talk.says("Hello there").answers("Hi.")
    assert talk.row is not None
    client = Client()
    client.force_login(ana, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/admin/inbox/{talk.row.pk}/case/"
    made = client.post(address, "{}", content_type="application/json").json()
    case = EvaluationCase.objects.get()
    assert made["url"] == f"/admin/agents/evaluationcase/{case.pk}/change/"
    assert "Hello there" in client.get(made["url"]).content.decode()
    bad = client.post(made["url"], {"text": case.text.replace("status: bot", "status: gone"), "team": ""})
    assert "status: must be one of" in bad.content.decode()
    client.post(made["url"], {"text": case.text.replace("title: Hello there", "title: Better"), "team": ""})
    case.refresh_from_db()
    assert (case.title, case.team) == ("Better", None)
    client.force_login(bruno, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(address, "{}", content_type="application/json").status_code == 403
    assert client.get(made["url"]).status_code == 403
    with pytest.raises(Forbidden):
        save_case(case=case, by=bruno.as_actor())


@pytest.mark.django_db(transaction=True)
def test_command_plays_them_in_a_place_apart(tmp_path: Path, talk: Talk, write: Write) -> None:
    with pytest.raises(CommandError, match="no case of your own"):
        call_command("evaluate_agent", own=True)
    write(TITLE, BODY)
    talk.says("What are your delivery times?").answers(f"> {BODY} [1]", TITLE)
    name = talk.case()["id"]
    before = Message.objects.count()
    out = io.StringIO()
    call_command("evaluate_agent", own=True, out=tmp_path, stdout=out)
    assert f"{PASSED:9} {name}" in out.getvalue()
    assert Message.objects.count() == before


@pytest.mark.django_db(transaction=True)
async def test_they_are_recorded_and_replayed(tmp_path: Path, provider: OpenAIServer, inbox: Inbox) -> None:
    def made() -> list[Case]:
        talk = Talk(inbox).says("Open a ticket about order 4711")
        talk.answers("I opened a ticket.", calls=("create_ticket",))
        return read_text(yaml.dump(talk.case()), "case")

    cases = await in_db(made)()
    assert cases[0].turns[0].says == "Open a ticket about order 1000"
    provider.script(
        Reply(tool_calls=(("create_ticket", '{"subject": "Order 1000"}'),)), Reply(text="I opened a ticket.")
    )
    for way in (Way("custom/main", records=True), Way("custom/main")):
        (verdict,) = [one async for one in run_cases(cases, tmp_path, way)]
        assert (verdict.state, verdict.faults) == (PASSED, [])
    assert len(provider.chats) == 2


def test_hand_back_is_not_needed_to_read_a_case(talk: Talk) -> None:
    talk.says("Hello there").gives_up()
    assert talk.row is not None
    hand_back(conversation=talk.row, by=SYSTEM)
    assert talk.case()["turns"] == [
        {"says": "Hello there", "expect": {"answers": "silent", "status": "open"}}
    ]
