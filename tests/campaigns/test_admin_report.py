"""What became of a campaign: numbers, and exactly the recipients behind each; consents and customers."""

import asyncio
import csv
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.html import escape

from accounts.enums import Role
from accounts.models import Team, User
from campaigns import actions
from campaigns.actions import Wording
from campaigns.enums import CampaignStatus, ConsentState, Skip
from campaigns.models import Campaign, Consent, Recipient
from campaigns.queries.stats import stats
from conversations.models import Contact, ContactIdentity, Conversation, Delivery, Inbox
from core.actor import Actor
from core.reasons import reason, said
from tests.campaigns.conftest import Draft, people
from tests.campaigns.pages import BACKEND, page, page_of, run_to_its_end, told
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)
KINDS = ("written", "replied", "opted_out")
OUTCOMES = [
    *["queued_row"] * 2, *["queued"] * 1, *["unknown"] * 2, *["sent"] * 3, *["delivered"] * 4, *["read"] * 5,
    *["failed"] * 3, *[Skip.OPTED_OUT] * 2, Skip.UNREACHABLE,
]  # fmt: skip


@pytest.fixture
def ended(draft: Draft, number: Inbox) -> Campaign:
    """A campaign in which everything has happened."""
    campaign = draft(price="0.05", currency="BRL")
    run_to_its_end(campaign, people(number, len(OUTCOMES)), OUTCOMES)
    rows = Recipient.objects.filter(state="written").order_by("pk")
    now = timezone.now()
    Recipient.objects.filter(pk__in=[row.pk for row in rows[6:10]]).update(replied_at=now)
    Recipient.objects.filter(pk=rows[6].pk).update(opted_out_at=now)
    # One of another code, and one of the same code with other words.
    first, second, _third = Delivery.objects.filter(status="failed").order_by("pk")
    Delivery.objects.filter(pk=first.pk).update(error_code="130429")
    Delivery.objects.filter(pk=second.pk).update(error="Too many")
    return Campaign.objects.get(pk=campaign.pk)


def listed(client: Client, address: str) -> set[Any]:
    """Who is on the page of recipients."""
    answer = client.get(address)
    assert answer.status_code == 200
    return {row.pk for row in answer.context["cl"].result_list}


def test_each_number_leads_to_exactly_its_recipients(as_elsa: Client, ended: Campaign) -> None:
    figures = as_elsa.get(page_of(ended)).context["report"]["figures"]
    numbers = stats(ended)
    counted = {figure["key"]: figure for figure in figures}
    expected = {
        "recipients": 23, "waiting": 2, "sending": 1, "unknown": 2, "sent": 12, "delivered": 9, "read": 5,
        "failed": 3, "skipped": 3, "replied": 4, "opted_out": 1,
    }  # fmt: skip
    for key, count in expected.items():
        assert counted[key]["value"] == str(count)
        assert getattr(numbers, key) == count
        assert len(listed(as_elsa, counted[key]["url"])) == count, key
    assert (counted["cost"]["value"], counted["cost"]["share"]) == ("0.60", "BRL")
    assert (counted["read"]["share"], counted["failed"]["share"]) == ("42 %", "13 %")


def test_each_reason_leads_to_exactly_its_recipients(as_elsa: Client, ended: Campaign) -> None:
    report = as_elsa.get(page_of(ended)).context["report"]
    assert {(row["code"], row["why"], row["count"]) for row in report["failures"]} == {
        ("130429", "No such number", "1"), ("131026", "Too many", "1"), ("131026", "No such number", "1"),
    }  # fmt: skip
    for row in report["failures"]:
        (key,) = listed(as_elsa, row["url"])
        failed = Delivery.objects.get(message=Recipient.objects.get(pk=key).message_id)
        assert (failed.error_code, failed.error) == (row["code"], row["why"])
    for row in report["left_out"]:
        assert len(listed(as_elsa, row["url"])) == int(row["count"])
    assert {row["why"]: row["count"] for row in report["left_out"]} == {
        "Wants no messages": "2", "The address is dead": "1",
    }  # fmt: skip


