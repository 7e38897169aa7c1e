"""Articles, search and reports as programs use them."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.enums import Role
from accounts.models import Team, User
from agents.models import Agent
from conversations.actions import Sender, assign, note, receive, reply
from conversations.models import Conversation, Inbox
from core.actor import Actor
from knowledge.actions import embed_some, index_articles
from knowledge.models import Article, MessageVector
from tests.api.conftest import KeyClient, KeyMaker, results, signed_in
from tests.conftest import make_user
from tickets.models import Ticket

ARTICLES, SEARCH, SIMILAR = "/api/v1/articles", "/api/v1/search", "/api/v1/messages/search"
SYSTEM = Actor.system()
NEW = {"title": "Prazo de troca", "body": "Você tem **30 dias**.", "language": "pt", "tags": ["troca"]}


@pytest.fixture
def elsa(team: Team) -> APIClient:
    """Who leads the support team."""
    return signed_in(make_user("elsa", Role.LEAD, team))


@pytest.fixture
def canary(other_team: Team) -> Conversation:
    """What only the finance team may see."""
    finance = Inbox.objects.create(name="Finance", team=other_team)
    row = receive(inbox=finance, sender=Sender("eva", name="Eva Canary"), text="Canary merger").conversation
    ticket = Ticket.objects.create(subject="Canary merger", source="api", team=other_team)
    ticket.conversations.add(row)
    return row


def indexed() -> None:
    index_articles(article_ids=list(Article.objects.values_list("pk", flat=True)))


def test_article_is_written_published_found_and_deleted(key: KeyClient, team: Team) -> None:
    made = key.post(ARTICLES, {**NEW, "team": "support"}, format="json")
    assert made.status_code == 201
    one = f"{ARTICLES}/{made.json()['id']}"
    assert (made.json()["status"], made.json()["searchable"]) == ("draft", False)
    indexed()
    assert key.get(f"{SEARCH}?q=prazo de troca&in=articles").json() == {"articles": []}
    assert key.patch(one, {"status": "published"}, format="json").json()["searchable"] is True
    (found,) = key.get(f"{SEARCH}?q=quantos dias tenho pra trocar&in=articles").json()["articles"]
    assert (found["article"], found["text"]) == (made.json()["id"], "Você tem 30 dias.")
    assert key.get(one).json()["body"] == NEW["body"]
    assert key.delete(one).status_code == 204
    assert key.get(one).status_code == 404


def test_the_job_that_indexes_an_article_makes_it_no_other_to_edit(key: KeyClient) -> None:
    made = key.post(ARTICLES, NEW, format="json")
    one = f"{ARTICLES}/{made.json()['id']}"
    indexed()
    changed = key.patch(one, {"title": "Troca"}, format="json", HTTP_IF_MATCH=made["ETag"])
    assert changed.status_code == 200
    refused = key.patch(one, {"title": "Outra"}, format="json", HTTP_IF_MATCH=made["ETag"])
    assert (refused.status_code, refused.json()["code"]) == (412, "changed")
    assert key.delete(one, HTTP_IF_MATCH=made["ETag"]).status_code == 412
    assert Article.objects.get().title == "Troca"


def test_articles_are_filtered(key: KeyClient, team: Team) -> None:
    each: list[dict[str, Any]] = [
        {"team": "support"}, {"language": "en"}, {"status": "published"}, {"tags": []}, {"body": "Frete"}
    ]  # fmt: skip
    for number, more in enumerate(each):
        key.post(ARTICLES, {**NEW, "title": f"A{number}", **more}, format="json")
    queries = {
        "team=support": ["A0"], "team=none": ["A1", "A2", "A3", "A4"], "language=en": ["A1"],
        "status=published": ["A2"], "tag=troca": ["A0", "A1", "A2", "A4"], "q=frete": ["A4"], "q=a3": ["A3"],
    }  # fmt: skip
    for query, titles in queries.items():
        found = results(key.get(f"{ARTICLES}?{query}&ordering=created_at"))
        assert [row["title"] for row in found] == titles, query


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"language": "fr"}, "language"),
        ({"status": "lost"}, "status"),
        ({"team": "nobody"}, "team"),
        ({"tags": ["x" * 41]}, "tags"),
        ({"source_url": "javascript:alert(1)"}, "source_url"),
        ({"slug": "mine"}, "slug"),
        ({"checksum": "mine"}, "checksum"),
    ],
)
def test_wrong_articles_are_refused_by_the_field(key: KeyClient, change: dict[str, Any], field: str) -> None:
    refused = key.post(ARTICLES, {**NEW, **change}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"].partition(".")[0]) == (422, field)
    assert not Article.objects.exists()


def test_operators_read_articles_and_leads_write_them(as_bruno: APIClient, elsa: APIClient) -> None:
    made = elsa.post(ARTICLES, NEW, format="json")
    assert made.status_code == 201
    one = f"{ARTICLES}/{made.json()['id']}"
    assert as_bruno.get(one).status_code == 200
    for refused in (
        as_bruno.post(ARTICLES, NEW, format="json"),
        as_bruno.patch(one, {"title": "x"}, format="json"),
        as_bruno.delete(one),
    ):
        assert refused.status_code == 403
    assert Article.objects.get().title == NEW["title"]


def test_messages_are_found_by_meaning_with_their_scores(key: KeyClient, inbox: Inbox, team: Team) -> None:
    for text in ("Meu pedido não chegou", "Quero trocar a senha"):
        receive(inbox=inbox, sender=Sender(text), text=text)
    embed_some()
    found = results(key.post(SIMILAR, {"query": "where is my parcel", "team": "support"}, format="json"))
    assert [row["message"]["text"] for row in found] == ["Meu pedido não chegou", "Quero trocar a senha"]
    assert 1 > found[0]["score"] > found[1]["score"]
    body = {"query": "where is my parcel", "threshold": found[0]["score"] - 0.01, "limit": 50}
    assert len(results(key.post(SIMILAR, body, format="json"))) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": " "}, "query"),
        ({"query": "x", "limit": 51}, "limit"),
        ({"query": "x", "limit": "5"}, "limit"),
        ({"query": "x", "threshold": 2}, "threshold"),
        ({"query": "x", "threshold": True}, "threshold"),
        ({"query": "x", "threshold": "0.5"}, "threshold"),
        ({"query": "x", "team": "nobody"}, "team"),
        ({"query": "x", "sector": "support", "team": "support"}, "sector"),
        ({"query": "x", "sector": "nobody"}, "sector"),
        ({"query": "x", "threshold": 0, "similarity_threshold": 0}, "similarity_threshold"),
        ({"query": "x", "embedding": []}, "embedding"),
    ],
)
def test_wrong_questions_are_refused_by_the_field(
    key: KeyClient, team: Team, body: dict[str, Any], field: str
) -> None:
    refused = key.post(SIMILAR, body, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)


def test_messages_are_found_by_sector_as_older_clients_ask(
    key: KeyClient, inbox: Inbox, canary: Conversation, with_key: KeyMaker, team: Team
) -> None:
    receive(inbox=inbox, sender=Sender("davi"), text="Quero trocar a senha")
    embed_some()
    for sector, texts in {
        "suporte": ["Quero trocar a senha"],
        "support": ["Quero trocar a senha"],
        "financeiro": ["Canary merger"],
        "vendas": [],
    }.items():
        body = {"query": "senha", "sector": sector, "similarity_threshold": -1, "limit": 5}
        found = results(key.post(SIMILAR, body, format="json"))
        assert [row["message"]["text"] for row in found] == texts, sector
    body = {"query": "senha", "sector": "financeiro"}
    assert with_key("read", teams=[team]).post(SIMILAR, body, format="json").status_code == 422


def test_search_finds_each_kind_by_what_it_is_known_by(key: KeyClient, conversation: Conversation) -> None:
    Ticket.objects.create(subject="Geladeira", source="api")
    embed_some()
    number = Ticket.objects.get().number
    whole = key.get(f"{SEARCH}?q=Davi&in=conversations,contacts,messages,tickets").json()
    assert set(whole) == {"conversations", "contacts", "messages", "tickets"}
    assert [row["id"] for row in whole["conversations"]] == [str(conversation.pk)]
    assert [row["name"] for row in whole["contacts"]] == ["Davi Duarte"]
    for words in ("geladeira", f"%23{number}", str(number)):
        found = key.get(f"{SEARCH}?q={words}&in=tickets").json()["tickets"]
        assert [row["number"] for row in found] == [number], words
    assert set(key.get(f"{SEARCH}?q=pedido").json()) == {"articles", "messages"}
    assert key.get(f"{SEARCH}?q=x&in=secrets").status_code == 422
    assert key.get(f"{SEARCH}?q={'9' * 300}&in=tickets").json() == {"tickets": []}


def test_search_shows_nothing_of_what_one_may_not_see(
    *,
    as_bruno: APIClient,
    as_ana: APIClient,
    as_clara: APIClient,
    canary: Conversation,
    conversation: Conversation,
    clara: User,
    with_key: KeyMaker,
    team: Team,
) -> None:
    note(conversation=canary, text="Canary note", by=clara.as_actor())
    embed_some()
    url = f"{SEARCH}?q=Canary merger&in=articles,messages,conversations,contacts,tickets&limit=20"
    for client in (as_bruno, with_key("read", teams=[team])):
        for answer in (client.get(url), client.get(f"{url}&team=finance")):
            assert answer.status_code == 200
            assert "anary" not in answer.content.decode()
    for body in ({"query": "Canary merger"}, {"query": "Canary merger", "team": "finance", "limit": 50}):
        assert "anary" not in as_bruno.post(SIMILAR, body, format="json").content.decode()
    for client in (as_ana, as_clara):
        told = client.get(url).json()
        assert told["messages"][0]["message"]["text"] == "Canary merger"
        assert told["tickets"]
        assert "note" not in str(told["messages"])
    assert MessageVector.objects.count() == 2


OCTOBER = "since=2026-10-01&until=2026-10-31&step=month"


def test_report_of_conversations_says_what_was_asked_and_what_is_now(
    key: KeyClient, conversation: Conversation
) -> None:
    Conversation.objects.update(created_at="2026-10-05T12:00Z")
    told = key.get(f"/api/v1/reports/conversations?{OCTOBER}&zone=America/Sao_Paulo&by=team&team=support")
    assert told.json() == {
        "since": "2026-10-01", "until": "2026-10-31", "step": "month", "zone": "America/Sao_Paulo",
        "lines": [
            {"start": "2026-10-01", "group": "support", "name": "Support", "opened": 1, "resolved": 0}
        ],
        "now": {"bot": 0, "open": 1, "snoozed": 0},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("until=2026-10-31", "since"),
        ("since=2026-10-31&until=2026-10-01", "until"),
        ("since=2025-01-01&until=2026-10-01", "until"),
        ("since=0001-01-01&until=0001-01-02", "since"),
        ("since=today&until=2026-10-01", "since"),
        (f"{OCTOBER}&zone=Mars/Base", "zone"),
        (f"{OCTOBER}&zone=../etc/passwd", "zone"),
        (f"{OCTOBER}&team=nobody", "team"),
        (f"{OCTOBER}&inbox=999999999999999999999", "inbox"),
        (f"{OCTOBER}&by=password", "by"),
        (f"{OCTOBER}&format=xml", "format"),
    ],
)
def test_wrong_reports_are_refused_by_the_field(key: KeyClient, query: str, field: str) -> None:
    refused = key.get(f"/api/v1/reports/conversations?{query}")
    assert refused.status_code == 422
    assert field in {refused.json().get("field"), *(row["field"] for row in refused.json().get("errors", ()))}


def test_report_of_an_inbox_one_may_not_see_is_refused(as_bruno: APIClient, canary: Conversation) -> None:
    refused = as_bruno.get(f"/api/v1/reports/conversations?{OCTOBER}&inbox={canary.inbox_id}")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "inbox")


def test_operators_are_told_their_own_figures_only(
    *, as_bruno: APIClient, as_ana: APIClient, conversation: Conversation, canary: Conversation,
    bruno: User, clara: User,
) -> None:  # fmt: skip
    reply(conversation=conversation, text="Olá", by=bruno.as_actor())
    reply(conversation=canary, text="Olá", by=clara.as_actor())
    url = f"/api/v1/reports/operators?since={conversation.created_at:%Y-%m-%d}"
    url += f"&until={conversation.created_at:%Y-%m-%d}"
    assert [row["name"] for row in as_bruno.get(url).json()["lines"]] == ["Bruno"]
    assert {row["name"] for row in as_ana.get(url).json()["lines"]} == {"Bruno", "Clara"}


def test_table_holds_the_lines_and_no_formula(key: KeyClient, conversation: Conversation, team: Team) -> None:
    Conversation.objects.update(created_at="2026-10-05T12:00Z")
    Team.objects.update(name="=HYPERLINK(1)")
    table = key.get(f"/api/v1/reports/conversations?{OCTOBER}&by=team&format=csv")
    assert table["Content-Type"] == "text/csv; charset=utf-8"
    assert table.content.decode("utf-8-sig").splitlines() == [
        "start,group,name,opened,resolved",
        "2026-10-01,support,'=HYPERLINK(1),1,0",
    ]


def test_every_report_is_empty_and_whole_where_nothing_happened(key: KeyClient, inbox: Inbox) -> None:
    Agent.objects.create(name="Lia")
    for name in ("conversations", "first-reply", "resolution", "agents", "tickets"):
        for step, lines in (("day", 31), ("week", 5), ("month", 1)):
            url = f"/api/v1/reports/{name}?since=2026-10-01&until=2026-10-31&step={step}"
            told = key.get(url)
            assert len(told.json()["lines"]) == lines, (name, step)
            table = key.get(
                f"/api/v1/reports/{name}?since=2026-10-01&until=2026-10-31&step={step}&format=csv"
            )
            assert len(table.content.decode().splitlines()) == lines + 1


def test_what_is_assigned_to_an_operator_is_counted_for_them(
    as_bruno: APIClient, conversation: Conversation, bruno: User
) -> None:
    url = f"/api/v1/reports/conversations?since={conversation.created_at:%Y-%m-%d}"
    url += f"&until={conversation.created_at:%Y-%m-%d}"
    assert as_bruno.get(url).json()["lines"][0]["opened"] == 0
    assign(conversation=conversation, to=bruno, by=SYSTEM)
    assert as_bruno.get(url).json()["lines"][0]["opened"] == 1
