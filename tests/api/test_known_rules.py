"""What the pages about articles, search, reports, events and older clients promise at their edges."""

import csv
import io
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Team, User
from conversations.actions import Sender, assign, note, receive, reply, resolve
from conversations.models import Contact, Conversation, Inbox, Message
from core.actor import Actor
from knowledge.actions import embed_some, index_articles
from knowledge.models import Article
from tests.api.conftest import KeyClient, KeyMaker, fields_of, results
from tickets.models import Ticket

ARTICLES, SEARCH, SIMILAR, REPORTS, EVENTS = (
    f"/api/v1/{name}" for name in ("articles", "search", "messages/search", "reports", "events")
)
SYSTEM = Actor.system()
NEW = {"title": "Prazo de troca", "body": "Você tem **30 dias**.", "language": "pt"}


@pytest.fixture
def bills(other_team: Team) -> Conversation:
    """What only the finance team may see, about the same matter as Davi's."""
    inbox = Inbox.objects.create(name="Bills", channel="api", team=other_team)
    row = receive(inbox=inbox, sender=Sender("e", name="Davina"), text="Onde está meu boleto?").conversation
    Ticket.objects.create(subject="Davi: boleto", source="api", team=other_team)
    return row


# --- Articles ----------------------------------------------------------------------------------------------
def test_longest_article_is_kept_whole_and_one_sign_more_is_not(key: KeyClient, db: None) -> None:
    longest = {"title": "é" * 200, "body": "é" * 100_000, "tags": ["é" * 40], "language": "es"}
    made = key.post(ARTICLES, longest, format="json")
    assert made.status_code == 201, made.content
    told = key.get(f"{ARTICLES}/{made.json()['id']}").json()
    assert {name: told[name] for name in longest} == longest
    for name in ("title", "body"):
        refused = key.post(ARTICLES, {**longest, name: f"{longest[name]}x"}, format="json")
        assert fields_of(refused) == [name]
    assert Article.objects.count() == 1


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_article_that_is_taken_back_is_found_no_more(key: KeyClient, db: None, status: str) -> None:
    made = key.post(ARTICLES, {**NEW, "status": "published"}, format="json").json()
    index_articles(article_ids=[made["id"]])
    asked = f"{SEARCH}?q=prazo de troca&in=articles"
    assert [row["article"] for row in key.get(asked).json()["articles"]] == [made["id"]]
    assert key.patch(f"{ARTICLES}/{made['id']}", {"status": status}, format="json").status_code == 200
    assert key.get(asked).json()["articles"] == []


def test_article_says_for_whom_and_how_long(key: KeyClient, db: None) -> None:
    limits = {"audience": "internal", "valid_from": None, "valid_until": "2030-01-01T00:00:00Z"}
    made = key.post(ARTICLES, {**NEW, "status": "published", **limits}, format="json").json()
    assert {name: made[name] for name in (*limits, "url")} == {**limits, "url": ""}
    index_articles(article_ids=[made["id"]])
    asked = f"{SEARCH}?q=prazo de troca&in=articles"
    assert [row["article"] for row in key.get(asked).json()["articles"]] == [made["id"]]
    assert key.get(f"{ARTICLES}?audience=public").json()["results"] == []
    assert len(key.get(f"{ARTICLES}?audience=internal").json()["results"]) == 1
    ended = {"valid_until": "2020-01-01T00:00:00Z"}
    assert key.patch(f"{ARTICLES}/{made['id']}", ended, format="json").status_code == 200
    assert key.get(asked).json()["articles"] == []


def test_article_does_not_end_before_it_begins(key: KeyClient, db: None) -> None:
    backwards = {"valid_from": "2030-01-02T00:00:00Z", "valid_until": "2030-01-02T00:00:00Z"}
    assert fields_of(key.post(ARTICLES, {**NEW, **backwards}, format="json")) == ["valid_until"]
    made = key.post(ARTICLES, {**NEW, "valid_from": backwards["valid_from"]}, format="json").json()
    del backwards["valid_from"]
    assert fields_of(key.patch(f"{ARTICLES}/{made['id']}", backwards, format="json")) == ["valid_until"]


