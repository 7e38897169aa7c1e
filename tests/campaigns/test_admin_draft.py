"""The page of a draft: what it sends back untouched is no change, and what scripts send may be anything."""

import json
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import Team, User
from campaigns import actions
from campaigns.actions import Wording
from campaigns.enums import CampaignStatus
from campaigns.models import Campaign
from conversations.models import Inbox, Message, MessageTemplate
from core.actor import Actor
from tests.campaigns.conftest import Draft, people
from tests.campaigns.pages import BACKEND, form_of, page_of, sent_by_a_browser, told

pytestmark = pytest.mark.django_db(transaction=True)


# --- Starting what a program has made ----------------------------------------------------------------------

# As the API takes them: seconds, ends of lines of either kind, an empty line at the end.
TOLD: dict[str, Any] = {
    "name": "Natal", "brief": "Until Friday.\n\r\nSee https://shop.example\n", "price": Decimal("0.035"),
    "starts_at": datetime(2030, 1, 2, 9, 30, 45, 123_456, UTC), "quiet_from": time(22, 0, 30),
    "quiet_until": time(7, 59, 59, 5), "timezone": "America/Sao_Paulo", "needs_consent": True,
    "daily_limit": 500, "currency": "BRL", "leaves_busy": True,
    "segment": {"rules": [{"field": "tag", "op": "has", "value": "vip"}]},
}  # fmt: skip
TEXTS = ["One line", "Two\nlines", "Two\r\nlines\r\n", "\n\nAn empty one first", "Ends in one\n"]


def starts_untouched(client: Client, campaign: Campaign, lead: Actor) -> None:
    actions.approve(campaign=campaign, by=lead)
    before: dict[str, Any] = {**Campaign.objects.values().get(pk=campaign.pk)}
    wordings = list(campaign.variants.values())
    answer = client.post(
        page_of(campaign), {**sent_by_a_browser(client, campaign), "_start": "1"}, follow=True
    )
    assert told(answer) == ["Planned: it begins at its time."]
    after = Campaign.objects.values().get(pk=campaign.pk)
    changed = {name for name, value in after.items() if value != before[name]}
    assert changed == {"status", "updated_at"}
    assert after["status"] == CampaignStatus.SCHEDULED
    assert list(campaign.variants.values()) == wordings


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_program_has_made_is_started_as_it_is(
    as_elsa: Client, inbox: Inbox, mailbox: Inbox, lead: Actor, text: str
) -> None:
    link = "{{unsubscribe}}"
    wordings = [Wording(text=each + link, subject="News", values={"x": "y"}) for each in (text, "B ")]
    made = actions.create_campaign(by=lead, inbox=mailbox, wordings=wordings, **TOLD)
    starts_untouched(as_elsa, made, lead)


@pytest.mark.parametrize("values", [{"1": "{{name}}", "2": "10%", "9": "of an older text"}, {"1": "Ana"}])
def test_values_of_places_that_a_template_has_not_are_no_change(
    as_elsa: Client, number: Inbox, offer: MessageTemplate, lead: Actor, values: dict[str, str]
) -> None:
    if "2" not in values:
        MessageTemplate.objects.update(body="Oi {{1}}", variables=["1"])
        offer.refresh_from_db()
    wording = Wording(template=offer, values=values)
    starts_untouched(
        as_elsa, actions.create_campaign(by=lead, inbox=number, wordings=[wording], **TOLD), lead
    )


def test_message_on_a_site_keeps_what_its_page_does_not_show(
    as_elsa: Client, inbox: Inbox, lead: Actor
) -> None:
    shown: dict[str, Any] = {
        "kind": "onsite",
        "url_pattern": "https://shop.example/*",
        "seconds": 5,
        "visitors": "new",
    }
    made = actions.create_campaign(by=lead, inbox=inbox, wordings=[Wording(text="A\nB")], **TOLD, **shown)
    starts_untouched(as_elsa, made, lead)


