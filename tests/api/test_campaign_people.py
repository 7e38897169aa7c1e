"""Recipients of campaigns over HTTP: who they are, what came of each, and the numbers of all."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Team
from campaigns import actions
from campaigns.enums import ConsentState
from campaigns.models import BadRow, Campaign, Consent, Recipient, Upload
from conversations.models import (
    Contact,
    Conversation,
    Delivery,
    Inbox,
    Message,
    MessageTemplate,
)
from core.actor import Actor
from core.reasons import reason
from tests.api.conftest import KeyMaker, fields_of, results
from tests.api.test_campaigns import LIST, made
from tests.campaigns.conftest import people
from tests.campaigns.lines import go_on

TEXT = {"template": {"name": "offer"}, "values": {"1": "{{name|amiga}}", "2": "{{plan|10%}}"}}


def feed(campaign_id: str) -> None:
    """Does the work of the campaign's job until nothing can be written now."""
    pause: float | None = 0.0
    while pause is not None and pause <= 0.25:
        pause = go_on(campaign_id)


def url_of(answer: dict[str, Any], what: str) -> str:
    return f"{LIST}/{answer['id']}/{what}"


# --- Who it is for -----------------------------------------------------------------------------------------
def test_people_named_by_address_become_recipients_and_the_others_are_named(
    key: APIClient, number: Inbox, offer: MessageTemplate
) -> None:
    named = [
        {"address": "+55 11 99999-0001", "name": "Ana, a primeira", "values": {"Plan": "ouro\nou prata"}},
        {"address": "11 99999-0002", "language": "pt-BR", "timezone": "America/Manaus"},
        {"address": "nobody", "name": 'Says "no"'},
        {"address": "+5511999990001"},
        {"address": "+5511999990003", "timezone": "Mars/Olympus"},
    ]
    answer = made(key, number, recipients=named, region="BR", gives_consent=True, per_minute=10_000, **TEXT)
    (upload,) = results(key.get(url_of(answer, "lists")))
    assert upload == {
        "id": Upload.objects.get().pk,
        "name": "API",
        "status": "done",
        "error": "",
        "region": "BR",
        "gives_consent": True,
        "rows": 5,
        "done": 5,
        "added": 2,
        "known": 1,
        "bad": 2,
        "bad_rows": [
            {"line": 4, "reason": "nobody is no telephone number.", "text": 'nobody,"Says ""no""",,,'},
            {
                "line": 6,
                "reason": "There is no time zone Mars/Olympus.",
                "text": "+5511999990003,,,Mars/Olympus,",
            },
        ],
        "created_by": "Shop",
        "created_at": upload["created_at"],
    }
    bad = url_of(answer, f"lists/{upload['id']}/bad")
    assert results(key.get(bad)) == upload["bad_rows"]
    assert results(key.get(f"{bad}?ordering=-line&limit=1")) == upload["bad_rows"][1:]
    assert Consent.objects.filter(state=ConsentState.GIVEN).count() == 2
    assert key.post(url_of(answer, "start")).status_code == 200
    feed(answer["id"])
    assert sorted(Message.objects.values_list("text", flat=True)) == [
        "Oi Ana, a primeira, ouro ou prata de desconto.", "Oi amiga, 10% de desconto."
    ]  # fmt: skip
    assert Contact.objects.get(name="").timezone == "America/Manaus"


def test_customers_named_by_id_become_recipients_once(
    key: APIClient, number: Inbox, offer: MessageTemplate
) -> None:
    three = [str(one.pk) for one in people(number, 3)]
    answer = made(key, number, contacts=[*three, three[0]], **TEXT)
    url = url_of(answer, "recipients")
    assert {row["contact"]["id"] for row in results(key.get(url))} == set(three)
    more = [str(one.pk) for one in people(number, 1, start=7)]
    added = key.post(url, {"contacts": [*more, *three]}, format="json")
    assert (added.status_code, added.json()) == (201, {"added": 1, "list": None})
    named = [{"address": address} for address in ("+5511900000007", "x", "+5511900000008")]
    added = key.post(url, {"recipients": named, "contacts": three}, format="json").json()
    told = added["list"]
    assert (added["added"], told["added"], told["known"], told["bad"]) == (1, 1, 1, 1)
    assert len(results(key.get(url))) == 5
    assert key.delete(url).status_code == 204
    assert results(key.get(url)) == results(key.get(url_of(answer, "lists"))) == []