def test_edited_article_answers_with_its_former_text_until_it_is_indexed(key: KeyClient, db: None) -> None:
    made = key.post(ARTICLES, {**NEW, "status": "published"}, format="json").json()
    index_articles(article_ids=[made["id"]])
    changed = key.patch(f"{ARTICLES}/{made['id']}", {"body": "Você tem 60 dias."}, format="json").json()
    asked = f"{SEARCH}?q=prazo de troca&in=articles"

    def texts() -> list[str]:
        return [row["text"] for row in key.get(asked).json()["articles"]]

    assert (changed["searchable"], texts()) == (False, ["Você tem 30 dias."])
    index_articles(article_ids=[made["id"]])
    assert (key.get(f"{ARTICLES}/{made['id']}").json()["searchable"], texts()) == (
        True,
        ["Você tem 60 dias."],
    )


def test_key_of_one_team_writes_articles_of_all(with_key: KeyMaker, team: Team, other_team: Team) -> None:
    own = with_key("read", "write", teams=[team])
    made = own.post(ARTICLES, {**NEW, "team": "finance"}, format="json")
    assert (made.status_code, made.json()["team"]) == (201, "finance")
    url = f"{ARTICLES}/{made.json()['id']}"
    assert own.patch(url, {"team": None}, format="json").json()["team"] is None
    assert own.delete(url).status_code == 204


# --- Search ------------------------------------------------------------------------------------------------
def test_search_of_one_team_finds_what_is_that_teams(
    key: KeyClient, conversation: Conversation, bills: Conversation
) -> None:
    embed_some()
    for team, row in (("support", conversation), ("finance", bills)):
        told = key.get(f"{SEARCH}?q=Davi&team={team}&in=conversations,contacts,messages,tickets").json()
        assert [each["id"] for each in told["conversations"]] == [str(row.pk)], team
        assert [each["id"] for each in told["contacts"]] == [str(row.contact_id)], team
        assert {each["message"]["conversation"] for each in told["messages"]} == {str(row.pk)}, team
        assert [each["subject"] for each in told["tickets"]] == (["Davi: boleto"] if row == bills else [])


def test_articles_of_a_team_are_found_beside_nobodys(key: KeyClient, team: Team, other_team: Team) -> None:
    for slug in ("support", "finance", None):
        body = {**NEW, "title": f"Prazo de troca {slug}", "team": slug, "status": "published"}
        assert key.post(ARTICLES, body, format="json").status_code == 201
    index_articles(article_ids=list(Article.objects.values_list("pk", flat=True)))
    found = key.get(f"{SEARCH}?q=prazo de troca&in=articles&team=support&limit=20").json()["articles"]
    assert {row["title"] for row in found} == {"Prazo de troca support", "Prazo de troca None"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "q"),
        ("q=", "q"),
        ("q=%20%20", "q"),
        (f"q={'x' * 501}", "q"),
        ("q=a%00b", "q"),
        ("q=x&limit=0", "limit"),
        ("q=x&limit=21", "limit"),
        ("q=x&in=", "in"),
        ("q=x&in=articles,", "in"),
        ("q=x&in=articles,users", "in"),
        ("q=x&team=nowhere", "team"),
        ("q=x&cursor=x", "cursor"),
    ],
)
def test_wrong_search_is_refused_by_the_field(key: KeyClient, db: None, query: str, field: str) -> None:
    assert fields_of(key.get(f"{SEARCH}?{query}")) == [field]


def test_customer_with_several_conversations_is_found_once(
    key: KeyClient, conversation: Conversation, mailbox: Inbox
) -> None:
    for number in range(3):
        row = receive(inbox=mailbox, sender=Sender(f"d{number}@example.com"), text="Oi").conversation
        Conversation.objects.filter(pk=row.pk).update(contact=conversation.contact, team=conversation.team)
    told = key.get(f"{SEARCH}?q=Davi&in=contacts&team=support").json()["contacts"]
    assert [row["id"] for row in told] == [str(conversation.contact_id)]


def test_message_is_found_by_what_it_says_now_and_never_by_a_note(
    key: KeyClient, conversation: Conversation
) -> None:
    note(conversation=conversation, by=SYSTEM, text="Onde está meu pedido?")
    embed_some()
    body = {"query": "Onde está meu pedido?", "limit": 50}
    (found,) = results(key.post(SIMILAR, body, format="json"))
    assert found["message"]["direction"] == "in"
    assert found["score"] == pytest.approx(1, abs=0.01)


