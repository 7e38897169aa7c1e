"""Messages by client and sector: what a client wrote, the answer it got, who gave it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Team
from agents.models import Agent
from api.models import IdempotentRequest
from conversations.actions import reply
from conversations.models import Conversation, Event, Inbox, Message
from core.actor import Actor
from tests.api.conftest import KeyClient, KeyMaker
from tests.api.rows.messages import record

URL = "/api/v1/messages"
# What no name is, and what the database would not even be asked for.
BAD_TEXTS = ["\x00", "a\x00b", "x" * 100_000]


@pytest.fixture
def key(with_key: KeyMaker) -> KeyClient:
    return with_key("read", "write")


def write(key: APIClient, text: str = "Preciso de ajuda com meu produto", **more: Any) -> Any:
    body = {"client_id": "c-1", "sector": "suporte", "message": text, **more}
    response = key.post(f"{URL}/", body, format="json")
    assert response.status_code == 201, response.content
    return response.json()


def read(key: APIClient, pk: str) -> Any:
    return key.get(f"{URL}/{pk}").json()


def test_message_is_stored_in_the_conversation_of_its_client_and_sector(key: KeyClient) -> None:
    first, second, other = write(key), write(key, "Olá?"), write(key, client_id="c-2")
    paid = write(key, sector="financeiro")
    assert (first["client_id"], first["sector"], first["message"]) == (
        "c-1", "suporte", "Preciso de ajuda com meu produto",
    )  # fmt: skip
    assert (first["answer"], first["operator_name"], first["validated_by"]) == (None, None, "pending")
    assert first["conversation"] == second["conversation"]
    assert len({each["conversation"] for each in (first, other, paid)}) == 3
    stored = Message.objects.get(pk=first["id"])
    assert (stored.inbox.channel, stored.conversation.team) == ("api", Team.objects.get(slug="suporte"))


def test_team_whose_name_is_as_long_as_may_be_is_a_sector(key: KeyClient, team: Team) -> None:
    Team.objects.filter(pk=team.pk).update(name="x" * 80)
    assert write(key, sector=team.slug)["client_id"] == "c-1"


def test_team_that_is_there_is_the_sector_under_either_name(key: KeyClient, team: Team) -> None:
    """The team has the short name `support`."""
    by_name, by_slug = write(key), write(key, sector=team.slug)
    assert by_name["conversation"] == by_slug["conversation"]
    assert (by_name["sector"], by_slug["sector"]) == ("suporte", "suporte")
    assert Inbox.objects.get(channel="api").team == team
    assert key.get(f"{URL}/sector/support").json() == key.get(f"{URL}/sector/suporte").json()


def test_agent_answers_in_a_new_sector(key: KeyClient) -> None:
    agent = Agent.objects.create(name="Lia")
    write(key)
    assert list(agent.inboxes.values_list("channel", flat=True)) == ["api"]
    assert Conversation.objects.get().status == "bot"


@pytest.mark.django_db(transaction=True)
def test_many_first_messages_make_one_sector(key: KeyClient) -> None:
    def send(number: int) -> str:
        try:
            return str(write(KeyClient(key.key), client_id=f"c-{number}")["conversation"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(send, range(16)))) == 16
    assert (Inbox.objects.count(), Team.objects.count()) == (1, 1)


@pytest.mark.parametrize("sector", ["nada", "", "a/b", "SUPORTE", 5, None, "x" * 51, *BAD_TEXTS])
def test_what_is_no_sector_is_refused(key: KeyClient, sector: Any) -> None:
    body = {"client_id": "c-1", "sector": sector, "message": "Olá"}
    for url in (URL, f"{URL}/search"):
        refused = key.post(url, body if url == URL else {"query": "Olá", "sector": sector}, format="json")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "sector")
    assert not Inbox.objects.exists()


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_what_is_no_client_is_refused_and_not_found(key: KeyClient, text: str) -> None:
    body = {"client_id": text, "sector": "suporte", "message": "Olá"}
    refused = key.post(URL, body, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "client_id")
    assert key.get(f"{URL}/client/{quote(text)}").status_code == 404


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_what_is_no_sector_is_not_found(key: KeyClient, text: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert key.get(f"{URL}/sector/{quote(text)}").status_code == 404
    assert not [query for query in queries if "accounts_team" in query["sql"] and "slug" in query["sql"]]


def test_sector_of_another_team_is_none(
    with_key: KeyMaker, team: Team, other_team: Team, key: KeyClient
) -> None:
    own = with_key("read", "write", teams=[team])
    secret = record(other_team, "Segredo")
    body = {"client_id": "c-1", "sector": "financeiro", "message": "Olá"}
    assert own.post(URL, body, format="json").status_code == 422
    assert own.get(f"{URL}/sector/financeiro").status_code == 404
    assert own.get(f"{URL}/{secret.pk}").status_code == 404
    assert own.put(f"{URL}/{secret.pk}", {"answer": "x"}, format="json").status_code == 404
    assert own.get(f"{URL}/client/client-1").json()["messages"] == []
    assert key.get(f"{URL}/client/client-1").json()["total"] == 1


def test_answer_is_said_to_the_client_and_shown_with_the_message(key: KeyClient) -> None:
    row = write(key)
    body = {"answer": "Claro! Como posso ajudá-lo?", "operator_name": "João Silva", "validated_by": "human"}
    answered = key.put(f"{URL}/{row['id']}", body, format="json").json()
    assert {name: answered[name] for name in body} == body
    assert read(key, row["id"]) == answered
    said = Message.objects.get(direction="out")
    assert (said.author_name, str(said.reply_to_id)) == ("João Silva", row["id"])


def test_same_answer_is_said_once_and_another_one_too(key: KeyClient) -> None:
    row = write(key)
    for text in ("Claro!", "Claro!", "Na verdade, não."):
        answered = key.put(f"{URL}/{row['id']}", {"answer": text}, format="json").json()
    assert answered["answer"] == "Na verdade, não."
    assert Message.objects.filter(direction="out").count() == 2


def test_judgement_alone_says_nothing(key: KeyClient) -> None:
    row = write(key)
    judged = key.put(f"{URL}/{row['id']}", {"validated_by": "ai"}, format="json").json()
    assert (judged["answer"], judged["validated_by"]) == (None, "ai")
    key.put(f"{URL}/{row['id']}", {"validated_by": "ai"}, format="json")
    assert Event.objects.filter(type="message.updated").count() == 1


def test_answer_given_anywhere_is_the_answer(key: KeyClient, bruno: Any) -> None:
    """An operator answers in the desk, and quotes nothing."""
    row, later = write(key), write(key, "Olá?")
    conversation = Conversation.objects.get()
    reply(conversation=conversation, by=Actor.system(), text="Já vejo isso.")
    for each in (row, later):
        shown = read(key, each["id"])
        assert (shown["answer"], shown["validated_by"]) == ("Já vejo isso.", "human")
    # What answers another message by name is not this one's answer.
    third = write(key, "E agora?")
    key.put(f"{URL}/{third['id']}", {"answer": "Pronto."}, format="json")
    assert read(key, third["id"])["answer"] == "Pronto."
    assert read(key, row["id"])["answer"] == "Já vejo isso."


def test_person_answers_under_their_own_name(as_ana: APIClient, ana: Any, team: Team) -> None:
    row = record(team)
    refused = as_ana.put(f"{URL}/{row.pk}", {"answer": "x", "operator_name": "Bruno"}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "operator_name")
    own = {"answer": "x", "operator_name": ana.display_name}
    assert as_ana.put(f"{URL}/{row.pk}", own, format="json").status_code == 200


def test_only_what_a_client_wrote_can_be_answered(key: KeyClient, conversation: Conversation) -> None:
    """A message of the widget is none, and neither is an answer."""
    row = write(key)
    key.put(f"{URL}/{row['id']}", {"answer": "Claro!"}, format="json")
    for message in Message.objects.exclude(pk=row["id"]):
        assert key.put(f"{URL}/{message.pk}", {"answer": "x"}, format="json").status_code == 404
        assert "sector" not in read(key, str(message.pk))


def test_history_of_a_client_comes_in_pages(key: KeyClient) -> None:
    rows = [write(key, f"Mensagem {number}", sector=("suporte", "vendas")[number % 2]) for number in range(5)]
    write(key, client_id="c-2")
    pages = [key.get(f"{URL}/client/c-1?page={page}&per_page=2").json() for page in (1, 2, 3, 4)]
    assert [page["total"] for page in pages] == [5] * 4
    assert [page["pages"] for page in pages] == [3] * 4
    found = [each["id"] for page in pages for each in page["messages"]]
    assert found == [row["id"] for row in reversed(rows)]
    sector = key.get(f"{URL}/sector/vendas?page=1&per_page=20").json()
    assert [each["message"] for each in sector["messages"]] == ["Mensagem 3", "Mensagem 1"]


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "per_page=0", "per_page=101", "cursor=x", "page=1&page=2"]
)
def test_wrong_pages_are_refused(key: KeyClient, query: str) -> None:
    assert key.get(f"{URL}/client/c-1?{query}").status_code == 422


def test_sent_twice_it_is_stored_once(key: KeyClient) -> None:
    body = {"client_id": "c-1", "sector": "suporte", "message": "Olá"}
    first, again = (key.post(URL, body, format="json", HTTP_IDEMPOTENCY_KEY="m-1") for _ in range(2))
    assert first.content == again.content
    assert Message.objects.count() == 1


def test_message_to_a_conversation_that_another_team_has_now_is_stored_once_and_shown(
    with_key: KeyMaker, team: Team, other_team: Team
) -> None:
    """Whoever may not see the conversation any more still has to learn that it was stored."""
    own = with_key("read", "write", teams=[team])
    first = write(own, sector=team.slug)
    Conversation.objects.update(team=other_team)
    second = write(own, "Olá?", sector=team.slug)
    assert (second["message"], second["answer"]) == ("Olá?", None)
    assert second["conversation"] == first["conversation"]
    body = {"client_id": "c-1", "sector": team.slug, "message": "E agora?"}
    answers = [own.post(URL, body, format="json", HTTP_IDEMPOTENCY_KEY="m-1") for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert Message.objects.filter(direction="in").count() == 3


def test_answer_of_another_team_is_not_shown_to_who_sends_the_question_again(
    with_key: KeyMaker, team: Team, other_team: Team
) -> None:
    own = with_key("read", "write", teams=[team])
    body = {"client_id": "c-1", "sector": team.slug, "message": "Olá"}
    sent = own.post(URL, body, format="json", HTTP_IDEMPOTENCY_KEY="m-1").json()
    Conversation.objects.update(team=other_team)
    reply(conversation=Conversation.objects.get(), by=Actor.system(), text="Segredo")
    IdempotentRequest.objects.all().delete()
    again = own.post(URL, body, format="json", HTTP_IDEMPOTENCY_KEY="m-1").json()
    assert (again["id"], again["answer"]) == (sent["id"], None)


def test_message_that_is_not_there_is_not_found(key: KeyClient) -> None:
    assert key.get(f"{URL}/{uuid4()}").status_code == 404
    assert key.put(f"{URL}/{uuid4()}", {"answer": "x"}, format="json").status_code == 404
