"""Whose tickets lists, filters and changes of many reach, and what is said of those of others."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey, Team, User
from conversations.actions import Sender, receive
from conversations.models import Conversation
from core.actor import Actor
from tests.api.conftest import KeyMaker, results, signed_in
from tests.conversations.test_receive import in_parallel
from tickets.actions import create_ticket
from tickets.models import Ticket
from tickets.queries import timeline

LIST, BULK = "/api/v1/tickets", "/api/v1/tickets/bulk"
Maker = Callable[..., Ticket]


@pytest.fixture
def made(db: None) -> Maker:
    """Opens a ticket as the machine does, and says whose it is."""

    def make(subject: str = "Pedido", *, assignee: User | None = None, **more: Any) -> Ticket:
        row = create_ticket(by=Actor.system(), subject=subject, **more)
        if assignee:
            Ticket.objects.filter(pk=row.pk).update(assignee=assignee)
        return row

    return make


def subjects(client: APIClient, query: str = "") -> set[str]:
    return {row["subject"] for row in results(client.get(f"{LIST}?{query}"))}


@pytest.fixture
def four(made: Maker, team: Team, other_team: Team, bruno: User) -> None:
    """One of Bruno's team, one of nobody's, one of another team, and one of that team given to Bruno."""
    made("team", team=team)
    made("nobody")
    made("other", team=other_team)
    made("given", team=other_team, assignee=bruno)


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", {"team", "nobody", "given"}),
        ("team=support", {"team"}),
        ("team=finance", {"given"}),
        ("team=none", {"nobody"}),
        ("team=nowhere", set()),
        ("assignee=me", {"given"}),
        ("assignee=none", {"team", "nobody"}),
        ("assignee=0", set()),
        ("assignee=me&team=support", set()),
        ("assignee=none&team=none", {"nobody"}),
        (f"assignee={10**18 - 1}", set()),
    ],
)
def test_filters_narrow_what_one_sees_and_widen_nothing(
    four: None, as_bruno: APIClient, query: str, seen: set[str]
) -> None:
    assert subjects(as_bruno, query) == seen


def test_key_is_nobody_s_assignee_though_it_may_have_a_user_s_number(
    four: None, with_key: KeyMaker, bruno: User
) -> None:
    key = with_key("read")
    ApiKey.objects.update(id=bruno.pk)
    assert subjects(key) == {"team", "nobody", "other", "given"}
    assert subjects(key, f"assignee={bruno.pk}") == {"given"}
    assert subjects(key, "assignee=me") == set()


@pytest.mark.parametrize(
    "query",
    [
        "assignee=Me",
        "assignee=-1",
        f"assignee={10**18}",
        "number=0",
        f"number={2**63}",
        "status=lost",
        "priority=20",
        "team=a%20b",
        "requester=1",
        "conversation=x",
        "created_since=2026-11-22",
        "created_since=2026-11-22T12:00:00",
        "updated_since=1999-12-31T23:59:59Z",
        "ordering=subject",
        "limit=0",
        "subject=x",
    ],
)
def test_filter_that_is_none_is_refused_by_name(as_bruno: APIClient, query: str) -> None:
    """A filter that is passed over would show everything to whoever asked for little."""
    refused = as_bruno.get(f"{LIST}?{query}")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, query.partition("=")[0])


def test_moment_of_a_filter_counts_itself(made: Maker, as_bruno: APIClient) -> None:
    row = made()
    Ticket.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=3))
    at = Ticket.objects.get().created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    later = (Ticket.objects.get().created_at + timedelta(microseconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert subjects(as_bruno, f"created_since={at}") == {"Pedido"}
    assert subjects(as_bruno, f"created_since={later}") == set()
    assert subjects(as_bruno, f"updated_since={later}") == {"Pedido"}


def test_ticket_that_is_moved_out_of_one_s_sight_is_told_once_more_and_then_gone(
    made: Maker, team: Team, as_bruno: APIClient, as_clara: APIClient
) -> None:
    url = f"{LIST}/{made(team=team).pk}"
    assert as_clara.get(url).status_code == 404
    assert as_bruno.patch(url, {"team": "finance"}, format="json").json()["team"] == "finance"
    assert as_bruno.get(url).status_code == 404
    assert as_bruno.patch(url, {"team": "support"}, format="json").status_code == 404
    assert as_clara.get(url).status_code == 200


def test_ticket_that_one_may_not_see_is_answered_like_none(
    made: Maker, other_team: Team, as_bruno: APIClient
) -> None:
    hidden = made("Segredo", team=other_team)

    def asked(pk: object) -> list[tuple[int, dict[str, Any]]]:
        read = as_bruno.get(f"{LIST}/{pk}")
        changed = as_bruno.patch(f"{LIST}/{pk}", {"priority": "high"}, format="json", HTTP_IF_MATCH='"x"')
        return [(answer.status_code, answer.json()) for answer in (read, changed)]

    assert asked(hidden.pk) == asked(uuid4())
    assert [status for status, _told in asked(hidden.pk)] == [404, 404]
    assert len(timeline(hidden)) == 1


def test_conversation_is_named_by_who_sees_it_and_is_not_read_out_by_a_ticket(
    conversation: Conversation, as_clara: APIClient, other_team: Team, made: Maker
) -> None:
    body = {"subject": "x", "conversation": str(conversation.pk)}
    refused = as_clara.post(LIST, body, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "conversation")
    shared = made("Cobrança", conversation=conversation, team=other_team)
    assert as_clara.get(f"{LIST}/{shared.pk}").json()["conversations"] == []


def test_customer_of_a_conversation_is_not_another_s(as_bruno: APIClient, conversation: Conversation) -> None:
    other = receive(inbox=conversation.inbox, sender=Sender("eva"), text="Oi").conversation.contact
    body = {"subject": "x", "conversation": str(conversation.pk), "contact": str(other.pk)}
    refused = as_bruno.post(LIST, body, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "contact")
    assert not Ticket.objects.exists()
    assert (
        as_bruno.post(LIST, {**body, "contact": str(conversation.contact_id)}, format="json").status_code
        == 201
    )


# --- Many at once ------------------------------------------------------------------------------------------


def test_each_of_many_is_answered_where_it_stands_and_written_once(
    made: Maker, team: Team, other_team: Team, as_bruno: APIClient
) -> None:
    one, two, hidden = made("1", team=team), made("2"), made("3", team=other_team)
    ids = [str(pk) for pk in (two.pk, hidden.pk, one.pk, two.pk)]
    told = as_bruno.post(BULK, {"ids": ids, "status": "solved"}, format="json").json()["results"]
    assert [(each["id"], each["status"]) for each in told] == list(
        zip(ids, [200, 404, 200, 200], strict=True)
    )
    assert [each["error"] is None for each in told] == [True, False, True, True]
    assert [len(timeline(row)) for row in (one, two, hidden)] == [2, 2, 1]
    again = as_bruno.post(BULK, {"ids": ids, "status": "solved"}, format="json").json()
    assert again["results"] == told
    assert [len(timeline(row)) for row in (one, two, hidden)] == [2, 2, 1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ids": []}, "ids"),
        ({"ids": "all"}, "ids"),
        ({"ids": [str(uuid4()) for _ in range(101)], "status": "open"}, "ids"),
        ({"ids": ["x"], "status": "open"}, "ids.0"),
        ({"ids": [None], "status": "open"}, "ids.0"),
        ({"status": "open"}, "ids"),
        ({"ids": [str(uuid4())]}, ""),
        ({"ids": [str(uuid4())], "subject": "x"}, "subject"),
        ({"ids": [str(uuid4())], "status": None}, "status"),
        ({"ids": [str(uuid4())], "assignee": "me"}, "assignee"),
    ],
)
def test_change_of_many_that_cannot_be_changes_none(
    as_bruno: APIClient, body: dict[str, Any], field: str
) -> None:
    refused = as_bruno.post(BULK, body, format="json")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"].startswith(field)


def test_hundred_are_changed_and_team_and_person_may_be_taken_away(
    made: Maker, team: Team, bruno: User, as_bruno: APIClient
) -> None:
    ids = [str(made(f"Matter {number}", team=team, assignee=bruno).pk) for number in range(100)]
    body = {"ids": ids, "team": None, "assignee": None, "priority": "low"}
    told = as_bruno.post(BULK, body, format="json").json()["results"]
    assert {each["status"] for each in told} == {200}
    assert Ticket.objects.filter(team=None, assignee=None, priority=10).count() == 100


@pytest.mark.django_db(transaction=True)
def test_changes_of_the_same_many_at_once_wait_for_each_other_and_none_is_lost(
    ana: User, conversation: Conversation, made: Maker
) -> None:
    """In opposite orders, and beside requests for the same matters: no deadlock, no hole in a history."""
    names = ["Reembolso", "Troca de tamanho", "Boleto vencido", "Cupom"]
    rows = [made(name, conversation=conversation) for name in names]
    ids = [str(row.pk) for row in rows]

    def change(number: int) -> int:
        body = {"ids": ids if number % 2 else ids[::-1], "priority": ("low", "high")[number % 2]}
        answer = signed_in(ana).post(BULK, body, format="json")
        return int(max(each["status"] for each in answer.json()["results"]))

    def ask(number: int) -> int:
        body = {
            "subject": names[number % 4],
            "conversation": str(conversation.pk),
            "description": f"de novo {number}",
        }
        return int(signed_in(ana).post(LIST, body, format="json").status_code)

    calls = [partial(act, number) for number in range(6) for act in (change, ask)]
    assert set(in_parallel(calls)) == {200}
    for row in rows:
        row.refresh_from_db()
        assert [line.seq for line in timeline(row)] == list(range(1, row.last_seq + 1))
    assert len({row.priority for row in rows}) == 1, "each change was one change"


@pytest.mark.django_db(transaction=True)
def test_change_of_many_and_of_one_that_hangs_on_their_conversations_do_not_lock_each_other_out(
    ana: User, conversation: Conversation, made: Maker
) -> None:
    other = receive(inbox=conversation.inbox, sender=Sender("eva"), text="Oi").conversation
    first, second = sorted((made("Reembolso"), made("Boleto vencido")), key=lambda row: row.pk)
    both = made("Cupom")
    low, high = sorted((conversation, other), key=lambda row: row.pk)
    # Taken one after the other, the tickets of many would ask for the conversations the other way round.
    first.conversations.set([high])
    second.conversations.set([low])
    both.conversations.set([low, high])

    def change_many(number: int) -> int:
        body = {"ids": [str(first.pk), str(second.pk)], "priority": ("low", "high")[number % 2]}
        answer = signed_in(ana).post(BULK, body, format="json")
        return int(max(each["status"] for each in answer.json()["results"]))

    def change_one(number: int) -> int:
        body = {"priority": ("low", "high")[number % 2]}
        return int(signed_in(ana).patch(f"{LIST}/{both.pk}", body, format="json").status_code)

    calls = [partial(act, number) for number in range(8) for act in (change_many, change_one)]
    assert set(in_parallel(calls)) == {200}


def test_ticket_of_the_same_matter_that_one_may_not_see_is_not_shown(
    as_bruno: APIClient, conversation: Conversation, other_team: Team
) -> None:
    hidden = create_ticket(
        by=Actor.system(),
        subject="Late order",
        conversation=conversation,
        team=other_team,
        description="secret",
    )
    body = {"subject": "Late order", "conversation": str(conversation.pk)}
    made = as_bruno.post("/api/v1/tickets", body, format="json")
    assert (made.status_code, made.json()["history"][0]["type"]) == (201, "created")
    assert made.json()["id"] != str(hidden.pk)
    again = as_bruno.post("/api/v1/tickets", body, format="json")
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