# --- Reports -----------------------------------------------------------------------------------------------
def report(client: APIClient, name: str, query: str) -> dict[str, Any]:
    answer = client.get(f"{REPORTS}/{name}?{query}")
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def test_four_hundred_days_are_counted_and_one_more_is_not(key: KeyClient, db: None) -> None:
    last = date(2026, 10, 31)
    for name in ("conversations", "first-reply", "resolution", "operators", "agents", "tickets"):
        told = report(key, name, f"since={last - timedelta(days=399)}&until={last}")
        assert len(told["lines"]) == (0 if name == "operators" else 400), name
        refused = key.get(f"{REPORTS}/{name}?since={last - timedelta(days=400)}&until={last}")
        assert fields_of(refused) == ["until"], name


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("UTC", "2026-10-05"),
        ("America/Sao_Paulo", "2026-10-04"),
        ("Pacific/Kiritimati", "2026-10-05"),
        ("Pacific/Pago_Pago", "2026-10-04"),
    ],
)
def test_day_ends_by_the_clocks_of_the_place_in_every_report(
    key: KeyClient, conversation: Conversation, bruno: User, zone: str, day: str
) -> None:
    """What happened at half past two in the night, by UTC."""
    resolve(conversation=conversation, by=SYSTEM)
    at = "2026-10-05T02:30:00Z"
    Conversation.objects.update(created_at=at, first_reply_at=at, resolved_at=at)
    Ticket.objects.create(subject="A", source="api")
    Ticket.objects.update(created_at=at)
    asked = f"since=2026-10-03&until=2026-10-06&zone={zone}"
    for name, figure in (
        ("conversations", "opened"),
        ("conversations", "resolved"),
        ("first-reply", "conversations"),
        ("resolution", "conversations"),
        ("tickets", "opened"),
    ):
        days = [line["start"] for line in report(key, name, asked)["lines"] if line[figure]]
        assert days == [day], (name, figure)


def test_day_that_the_clocks_are_set_is_counted_once(key: KeyClient, conversation: Conversation) -> None:
    """In Lisbon the last Sunday of October has 25 hours: both halves past one belong to it."""
    asked = "since=2026-10-24&until=2026-10-26&zone=Europe/Lisbon"
    for at in (
        "2026-10-24T23:00:00Z",
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:30:00Z",
        "2026-10-25T23:59:59Z",
    ):
        Conversation.objects.update(created_at=at)
        told = {line["start"]: line["opened"] for line in report(key, "conversations", asked)["lines"]}
        assert told == {"2026-10-24": 0, "2026-10-25": 1, "2026-10-26": 0}, at


def test_week_begins_on_monday_and_counts_only_the_days_that_were_asked_for(
    key: KeyClient, conversation: Conversation
) -> None:
    for at, counts in (("2026-10-06T12:00:00Z", [0, 0]), ("2026-10-07T12:00:00Z", [1, 0]),
                       ("2026-10-12T00:00:00Z", [0, 1]), ("2026-10-13T12:00:00Z", [0, 0])):  # fmt: skip
        Conversation.objects.update(created_at=at)
        told = report(key, "conversations", "since=2026-10-07&until=2026-10-12&step=week")["lines"]
        assert [(line["start"], line["opened"]) for line in told] == [
            ("2026-10-05", counts[0]),
            ("2026-10-12", counts[1]),
        ], at


def test_table_has_the_same_figures_as_the_answer(
    key: KeyClient, conversation: Conversation, bills: Conversation, bruno: User
) -> None:
    reply(conversation=conversation, text="Olá", by=bruno.as_actor())
    resolve(conversation=conversation, by=bruno.as_actor())
    today = timezone.now().date()
    for name, by in (
        ("conversations", "team"),
        ("conversations", "channel"),
        ("first-reply", "inbox"),
        ("resolution", "operator"),
        ("operators", ""),
        ("tickets", "team"),
    ):
        query = f"since={today}&until={today}" + (f"&by={by}" if by else "")
        lines = report(key, name, query)["lines"]
        table = key.get(f"{REPORTS}/{name}?{query}&format=csv").content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(table)))
        assert lines, name
        assert rows == [
            {field: "" if value is None else str(value) for field, value in line.items()} for line in lines
        ], name


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_name_is_a_formula_in_a_table(key: KeyClient, conversation: Conversation, name: str) -> None:
    Team.objects.update(name=name)
    today = timezone.now().date()
    query = f"since={today}&until={today}&by=team&format=csv"
    table = key.get(f"{REPORTS}/conversations?{query}").content.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(table, newline=""))
    assert row["name"].startswith("'")