def test_variants_are_told_apart(as_elsa: Client, draft: Draft, number: Inbox) -> None:
    campaign = draft(wordings=[Wording(text="A"), Wording(text="B")])
    run_to_its_end(campaign, people(number, 4), ["read", "read", "delivered", "sent"])
    second = campaign.variants.get(label="B")
    Recipient.objects.filter(pk=Recipient.objects.order_by("pk").values("pk")[:1]).update(variant=second)
    rows = {row["label"]: row for row in as_elsa.get(page_of(campaign)).context["report"]["variants"]}
    assert (rows["A"]["recipients"], rows["B"]["recipients"]) == ("3", "1")
    assert [rate["share"] for rate in rows["B"]["rates"]] == ["100 %", "100 %", "0 %"]
    assert len(listed(as_elsa, rows["A"]["rates"][1]["url"])) == 1


def test_live_view_says_the_same_as_the_page(as_elsa: Client, ended: Campaign) -> None:
    found = as_elsa.get(page_of(ended, "live")).json()
    assert 'data-figure="sent">12<' in found["parts"]["figures"]
    assert found["is_over"] is True
    steps = found["course"]["steps"]
    sums = [sum(step["count"] for step in steps if step["kind"] == kind) for kind in KINDS]
    assert sums == [18, 4, 1]


def in_language(user: User, language: str) -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(user, backend=BACKEND)
    return client


def test_live_view_speaks_each_readers_language(elsa: User, ended: Campaign) -> None:
    figures = {}
    for language in ("en", "pt-br", "es"):
        client = in_language(elsa, language)
        figures[language] = client.get(page_of(ended, "live")).json()["parts"]["figures"]
        shown = client.get(page_of(ended)).context["report"]["figures"]
        assert all(f">{row['label']}<" in figures[language] for row in shown)
    assert len(set(figures.values())) == 3


def test_link_of_a_reason_leads_to_its_rows_in_every_language(elsa: User, ended: Campaign) -> None:
    ours = reason("Telegram does not know this bot token (%s).", "401")
    first, second, _third = Delivery.objects.filter(status="failed").order_by("pk")
    Delivery.objects.filter(pk__in=[first.pk, second.pk]).update(error=ours, error_code="x")
    expected = set(
        Recipient.objects.filter(message__deliveries__in=[first.pk, second.pk]).values_list("pk", flat=True)
    )
    languages = ("en", "pt-br", "es")
    for written in languages:
        report = in_language(elsa, written).get(page_of(ended)).context["report"]
        row = next(row for row in report["failures"] if row["code"] == "x")
        assert row["count"] == "2"
        for read in languages:
            client = in_language(elsa, read)
            assert listed(client, row["url"]) == expected
            with translation.override(read):
                pill = f'<span class="pill">{escape(said(ours))}</span>'
                assert pill in client.get(row["url"]).content.decode()


@pytest.mark.parametrize("query", ["&reason=\0", "&number=failed&error=x&code=\0", "&variant=\0"])
def test_nonsense_in_an_address_finds_somebody_or_nobody(
    as_elsa: Client, ended: Campaign, query: str
) -> None:
    listed(as_elsa, f"{page('recipient_changelist')}?campaign={ended.pk}{query}")


def test_list_counts_what_has_happened_since(as_elsa: Client, ended: Campaign) -> None:
    """Of a campaign that is over replies still come; how many there are is kept for an hour."""

    def shown() -> tuple[int, int, int]:
        (row,) = as_elsa.get(page("campaign_changelist")).context["cl"].result_list
        return row.everybody, row.gone, row.replied

    Recipient.objects.filter(state="queued").update(state="skipped", reason="cancelled")
    assert shown() == (23, 23, 4)
    later = Recipient.objects.filter(state="written", replied_at=None).first()
    assert later is not None
    Recipient.objects.filter(pk=later.pk).update(replied_at=timezone.now())
    with CaptureQueriesContext(connection) as asked:
        assert shown() == (23, 23, 5)
    wholes = [each["sql"] for each in asked.captured_queries if 'FROM "campaigns_recipient"' in each["sql"]]
    assert len(wholes) == 1
    assert all("replied_at" in sql or "state" in sql for sql in wholes)


