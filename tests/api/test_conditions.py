"""What somebody has read: nothing is sent twice, and nothing is changed that they have not seen."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from conversations.models import Contact
from tests.api.conftest import KeyClient, KeyMaker
from tests.api.rows import ROWS, Who
from tests.api.test_matrix import Stage, address, put_there
from tests.api.test_matrix import stage as stage  # noqa: PLC0414 (a fixture, as that below)
from tests.api.test_matrix import strangers as strangers  # noqa: PLC0414
from tickets.models import Ticket

EDITS = sorted(key for key in ROWS if key[1] in {"patch", "put", "delete"})


def url_of(ticket: Ticket) -> str:
    return f"/api/v1/tickets/{ticket.pk}"


def test_answer_that_is_known_is_not_sent_again(key: KeyClient, ticket: Ticket) -> None:
    first = key.get(url_of(ticket))
    known = key.get(url_of(ticket), HTTP_IF_NONE_MATCH=first["ETag"])
    assert (known.status_code, known.content, known["ETag"]) == (304, b"", first["ETag"])
    Ticket.objects.update(subject="Outro")
    assert key.get(url_of(ticket), HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 200


def test_name_of_somebody_who_is_shown_makes_it_another_answer(key: KeyClient, ticket: Ticket) -> None:
    etag = key.get(url_of(ticket))["ETag"]
    Contact.objects.update(name="Maria")
    assert key.get(url_of(ticket), HTTP_IF_NONE_MATCH=etag).status_code == 200
    # It is no other ticket for that.
    assert key.patch(url_of(ticket), {"status": "open"}, format="json", HTTP_IF_MATCH=etag).status_code == 200


def test_change_of_what_was_changed_meanwhile_is_refused(key: KeyClient, ticket: Ticket) -> None:
    etag = key.get(url_of(ticket))["ETag"]
    changed = key.patch(url_of(ticket), {"subject": "Meu"}, format="json", HTTP_IF_MATCH=etag)
    refused = key.patch(url_of(ticket), {"subject": "Teu"}, format="json", HTTP_IF_MATCH=etag)
    assert (refused.status_code, refused.json()["code"]) == (412, "changed")
    assert key.get(url_of(ticket)).json()["subject"] == "Meu"
    again = key.patch(url_of(ticket), {"subject": "Teu"}, format="json", HTTP_IF_MATCH=changed["ETag"])
    assert again.status_code == 200


@pytest.mark.parametrize("form", ["{}", "W/{}", "  {} ", '{}, "other"', "*"])
def test_tag_is_read_as_proxies_and_clients_write_it(key: KeyClient, ticket: Ticket, form: str) -> None:
    etag = key.get(url_of(ticket))["ETag"]
    answer = key.patch(url_of(ticket), {"subject": "Meu"}, format="json", HTTP_IF_MATCH=form.format(etag))
    assert answer.status_code == 200


@pytest.mark.parametrize(("route", "verb"), EDITS)
def test_every_edit_heeds_what_was_read(
    route: str, verb: str, with_key: KeyMaker, as_ana: APIClient, stage: Stage
) -> None:
    row = ROWS[route, verb]
    put_there(row, stage.support)
    client: Any = as_ana if row.who == Who.PEOPLE else with_key("admin")
    call = getattr(client, verb)
    url, body = address(route, stage.support, row), row.body_for(stage.support)
    refused = call(url, body, format="json", HTTP_IF_MATCH='"of-another-time"')
    assert (refused.status_code, refused.json()["code"]) == (412, "changed")
    assert call(url, body, format="json").status_code == row.own
