"""What the API leaves out to be quick changes nothing of what it answers."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers
from rest_framework.test import APIClient

from accounts.models import Team
from accounts.queries import find_api_key
from api.shapes import Shown
from api.shown.common import ConversationSerializer, TicketSerializer
from conversations.actions import reply
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor
from tests.api.conftest import KeyMaker, results
from tickets.actions import create_ticket
from tickets.models import Ticket


def test_key_and_its_teams_are_one_query(with_key: KeyMaker, team: Team, other_team: Team) -> None:
    key = with_key("read", teams=[team, other_team])
    with CaptureQueriesContext(connection) as captured:
        row = find_api_key(key.key)
        assert row is not None
        assert row.as_actor().team_ids == {team.pk, other_team.pk}
    assert len(captured) == 1


def test_team_that_a_key_loses_is_lost_at_the_next_request(
    with_key: KeyMaker, conversation: Conversation, team: Team, other_team: Team
) -> None:
    key = with_key("read", teams=[team, other_team])
    assert len(results(key.get("/api/v1/conversations"))) == 1
    key.row.teams.remove(team)
    assert results(key.get("/api/v1/conversations")) == []
    key.row.teams.add(team)
    key.row.teams.clear()
    assert results(key.get("/api/v1/conversations")) == []


def test_lists_do_not_open_the_secrets_of_inboxes(
    as_ana: APIClient, inbox: Inbox, conversation: Conversation
) -> None:
    """What was closed under a lost key cannot be opened: nobody may need to."""
    reply(conversation=conversation, by=Actor.system(), text="Olá")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE conversations_inbox SET config = 'lost' WHERE id = %s", [inbox.pk])
    one = f"/api/v1/conversations/{conversation.pk}"
    for url in ("/api/v1/conversations", "/api/v1/messages", f"{one}/messages"):
        assert results(as_ana.get(url)), url
    assert as_ana.get(one).status_code == 200


def test_answered_message_is_shown_with_author_and_text(
    as_ana: APIClient, conversation: Conversation
) -> None:
    url = f"/api/v1/conversations/{conversation.pk}/messages"
    first = results(as_ana.get(url))[0]
    answer = reply(conversation=conversation, by=Actor.system(), text="Olá")
    Message.objects.filter(pk=answer.pk).update(reply_to=first["id"])
    with CaptureQueriesContext(connection) as captured:
        shown = results(as_ana.get(url))[-1]["reply_to"]
    assert shown == {"id": first["id"], "author": first["author"]["name"], "text": first["text"]}
    messages = [query for query in captured if 'FROM "conversations_message"' in query["sql"]]
    assert len(messages) == 1, "a deferred field was read"


class Odd(Shown):
    """Fields of every kind that DRF reads in its own way."""

    whole = serializers.SerializerMethodField()
    called = serializers.CharField(source="as_text")
    deep = serializers.CharField(source="team.slug", default="none")
    missing = serializers.CharField(required=False)

    def get_whole(self, row: Any) -> str:
        """Names the row."""
        return str(row.name)


class Row:
    """An object with a method where a field looks for a value."""

    name, team = "row", None

    def as_text(self) -> str:
        """Says its name."""
        return self.name


@pytest.mark.parametrize("row", [Row(), {"name": "row", "as_text": "text"}])
def test_odd_fields_are_shown_as_by_the_framework(row: Any) -> None:
    shape = Odd()
    if isinstance(row, dict):
        shape.fields.pop("whole")
    assert shape.to_representation(row) == serializers.Serializer.to_representation(shape, row)


def test_rows_are_shown_as_by_the_framework(conversation: Conversation, ticket: Ticket) -> None:
    bare = create_ticket(by=Actor.system(), subject="Sem cliente")
    rows: list[tuple[type[Shown], Any]] = [
        (ConversationSerializer, conversation),
        (TicketSerializer, ticket),
        (TicketSerializer, bare),
    ]
    for shape, row in rows:
        made = shape()
        assert made.to_representation(row) == serializers.Serializer.to_representation(made, row)


def test_team_that_does_not_exist_has_nothing(as_ana: APIClient, conversation: Conversation) -> None:
    create_ticket(by=Actor.system(), subject="Sem equipe")
    for route in ("conversations", "tickets"):
        assert results(as_ana.get(f"/api/v1/{route}?team=nobody")) == []