def test_adding_takes_the_approval_back(key: APIClient, campaign: Campaign, number: Inbox) -> None:
    ((one),) = people(number, 1)
    for body in ({"contacts": [str(one.pk)]}, {"recipients": [{"address": "+5511999990005"}]}):
        assert key.post(f"{LIST}/{campaign.pk}/approve").json()["status"] == "approved"
        assert key.post(f"{LIST}/{campaign.pk}/recipients", body, format="json").status_code == 201
        assert key.get(f"{LIST}/{campaign.pk}").json()["status"] == "draft"
    wrongs: list[tuple[Any, str]] = [({}, "recipients"), ({"contacts": []}, "contacts"), ({"x": 1}, "x")]
    for wrong, field in wrongs:
        assert fields_of(key.post(f"{LIST}/{campaign.pk}/recipients", wrong, format="json")) == [field]


def test_long_list_shows_its_first_bad_lines_and_has_pages_for_all(
    key: APIClient, campaign: Campaign
) -> None:
    named = [{"address": f"x{position}"} for position in range(600)]
    added = key.post(f"{LIST}/{campaign.pk}/recipients", {"recipients": named}, format="json").json()["list"]
    assert (added["status"], added["rows"], added["bad"], len(added["bad_rows"])) == ("done", 600, 600, 20)
    following: str | None = f"{LIST}/{campaign.pk}/lists/{added['id']}/bad?limit=100"
    lines: list[int] = []
    while following:
        page = key.get(following)
        lines += [row["line"] for row in results(page)]
        following = page.json()["next"]
    assert lines == list(range(2, 602))


def test_list_of_another_campaign_is_not_found(key: APIClient, campaign: Campaign, number: Inbox) -> None:
    other = made(key, number, recipients=[{"address": "x"}])
    (theirs,) = results(key.get(url_of(other, "lists")))
    assert key.get(f"{LIST}/{campaign.pk}/lists/{theirs['id']}/bad").status_code == 404
    assert key.get(f"{LIST}/{campaign.pk}/lists/{2**70}/bad").status_code == 404


def test_reasons_speak_the_readers_language(key: APIClient, campaign: Campaign) -> None:
    stored = reason("There is no such thing, or you may not see it.")
    BadRow.objects.update(reason=stored)
    Campaign.objects.update(error=stored)
    url = f"{LIST}/{campaign.pk}"
    (upload,) = results(key.get(f"{url}/lists", HTTP_ACCEPT_LANGUAGE="pt-BR"))
    told = key.get(url, HTTP_ACCEPT_LANGUAGE="pt-BR").json()["error"]
    assert told == upload["bad_rows"][0]["reason"] == "Isso não existe, ou você não pode vê-lo."


# --- What came of them -------------------------------------------------------------------------------------
@pytest.fixture
def sent(key: APIClient, number: Inbox, offer: MessageTemplate, lead: Actor) -> dict[str, Any]:
    """A campaign to nine people, each with a fate of their own."""
    nine = people(number, 9)
    identity = nine[8].identities.get()
    actions.set_consent(identity=identity, state=ConsentState.WITHDRAWN, by=lead)
    answer = made(key, number, segment={}, price="0.5", currency="BRL", per_minute=100_000, **TEXT)
    key.post(url_of(answer, "start"))
    feed(answer["id"])
    Delivery.objects.update(status="sent")
    feed(answer["id"])
    fates = ["queued", "sending", "unknown", "sent", "delivered", "read", "failed", "sent"]
    for contact, fate in zip(nine, fates, strict=False):
        told = {"error": "Message undeliverable", "error_code": "131026"} if fate == "failed" else {}
        Delivery.objects.filter(message__conversation__contact=contact).update(status=fate, **told)
    now = timezone.now()
    Recipient.objects.filter(contact=nine[5]).update(replied_at=now)
    Recipient.objects.filter(contact=nine[7]).update(replied_at=now, opted_out_at=now)
    return answer