def test_list_counts_those_at_work_anew(as_elsa: Client, draft: Draft, number: Inbox) -> None:
    campaign = draft()
    run_to_its_end(campaign, people(number, 3), ["sent", "queued_row", "queued_row"])
    Campaign.objects.update(status="running", finished_at=None)
    for gone in (1, 3):
        (row,) = as_elsa.get(page("campaign_changelist")).context["cl"].result_list
        assert (row.everybody, row.gone) == (3, gone)
        Recipient.objects.filter(state="queued").update(state="skipped", reason="cancelled")
    run_to_its_end(campaign, people(number, 1, start=9), ["sent"])
    Campaign.objects.update(status="running", finished_at=None)
    (row,) = as_elsa.get(page("campaign_changelist")).context["cl"].result_list
    assert (row.everybody, row.gone) == (4, 4)


def test_report_shows_what_was_sent_to_whom(as_elsa: Client, draft: Draft, number: Inbox) -> None:
    segment = {"match": "any", "rules": [{"field": "conversation_inbox", "op": "has", "value": number.pk}]}
    campaign = draft(segment=segment)
    run_to_its_end(campaign, people(number, 1), ["sent"])
    shown = as_elsa.get(page_of(campaign)).content.decode()
    assert "Inbox of a conversation is Aurora" in shown
    assert "Oi {{1}}, {{2}} de desconto." in shown


def test_recipient_leads_to_its_conversation(as_elsa: Client, ended: Campaign) -> None:
    shown = as_elsa.get(f"{page('recipient_changelist')}?campaign={ended.pk}&number=read").content.decode()
    assert 'class="place place-campaigns" href="/admin/campaigns/campaign/" aria-current="page"' in shown
    keys = Recipient.objects.filter(message__deliveries__status="read").values_list("conversation", flat=True)
    assert all(reverse("admin:desk_conversation", args=[key]) in shown for key in keys)


def test_conversation_that_went_to_another_team_is_not_offered(
    as_elsa: Client, ended: Campaign, other_team: Team
) -> None:
    Conversation.objects.update(team=other_team)
    shown = as_elsa.get(f"{page('recipient_changelist')}?campaign={ended.pk}").content.decode()
    assert "/admin/inbox/" in shown
    assert not any(str(key) in shown for key in Conversation.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("query", ["", "?campaign=", "?campaign=nonsense"])
def test_recipients_without_a_campaign_lead_to_the_campaigns(as_elsa: Client, query: str) -> None:
    answer = as_elsa.get(page("recipient_changelist") + query)
    assert answer.headers["Location"] == page("campaign_changelist")


def test_recipients_of_another_team_are_not_shown(ended: Campaign, other_team: Team) -> None:
    client = Client()
    client.force_login(make_user("fabio", Role.LEAD, other_team), backend=BACKEND)
    address = f"{page('recipient_changelist')}?campaign={ended.pk}"
    assert client.get(address).headers["Location"] == page("campaign_changelist")


def test_recipients_ask_as_much_for_three_as_for_one(
    as_elsa: Client, ended: Campaign, django_assert_max_num_queries: Any
) -> None:
    def queries(number: str) -> int:
        with django_assert_max_num_queries(20) as captured:
            listed(as_elsa, f"{page('recipient_changelist')}?campaign={ended.pk}&number={number}")
        return len(captured)

    queries("failed")
    assert queries("read") == queries("sent")


# --- Holding and ending ------------------------------------------------------------------------------------


def test_buttons_pause_resume_and_cancel(as_elsa: Client, draft: Draft, lead: Actor, number: Inbox) -> None:
    people(number, 1)
    campaign = draft()
    actions.approve(campaign=campaign, by=lead)
    actions.start(campaign=campaign, by=lead)
    for button, told_then, status in (
        ("_pause", "Paused. Nobody more is written to until it is resumed.", CampaignStatus.PAUSED),
        ("_resume", "The campaign goes on.", CampaignStatus.RUNNING),
        ("_cancel", "Cancelled. Who had not been written to is left out.", CampaignStatus.CANCELLED),
    ):
        answer = as_elsa.post(page_of(campaign), {button: "1"}, follow=True)
        assert told(answer) == [told_then]
        assert Campaign.objects.get().status == status
    answer = as_elsa.post(page_of(campaign), {"_resume": "1"}, follow=True)
    assert told(answer) == ["This campaign is not paused."]


def test_why_it_stands_still_is_said(as_elsa: Client, ended: Campaign, number: Inbox) -> None:
    Campaign.objects.update(status="paused", finished_at=None, error="The template is gone.")
    assert "The template is gone." in as_elsa.get(page_of(ended)).content.decode()
    Campaign.objects.update(status="running", error="", daily_limit=1)
    assert "limit of people is reached" in as_elsa.get(page_of(ended, "live")).json()["parts"]["state"]
    Campaign.objects.update(daily_limit=None, quiet_from="00:00", quiet_until="23:59:59")
    Campaign.objects.update(status="running", timezone="UTC")
    assert "Quiet hours" in as_elsa.get(page_of(ended)).content.decode()
    Inbox.objects.filter(pk=number.pk).update(is_active=False)
    assert "switched off" in as_elsa.get(page_of(ended)).content.decode()


# --- The file ----------------------------------------------------------------------------------------------


def downloaded(user: User, campaign: Campaign) -> list[dict[str, str]]:
    """The file as the product streams it: asynchronously."""

    async def fetched() -> bytes:
        client = AsyncClient()
        await client.aforce_login(user, backend=BACKEND)
        answer: Any = await client.get(page_of(campaign, "export"))
        return b"".join([piece async for piece in answer.streaming_content])

    text = asyncio.run(fetched()).decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text)))