def test_text_is_stored_as_it_was_typed_and_counted_so(as_elsa: Client, draft: Draft) -> None:
    campaign = draft(wordings=[Wording(text="x")])
    long = "\n".join(["x"] * 2000)
    data = {**sent_by_a_browser(as_elsa, campaign), "v0-text": long.replace("\n", "\r\n")}
    as_elsa.post(page_of(campaign), {**data, "brief": "One\r\nTwo"})
    assert campaign.variants.get().text == long
    campaign.refresh_from_db()
    assert campaign.brief == "One\nTwo"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("starts_at", "2030-01-02T07:31"),
        ("quiet_from", "22:01"),
        ("brief", "Until Sunday."),
        ("v0-text", "B"),
    ],
)
def test_what_the_page_can_show_is_a_change(
    as_elsa: Client, mailbox: Inbox, lead: Actor, name: str, value: str
) -> None:
    made = actions.create_campaign(
        by=lead, inbox=mailbox, wordings=[Wording(text="{{unsubscribe}}", subject="S")], **TOLD
    )
    actions.approve(campaign=made, by=lead)
    as_elsa.post(page_of(made), {**sent_by_a_browser(as_elsa, made), name: value})
    assert Campaign.objects.get().status == CampaignStatus.DRAFT


# --- Letters of variants -----------------------------------------------------------------------------------


def test_variants_have_the_letters_that_the_page_gives_them(as_elsa: Client, draft: Draft) -> None:
    campaign = draft(wordings=[Wording(text="One"), Wording(text="Two")])
    data = sent_by_a_browser(as_elsa, campaign)
    rest = {name: value for name, value in data.items() if not name.startswith("v0-")}
    # Removed, and added again: what is added stands last.
    as_elsa.post(page_of(campaign), {**rest, "v0-share": "1", "v0-text": "Three", "v0-values": "{}"})
    assert list(campaign.variants.values_list("label", "text")) == [("A", "Two"), ("B", "Three")]


def test_test_sends_the_variant_of_its_letter(as_elsa: Client, mailbox: Inbox, lead: Actor) -> None:
    wordings = [Wording(text=text, subject=text) for text in ("One", "Two")]
    campaign = actions.create_campaign(by=lead, inbox=mailbox, name="News", wordings=wordings)
    (maria,) = people(mailbox, 1, email="maria@example.com")
    maria.identities.update(external_id="maria@example.com")
    data = sent_by_a_browser(as_elsa, campaign)
    rest = {name: value for name, value in data.items() if not name.startswith("v0-")}
    added = {"v0-share": "1", "v0-text": "Three", "v0-subject": "Three"}
    asked = {"_test": "1", "test_variant": "B", "test_person": maria.identities.get().pk}
    as_elsa.post(page_of(campaign), {**rest, **added, **asked})
    assert Message.objects.get().text == "Three"


# --- What scripts send -------------------------------------------------------------------------------------

HUGE = "1" * 5_000


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("audience", '{"per_minute": Infinity}'), ("audience", '{"per_minute": "1e9"}'),
        ("audience", '{"per_minute": true}'), ("audience", '{"daily_limit": 99999999999999999999}'),
        ("audience", '{"daily_limit": -1}'), ("audience", '{"daily_limit": 2147483648}'),
        ("preview", '{"place": "2147483648"}'), ("audience", '{"price": "1e999999"}'),
        ("audience", '{"price": "NaN"}'), ("audience", '{"price": Infinity}'),
        ("audience", '{"price": "-1"}'),
        ("audience", f'{{"per_minute": "{HUGE}"}}'), ("preview", '{"place": 99999999999999999999}'),
        ("preview", '{"place": -1}'), ("preview", '{"place": {}, "x": 1}'.replace("{}", "[1]")),
        ("preview", f'{{"variant": {{"template": "{HUGE}"}}}}'),
        ("preview", '{"variant": {"template": 99999999999999999999}}'),
        ("preview", '{"variant": {"template": "\\u0661x"}}'),
    ],
)  # fmt: skip
def test_what_is_no_number_is_named_as_such(
    elsa: User, draft: Draft, number: Inbox, name: str, sent: str
) -> None:
    people(number, 1)
    client = Client(raise_request_exception=False)
    client.force_login(elsa, backend=BACKEND)
    answer = client.post(page_of(draft(), name), sent, content_type="application/json")
    assert answer.status_code == 422
    assert answer.json()["detail"] in {"Enter a whole number.", "Enter a number."}
    assert answer.json()["field"] in {"per_minute", "daily_limit", "price", "place", "template"}