def test_stats_count_everybody_once(key: APIClient, sent: dict[str, Any]) -> None:
    found = key.get(url_of(sent, "stats")).json()
    course = found.pop("course")
    variant = {
        "label": "A", "recipients": 9, "sent": 4, "delivered": 2, "read": 1, "failed": 1, "skipped": 1,
        "replied": 2, "opted_out": 1,
    }  # fmt: skip
    assert found == {
        "recipients": 9,
        "waiting": 0,
        "sending": 2,
        "unknown": 1,
        "sent": 4,
        "delivered": 2,
        "read": 1,
        "failed": 1,
        "skipped": 1,
        "replied": 2,
        "opted_out": 1,
        "cost": "2.0000",
        "currency": "BRL",
        "failures": [{"code": "131026", "error": "Message undeliverable", "count": 1}],
        "left_out": [{"reason": "opted_out", "label": "Wants no messages", "count": 1}],
        "variants": [variant],
    }
    counted: dict[str, int] = {}
    for step in course["steps"]:
        counted[step["kind"]] = counted.get(step["kind"], 0) + step["count"]
    assert counted == {"written": 8, "replied": 2, "opted_out": 1}


def test_behind_each_number_stand_its_recipients(key: APIClient, sent: dict[str, Any]) -> None:
    url = url_of(sent, "recipients")
    for query, names in {
        "outcome=waiting": [],
        "outcome=sending": [0, 1],
        "outcome=unknown": [2],
        "outcome=sent": [3, 7],
        "outcome=delivered": [4],
        "outcome=read": [5],
        "outcome=failed": [6],
        "outcome=skipped": [8],
        "reason=opted_out": [8],
        "reason=busy": [],
        "replied=true": [5, 7],
        "replied=false&outcome=sent": [3],
        "opted_out=true": [7],
        "opted_out=false&replied=true": [5],
        "variant=B": [],
        "variant=A&outcome=read": [5],
    }.items():
        found = sorted(row["contact"]["name"] for row in results(key.get(f"{url}?{query}")))
        assert found == [f"Maria {name}" for name in names], query
    whole = results(key.get(url))
    assert results(key.get(f"{url}?ordering=-id")) == whole[::-1]
    first = key.get(f"{url}?limit=4").json()
    assert first["results"] == whole[:4]
    assert results(key.get(first["next"].replace("limit=4", "limit=100"))) == whole[4:]


def test_recipient_is_told_whole(key: APIClient, sent: dict[str, Any]) -> None:
    (failed,) = results(key.get(f"{url_of(sent, 'recipients')}?outcome=failed"))
    row = Recipient.objects.get(contact__name="Maria 6")
    assert row.message is not None
    assert failed == {
        "id": row.pk,
        "contact": {"id": str(row.contact_id), "name": "Maria 6", "email": ""},
        "address": "5511900000006",
        "visitor": "",
        "variant": "A",
        "outcome": "failed",
        "reason": "",
        "error": "Message undeliverable",
        "error_code": "131026",
        "conversation": str(row.conversation_id),
        "message": str(row.message_id),
        "written_at": failed["written_at"],
        "replied_at": None,
        "opted_out_at": None,
    }
    assert key.get(f"/api/v1/messages/{failed['message']}").json()["conversation"] == failed["conversation"]
    (left,) = results(key.get(f"{url_of(sent, 'recipients')}?outcome=skipped"))
    told = {name: left[name] for name in ("reason", "error", "conversation", "message", "written_at")}
    assert told == {
        "reason": "opted_out", "error": "", "conversation": None, "message": None, "written_at": None
    }  # fmt: skip


def test_conversation_that_moved_out_of_sight_is_not_told(
    with_key: KeyMaker, sent: dict[str, Any], team: Team, other_team: Team
) -> None:
    row = Recipient.objects.get(contact__name="Maria 6")
    assert row.conversation_id is not None
    Conversation.objects.filter(pk=row.conversation_id).update(team=other_team)
    own, url = with_key("read", teams=[team]), f"{url_of(sent, 'recipients')}?outcome=failed"
    assert results(own.get(url))[0]["conversation"] is None
    assert results(with_key("read").get(url))[0]["conversation"] == str(row.conversation_id)


def test_visitor_of_a_site_is_a_recipient_without_a_customer(key: APIClient, campaign: Campaign) -> None:
    Recipient.objects.create(
        campaign=campaign, visitor="v1", state="written", written_at=timezone.now(), variant=None
    )
    row = results(key.get(f"{LIST}/{campaign.pk}/recipients?ordering=-id"))[0]
    assert (row["contact"], row["visitor"], row["variant"], row["outcome"]) == (None, "v1", None, "delivered")