def test_file_accounts_for_every_recipient(elsa: User, ended: Campaign) -> None:
    rows = downloaded(elsa, ended)
    assert len(rows) == len(OUTCOMES)
    outcomes = [row["Outcome"] for row in rows]
    assert (outcomes.count("Read"), outcomes.count("Not delivered"), outcomes.count("Left out")) == (5, 3, 3)
    assert {row["Reason"] for row in rows if row["Outcome"] == "Left out"} == {
        "Wants no messages", "The address is dead",
    }  # fmt: skip
    read = next(row for row in rows if row["Outcome"] == "Read")
    conversation = Conversation.objects.get(contact__name=read["Name"])
    assert read["Conversation"].endswith(f"/admin/inbox/{conversation.pk}/")
    assert read["Address"] == conversation.identity.external_id


@pytest.mark.parametrize("name", ['=HYPERLINK("http://evil")', "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_cell_is_a_formula(elsa: User, draft: Draft, number: Inbox, name: str) -> None:
    campaign = draft()
    run_to_its_end(campaign, people(number, 1, name=name), ["failed"], error=f"{name} said the provider")
    (row,) = downloaded(elsa, campaign)
    assert row["Name"] == f"'{name}"
    assert row["Reason"] == f"'{name} said the provider"


def test_file_goes_on_behind_its_first_thousand(
    elsa: User, draft: Draft, number: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.admin.exports.AT_ONCE", 4)
    campaign = draft()
    run_to_its_end(campaign, people(number, 9), ["sent"] * 9)
    assert sorted(row["Name"] for row in downloaded(elsa, campaign)) == [f"Maria {n}" for n in range(9)]


# --- Consents, and what is known of customers --------------------------------------------------------------


def contact_page(contact: Contact) -> str:
    return reverse("admin:conversations_contact_change", args=[contact.pk])


def contact_form(contact: Contact, **changed: Any) -> dict[str, Any]:
    data = {
        "name": contact.name, "email": contact.email, "phone": contact.phone, "locale": contact.locale,
        "timezone": contact.timezone, "tags": ",".join(contact.tags), "attributes": "",
        "identities-TOTAL_FORMS": "0", "identities-INITIAL_FORMS": "0",
    }  # fmt: skip
    return {**data, **changed}


@pytest.fixture
def maria(number: Inbox) -> Contact:
    """Whom Elsa may see: she has written to the team's number."""
    (contact,) = people(number, 1, tags=["vip"])
    identity = contact.identities.get()
    Conversation.objects.create(inbox=number, contact=contact, identity=identity, team=number.team)
    return contact


def test_attributes_are_written_as_lines(as_elsa: Client, maria: Contact) -> None:
    data = contact_form(maria, attributes="plan: gold\n\nurl : https://x.example:80/a\n")
    assert as_elsa.post(contact_page(maria), data).status_code == 302
    maria.refresh_from_db()
    assert maria.attributes == {"plan": "gold", "url": "https://x.example:80/a"}
    assert "plan: gold\nurl: https://x.example:80/a" in as_elsa.get(contact_page(maria)).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("attributes", "plan: gold\nnonsense", "Line 2: write name: value."),
        ("attributes", "a: 1\na: 2", "Line 2: a stands there already."),
        ("attributes", "a: " + "x" * 501, "Line 1 is too long."),
        ("timezone", "Mars/Olympus", "There is no time zone Mars/Olympus."),
    ],
)
def test_what_is_not_right_is_named_and_stays(
    as_elsa: Client, maria: Contact, field: str, value: str, error: str
) -> None:
    answer = as_elsa.post(contact_page(maria), contact_form(maria, **{field: value}))
    shown = answer.content.decode()
    assert error in shown
    assert value.splitlines()[-1] in shown
    maria.refresh_from_db()
    assert (maria.attributes, maria.timezone) == ({}, "")


def test_tags_are_kept_once_and_filter_the_list(as_elsa: Client, maria: Contact, number: Inbox) -> None:
    as_elsa.post(contact_page(maria), contact_form(maria, tags="gold, vip, gold"))
    maria.refresh_from_db()
    assert maria.tags == ["gold", "vip"]
    address = reverse("admin:conversations_contact_changelist")
    assert [row.pk for row in as_elsa.get(f"{address}?tag=gold").context["cl"].result_list] == [maria.pk]
    assert not as_elsa.get(f"{address}?tag=silver").context["cl"].result_list


def test_consent_is_entered_on_the_customers_page(as_elsa: Client, maria: Contact, number: Inbox) -> None:
    assert "Has said nothing" in as_elsa.get(contact_page(maria)).content.decode()
    second = Inbox.objects.create(name="Other number", channel="whatsapp_cloud", team=number.team)
    ContactIdentity.objects.create(inbox=second, contact=maria, external_id="5511900000000")
    data = contact_form(maria, name="Maria Renamed", _consent="whatsapp_cloud:withdrawn")
    answer = as_elsa.post(contact_page(maria), data, follow=True)
    assert told(answer)[-1] == "Entered: whatsapp_cloud: Wants no messages"
    assert set(Consent.objects.values_list("state", "source", "actor_name")) == {
        (ConsentState.WITHDRAWN, "staff", "Elsa")
    }
    assert Consent.objects.count() == 2
    maria.refresh_from_db()
    assert maria.name == "Maria Renamed"
    as_elsa.post(contact_page(maria), contact_form(maria, _consent="whatsapp_cloud:given"))
    assert set(Consent.objects.values_list("state", flat=True)) == {ConsentState.GIVEN}


def test_operator_reads_consent_and_cannot_enter_it(client: Client, bruno: User, maria: Contact) -> None:
    client.force_login(bruno, backend=BACKEND)
    shown = client.get(contact_page(maria)).content.decode()
    assert "Has said nothing" in shown
    assert 'name="_consent"' not in shown
    assert (
        client.post(contact_page(maria), contact_form(maria, _consent="whatsapp_cloud:given")).status_code
        == 403
    )
    assert not Consent.objects.exists()


def test_consents_are_listed_for_ones_own_inboxes(
    as_elsa: Client, maria: Contact, lead: Actor, other_team: Team
) -> None:
    actions.set_consent(identity=maria.identities.get(), state=ConsentState.WITHDRAWN, by=lead)
    shown = as_elsa.get(page("consent_changelist")).content.decode()
    assert maria.name in shown
    assert "Entered by staff" in shown
    other = Client()
    other.force_login(make_user("fabio", Role.LEAD, other_team), backend=BACKEND)
    assert maria.name not in other.get(page("consent_changelist")).content.decode()
    row = Consent.objects.get()
    as_elsa.post(page("consent_change", row.pk), {"state": "given"})
    row.refresh_from_db()
    assert row.state == ConsentState.WITHDRAWN