def test_numbers_are_taken_as_pages_send_them(as_elsa: Client, draft: Draft, number: Inbox) -> None:
    people(number, 120)
    sent = {"per_minute": " 60 ", "daily_limit": "", "price": "0.05", "currency": "brl"}
    answer = as_elsa.post(page_of(draft(), "audience"), sent, content_type="application/json").json()
    assert (answer["duration"], answer["cost"]) == ("about 2 minutes", "6.00 BRL")


@pytest.mark.parametrize("person", [HUGE, "99999999999999999999", "nobody", "-1"])
def test_test_for_no_number_loses_nothing(elsa: User, draft: Draft, number: Inbox, person: str) -> None:
    people(number, 2)
    client = Client(raise_request_exception=False)
    client.force_login(elsa, backend=BACKEND)
    campaign = draft()
    data = {**form_of(client, campaign), "_test": "1", "test_person": person, "test_search": "Maria\0"}
    answer = client.post(page_of(campaign), {**data, "name": "Typed"}, follow=True)
    assert answer.status_code == 200
    assert told(answer) == ["Enter a whole number."]
    assert 'value="Typed"' in answer.content.decode()
    assert not Message.objects.exists()


def test_signs_that_no_database_holds_lose_nothing(
    elsa: User, draft: Draft, offer: MessageTemplate, number: Inbox
) -> None:
    people(number, 1, name="Ana")
    people(number, 1, start=1, name="Bia")
    client = Client(raise_request_exception=False)
    client.force_login(elsa, backend=BACKEND)
    campaign = draft()
    values = json.dumps({"1": "Oi\0 {{name}}", "2": "half \ud83d", "\0": "\0"})
    data = {**form_of(client, campaign), "v0-values": values}
    assert client.post(page_of(campaign), data).status_code == 302
    assert campaign.variants.get().values == {"1": "Oi {{name}}", "2": "half ?"}
    found = client.get(page_of(campaign, "people"), {"q": "A\0na"})
    assert [row["name"] for row in found.json()["people"]] == ["Ana"]
    searched = client.post(page_of(campaign), {**data, "_test": "1", "test_search": "A\0na"}, follow=True)
    assert told(searched)[-1:] == ["A test was sent to Ana. It counts nowhere."]


# --- Names that are suggested ------------------------------------------------------------------------------


def test_names_of_another_teams_customers_are_not_suggested(
    as_elsa: Client, draft: Draft, number: Inbox, other_team: Team
) -> None:
    theirs = Inbox.objects.create(name="Theirs", channel="whatsapp_cloud", team=other_team)
    for inbox, start, word in ((number, 0, "ours"), (theirs, 50, "theirs")):
        (contact,) = people(inbox, 1, start=start, tags=[word], attributes={word: "x"})
        identity = contact.identities.get()
        contact.conversations.create(inbox=inbox, identity=identity, team=inbox.team, tags=[f"{word} said"])
    found = as_elsa.get(page_of(draft(), "hints")).json()
    assert found == {"tag": ["ours"], "attribute": ["ours"], "conversation_tag": ["ours said"]}


def test_names_of_the_newest_are_suggested(
    as_elsa: Client, draft: Draft, number: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.queries.hints.LOOKED_AT", 2)
    for place in range(4):
        (contact,) = people(number, 1, start=place, tags=[f"t{place}"], attributes={f"a{place}": ""})
        identity = contact.identities.get()
        contact.conversations.create(inbox=number, identity=identity, team=number.team, tags=[f"c{place}"])
    found = as_elsa.get(page_of(draft(), "hints")).json()
    assert found == {"tag": ["t2", "t3"], "attribute": ["a2", "a3"], "conversation_tag": ["c2", "c3"]}
