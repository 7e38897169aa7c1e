"""Canned replies through the API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Team
from conversations.models import CannedReply, Conversation
from tests.api.conftest import KeyMaker, results

URL = "/api/v1/canned-replies"


def test_lead_keeps_reads_changes_and_deletes_those_of_the_team(as_elsa: APIClient, team: Team) -> None:
    body = {"shortcut": "Late", "title": "Delay", "text": "Sorry, {{contact.name}}.", "team": "support"}
    made = as_elsa.post(URL, body, format="json")
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["shortcut"], told["team"], told["language"]) == ("late", "support", "")
    url = f"{URL}/{told['id']}"
    assert as_elsa.get(url).json() == told
    changed = as_elsa.patch(url, {"language": "pt-BR"}, format="json", HTTP_IF_MATCH=made["ETag"])
    assert (changed.json()["language"], changed.json()["text"]) == ("pt-BR", body["text"])
    stale = as_elsa.delete(url, HTTP_IF_MATCH=made["ETag"])
    assert (stale.status_code, stale.json()["code"]) == (412, "changed")
    assert as_elsa.delete(url, HTTP_IF_MATCH=changed["ETag"]).status_code == 204
    assert not CannedReply.objects.exists()


def test_everybodys_are_the_administrators(as_elsa: APIClient, as_ana: APIClient) -> None:
    body = {"shortcut": "hi", "text": "Hello"}
    assert as_elsa.post(URL, body, format="json").status_code == 403
    made = as_ana.post(URL, body, format="json").json()
    assert made["team"] is None
    assert as_elsa.patch(f"{URL}/{made['id']}", {"text": "x"}, format="json").status_code == 403
    again = as_ana.post(URL, body, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "shortcut_taken")


def test_same_key_keeps_one(with_key: KeyMaker, db: None) -> None:
    key = with_key("write")
    first, second = (
        key.post(URL, {"shortcut": "hi", "text": "Hello"}, format="json", HTTP_IDEMPOTENCY_KEY="1")
        for _ in range(2)
    )
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert CannedReply.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "{{contact.phone}}"}, "text"), ({"text": "{{contact.name"}, "text"), ({"text": ""}, "text"),
        ({"text": "x\x00"}, "text"), ({"shortcut": "two words"}, "shortcut"), ({"language": "?"}, "language"),
        ({"team": "nowhere"}, "team"), ({"uses": 3}, "uses"),
    ],
)  # fmt: skip
def test_wrong_words_are_refused_with_the_field(as_ana: APIClient, body: dict[str, Any], field: str) -> None:
    refused = as_ana.post(URL, {"shortcut": "hi", "text": "Hello", **body}, format="json")
    assert refused.status_code == 422, refused.content
    assert refused.json()["errors"][0]["field"] == field


def test_list_is_narrowed(as_ana: APIClient, team: Team) -> None:
    CannedReply.objects.create(shortcut="a", text="x", language="pt-BR")
    CannedReply.objects.create(shortcut="b", text="x", team=team)

    def found(query: str) -> list[str]:
        return [row["shortcut"] for row in results(as_ana.get(f"{URL}?{query}"))]

    assert found("team=none") == found("language=pt-br") == found("shortcut=A") == ["a"]
    assert found("team=support") == ["b"]
    assert found("ordering=-id") == ["b", "a"]


def test_text_is_filled_for_a_conversation_and_nothing_is_sent(
    as_bruno: APIClient, with_key: KeyMaker, conversation: Conversation
) -> None:
    row = CannedReply.objects.create(shortcut="a", text="Hi {{contact.name}}, {{operator.name}} here.")
    body = {"conversation": str(conversation.pk)}
    told = as_bruno.post(f"{URL}/{row.pk}/render", body, format="json").json()
    assert told == {"text": "Hi Davi Duarte, Bruno here.", "missing": []}
    told = with_key("write").post(f"{URL}/{row.pk}/render", body, format="json").json()
    assert told == {"text": "Hi Davi Duarte,  here.", "missing": ["operator.name"]}
    conversation.refresh_from_db()
    assert conversation.last_seq == 1
