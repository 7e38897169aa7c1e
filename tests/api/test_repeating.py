"""The same request sent again: one deed, one answer, whoever sends it and however many at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from api.idempotency import forget_old
from api.models import IdempotentRequest
from conversations.models import Conversation, Message
from tests.api.conftest import KeyClient, KeyMaker
from tickets.models import Ticket

TICKETS = "/api/v1/tickets"


def post(client: APIClient, body: Any, key: str = "order-1", url: str = TICKETS) -> Any:
    return client.post(url, body, format="json", HTTP_IDEMPOTENCY_KEY=key)


def test_same_request_gets_the_same_answer(key: KeyClient) -> None:
    first, again = (post(key, {"subject": "Pedido", "priority": "high"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first["ETag"] == again["ETag"]
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    assert Ticket.objects.count() == 1


def test_answer_stays_what_it_was_when_the_row_has_changed(key: KeyClient) -> None:
    first = post(key, {"subject": "Pedido"})
    Ticket.objects.update(subject="Outro")
    assert post(key, {"subject": "Pedido"}).content == first.content


def test_order_of_a_body_and_a_slash_make_no_other_request(key: KeyClient) -> None:
    first = post(key, {"subject": "Pedido", "priority": "high"})
    again = post(key, {"priority": "high", "subject": "Pedido"}, url=f"{TICKETS}/")
    assert again.content == first.content


@pytest.mark.parametrize("body", [{"subject": "Outro"}, {"subject": "Pedido", "priority": "high"}])
def test_same_key_with_another_body_is_refused(key: KeyClient, body: dict[str, Any]) -> None:
    post(key, {"subject": "Pedido"})
    refused = post(key, body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert Ticket.objects.count() == 1


def test_same_key_for_another_address_is_refused(key: KeyClient, conversation: Conversation) -> None:
    post(key, {"text": "Olá"}, url=f"/api/v1/conversations/{conversation.pk}/messages")
    assert post(key, {"subject": "Pedido"}).status_code == 422


def test_what_was_refused_may_be_mended_under_the_same_key(key: KeyClient) -> None:
    assert post(key, {"subject": ""}).status_code == 422
    assert not IdempotentRequest.objects.exists()
    assert post(key, {"subject": "Pedido"}).status_code == 201


def test_two_senders_may_use_the_same_key(key: KeyClient, with_key: KeyMaker, as_ana: APIClient) -> None:
    answers = [post(each, {"subject": "Pedido"}) for each in (key, with_key("write"), as_ana)]
    assert {each.status_code for each in answers} == {201}
    assert Ticket.objects.count() == 3


def test_key_that_lost_its_right_gets_no_answer_of_before(key: KeyClient) -> None:
    post(key, {"subject": "Pedido"})
    row = key.row
    row.scopes = ["read"]
    row.save()
    assert post(key, {"subject": "Pedido"}).status_code == 403


def test_answer_is_kept_for_a_day_and_then_forgotten(key: KeyClient) -> None:
    post(key, {"subject": "Pedido"})
    IdempotentRequest.objects.update(claimed_at=timezone.now() - timedelta(hours=23, minutes=59))
    assert forget_old() == 0
    post(key, {"subject": "Pedido"})
    assert Ticket.objects.count() == 1
    IdempotentRequest.objects.update(claimed_at=timezone.now() - timedelta(hours=24, minutes=1))
    post(key, {"subject": "Pedido"})
    assert (Ticket.objects.count(), IdempotentRequest.objects.count()) == (2, 1)
    IdempotentRequest.objects.update(claimed_at=timezone.now() - timedelta(hours=24, minutes=1))
    assert forget_old() == 1


def test_what_is_kept_cannot_be_read_in_the_database(key: KeyClient) -> None:
    post(key, {"subject": "Segredo"})
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT answer FROM api_idempotentrequest")
        assert "Segredo" not in cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_do_it_once(key: KeyClient, conversation: Conversation) -> None:
    url = f"/api/v1/conversations/{conversation.pk}/messages"
    before = Message.objects.count()

    def send(_number: int) -> tuple[int, bytes]:
        try:
            answer = post(KeyClient(key.key), {"text": "Olá"}, url=url)
            return answer.status_code, answer.content
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        answers = set(pool.map(send, range(50)))
    assert {status for status, _content in answers} == {201}
    # The address of a file is signed anew; there is none here, so all answers are the same bytes.
    assert len(answers) == 1
    assert Message.objects.count() == before + 1


CAMPAIGNS = "/api/v1/campaigns"


def test_deed_that_waits_for_others_is_told_to_be_at_work(key: KeyClient, campaign: Any) -> None:
    body = {"name": "Páscoa", "inbox": campaign.inbox_id, "text": "Olá"}
    first = post(key, body, url=CAMPAIGNS)
    IdempotentRequest.objects.update(status=None)
    busy = post(key, body, url=CAMPAIGNS)
    assert (busy.status_code, busy.json()["code"], busy["Retry-After"]) == (409, "in_progress", "1")
    # Nobody is at it any more: it is done again, and the row's own key makes that harmless.
    IdempotentRequest.objects.update(claimed_at=timezone.now() - timedelta(minutes=4))
    again = post(key, body, url=CAMPAIGNS)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