def test_operator_counts_what_is_theirs_whatever_they_ask_by(
    as_bruno: APIClient, conversation: Conversation, bills: Conversation, bruno: User, other_team: Team
) -> None:
    """Nobody is refused; what one may not count is not in the figures."""
    today = timezone.now().date()
    assign(conversation=conversation, to=bruno, by=SYSTEM)
    for by in ("team", "inbox", "channel", "operator"):
        lines = report(as_bruno, "conversations", f"since={today}&until={today}&by={by}")["lines"]
        assert [line["opened"] for line in lines] == [1], by
        assert "Finance" not in str(lines)
        assert "Bills" not in str(lines)
    told = report(as_bruno, "conversations", f"since={today}&until={today}&team=finance")
    assert ([line["opened"] for line in told["lines"]], told["now"]["open"]) == ([0], 0)


# --- Events ------------------------------------------------------------------------------------------------
def test_events_of_a_conversation_show_messages_as_they_are_now(
    key: KeyClient, conversation: Conversation
) -> None:
    Message.objects.update(text="", deleted_at=timezone.now())
    (event,) = results(key.get(f"{EVENTS}?conversation={conversation.pk}"))
    assert (event["seq"], event["type"], event["message"]["text"]) == (1, "message.created", "")
    assert event["message"]["deleted_at"] is not None
    assert "id" not in event


def test_cursor_of_one_conversation_goes_on_where_it_was_left(
    key: KeyClient, conversation: Conversation
) -> None:
    url = f"{EVENTS}?conversation={conversation.pk}"
    kept = key.get(url).json()["cursor"]
    assert key.get(f"{url}&cursor={kept}").json() == {"results": [], "cursor": kept, "next": None}
    for number in range(3):
        reply(conversation=conversation, text=f"Parte {number}", by=SYSTEM)
    first = key.get(f"{url}&cursor={kept}&limit=2&types=message.created").json()
    assert first["next"] is not None
    second = key.get(first["next"]).json()
    texts = [event["message"]["text"] for event in first["results"] + second["results"]]
    assert (texts, second["next"]) == (["Parte 0", "Parte 1", "Parte 2"], None)
    assert results(key.get(f"{EVENTS}?conversation={uuid4()}")) == []


# --- Older clients -----------------------------------------------------------------------------------------
def test_address_without_a_version_is_the_same_row_with_the_same_tag(
    key: KeyClient, conversation: Conversation
) -> None:
    old, new = (f"/api{version}/conversations/{conversation.pk}" for version in ("", "/v1"))
    assert key.get(old).json() == key.get(new).json()
    etag = key.get(old)["ETag"]
    assert etag == key.get(new)["ETag"]
    changed = key.put(old, {"priority": "high"}, format="json", HTTP_IF_MATCH=etag)
    assert (changed.status_code, changed.json()["priority"]) == (200, "high")
    stale = key.patch(new, {"priority": "low"}, format="json", HTTP_IF_MATCH=etag)
    assert (stale.status_code, stale.json()["code"]) == (412, "changed")
    assert key.put(new, {"priority": "low"}, format="json").status_code == 405


def test_root_tells_programs_what_is_here_and_people_a_page(client: Any, db: None) -> None:
    told = client.get("/", headers={"accept": "application/json"})
    assert told["Content-Type"].startswith("application/json")
    assert told.json()
    assert client.get("/", headers={"accept": "text/html"})["Content-Type"].startswith("text/html")


def test_client_of_a_sector_keeps_one_conversation_in_each(key: KeyClient, db: None) -> None:
    def write(sector: str, text: str) -> dict[str, Any]:
        body = {"client_id": "6f6c2a3e", "sector": sector, "message": text}
        made = key.post("/api/v1/messages/", body, format="json")
        assert made.status_code == 201, made.content
        told: dict[str, Any] = made.json()
        return told

    rows = [write(sector, "Olá") for sector in ("suporte", "vendas", "suporte", "geral")]
    assert len({row["conversation"] for row in rows}) == 3
    assert Contact.objects.filter(identities__external_id="6f6c2a3e").distinct().count() == 3
    history = key.get("/api/v1/messages/client/6f6c2a3e?page=1&per_page=100").json()
    assert (history["total"], history["pages"]) == (4, 1)


def test_tags_of_articles_are_tags_as_all_are(as_ana: APIClient) -> None:
    def article(*tags: str) -> Any:
        return as_ana.post(ARTICLES, {"title": "x", "language": "en", "tags": tags}, format="json")

    assert article("a,b").json()["errors"][0]["field"] == "tags"
    made = article("Order", "order", " gold ").json()
    assert made["tags"] == ["Order", "gold"]
    changed = as_ana.patch(f"{ARTICLES}/{made['id']}", {"tags": ["a", "A"]}, format="json")
    assert changed.json()["tags"] == ["a"]
