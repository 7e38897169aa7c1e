"""Shapes that are made once say what those say that are made for each answer, whatever was asked."""

import itertools
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rest_framework.test import APIClient

from api.shapes import NONE, Shown
from api.shown.common import ConversationSerializer, MessageSerializer, TicketSerializer
from conversations.models import Conversation, Message
from tickets.models import Ticket

CHOICES = [
    ({}, {}),
    ({"fields": frozenset({"id", "created_at"})}, {}),
    ({"fields": frozenset({"id", "contact"})}, {"expand": frozenset({"contact"})}),
    ({}, {"expand": frozenset({"contact"})}),
]


def test_told_is_what_data_would_be(conversation: Conversation, ticket: Ticket) -> None:
    """In any order, so that no answer leaves anything in a shape for the next."""
    message = Message.objects.filter(conversation=conversation).first()
    asked: list[tuple[type[Shown], Any, dict[str, Any]]] = [
        (ConversationSerializer, conversation, {**fields, **expand}) for fields, expand in CHOICES
    ]
    asked += [(MessageSerializer, message, fields) for fields in ({}, {"fields": frozenset({"id", "text"})})]
    asked += [
        (TicketSerializer, ticket, {}),
        (TicketSerializer, ticket, {"expand": frozenset({"requester"})}),
    ]
    for order in (asked, list(reversed(asked)), asked):
        for shape, row, wanted in order:
            assert shape.told(row, **wanted) == shape(row, context=wanted).data
    seen = [shape.told(row, **wanted) for shape, row, wanted in asked]
    assert all(one != other for one, other in itertools.combinations(seen, 2))


def test_what_was_told_is_the_askers_own(conversation: Conversation) -> None:
    first = ConversationSerializer.told(conversation)
    first["contact"]["name"] = first["subject"] = "changed"
    assert ConversationSerializer.told(conversation)["contact"]["name"] != "changed"
    assert ConversationSerializer.told(conversation, fields=NONE)["subject"] != "changed"


@pytest.mark.parametrize("zone", ["UTC", "America/Sao_Paulo"])
def test_times_are_in_utc_wherever_the_server_stands(
    conversation: Conversation, settings: Any, zone: str
) -> None:
    settings.TIME_ZONE = zone
    moment = datetime(2026, 11, 22, 9, 30, 0, 120_000, tzinfo=ZoneInfo("America/Sao_Paulo"))
    conversation.waiting_since = moment
    assert ConversationSerializer.told(conversation)["waiting_since"] == "2026-11-22T12:30:00.120000Z"


@pytest.mark.parametrize("fields", ["id", "id,subject", "id,contact"])
def test_fields_of_one_request_are_not_those_of_the_next(
    client: APIClient, key: Any, conversation: Conversation, fields: str
) -> None:
    address = f"/api/v1/conversations/{conversation.pk}"
    headers = {"X-API-Key": key.key}
    narrow = client.get(address, {"fields": fields}, headers=headers).json()
    whole = client.get(address, headers=headers).json()
    assert set(narrow) == set(fields.split(","))
    assert set(whole) == set(ConversationSerializer().fields)
