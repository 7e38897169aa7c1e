"""Campaigns in the admin: made, checked, started by those who lead; nothing that was typed is lost."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.enums import Role
from accounts.models import Team, User
from campaigns import actions
from campaigns.actions import Wording
from campaigns.actions.importing import read_some
from campaigns.enums import CampaignStatus
from campaigns.models import Campaign, Recipient, Upload
from conversations.models import Attachment, Inbox, Message, MessageTemplate
from core.actor import Actor
from tests.campaigns.conftest import Draft, people
from tests.campaigns.pages import BACKEND, form_of, page, page_of, told
from tests.conftest import make_user
from tests.pictures import PNG

pytestmark = pytest.mark.django_db(transaction=True)


def as_other_lead(other_team: Team) -> Client:
    client = Client()
    client.force_login(make_user("fabio", Role.LEAD, other_team), backend=BACKEND)
    return client


def save(client: Client, campaign: Campaign, **changed: Any) -> Any:
    return client.post(page_of(campaign), {**form_of(client, campaign), **changed}, follow=True)


# --- Who may -----------------------------------------------------------------------------------------------


PAGES = ["change", "delete", "audience", "preview", "hints", "people", "lists", "live", "export"]


def visit(client: Client, address: str, name: str) -> int:
    if name in {"audience", "preview"}:
        return client.post(address, "{}", content_type="application/json").status_code
    return client.get(address).status_code


@pytest.mark.parametrize("name", PAGES)
def test_operator_is_refused_on_every_page(client: Client, draft: Draft, bruno: User, name: str) -> None:
    client.force_login(bruno, backend=BACKEND)
    assert visit(client, page_of(draft(), name), name) == 403


@pytest.mark.parametrize("name", PAGES)
def test_lead_of_another_team_finds_nothing(draft: Draft, other_team: Team, name: str) -> None:
    client = as_other_lead(other_team)
    assert visit(client, page_of(draft(), name), name) == 404


def test_list_shows_campaigns_of_ones_own_inboxes(as_elsa: Client, draft: Draft, other_team: Team) -> None:
    draft(name="Natal")
    assert "Natal" in as_elsa.get(page("campaign_changelist")).content.decode()
    assert "Natal" not in as_other_lead(other_team).get(page("campaign_changelist")).content.decode()


def test_lead_of_another_team_cannot_post_to_a_page(draft: Draft, other_team: Team) -> None:
    campaign = draft()
    client = as_other_lead(other_team)
    assert client.post(page_of(campaign), {"_cancel": "1", "name": "Theirs"}).status_code == 404
    assert client.post(page_of(campaign, "delete")).status_code == 404
    assert Campaign.objects.get().name == "Natal"


# --- The list ----------------------------------------------------------------------------------------------


def test_empty_list_teaches_the_first_step(as_elsa: Client, team: Team) -> None:
    shown = as_elsa.get(page("campaign_changelist")).content.decode()
    assert "No campaign yet" in shown
    assert shown.count(page("campaign_add")) == 2


def test_list_asks_as_much_for_three_as_for_one(
    as_elsa: Client, draft: Draft, number: Inbox, django_assert_max_num_queries: Any
) -> None:
    people(number, 2)

    def queries() -> int:
        with django_assert_max_num_queries(16) as captured:
            assert as_elsa.get(page("campaign_changelist")).status_code == 200
        return len(captured)

    draft(name="One")
    queries()
    one = queries()
    draft(name="Two")
    draft(name="Three")
    assert queries() == one


# --- Making one --------------------------------------------------------------------------------------------


def test_campaign_begins_with_a_name_and_an_inbox(as_elsa: Client, number: Inbox) -> None:
    data = {"name": "Natal", "inbox": number.pk, "kind": "broadcast"}
    answer = as_elsa.post(page("campaign_add"), data)
    campaign = Campaign.objects.get()
    assert answer.headers["Location"] == page_of(campaign)
    assert (campaign.name, campaign.inbox, campaign.status) == ("Natal", number, CampaignStatus.DRAFT)
    assert campaign.created_by == "Elsa"


def test_inbox_of_another_team_is_not_offered(as_elsa: Client, number: Inbox, other_team: Team) -> None:
    other = Inbox.objects.create(name="Theirs", channel="web", team=other_team)
    shown = as_elsa.get(page("campaign_add")).content.decode()
    assert "Aurora" in shown
    assert "Theirs" not in shown
    as_elsa.post(page("campaign_add"), {"name": "X", "inbox": other.pk, "kind": "broadcast"})
    assert not Campaign.objects.exists()


def test_what_is_entered_is_stored(as_elsa: Client, draft: Draft, offer: MessageTemplate) -> None:
    campaign = draft()
    segment = {"match": "any", "rules": [{"field": "tag", "op": "has", "value": "vip"}]}
    save(
        as_elsa, campaign, name="Natal 2", segment=json.dumps(segment), needs_consent="on",
        quiet_from="22:00", quiet_until="08:00", timezone="America/Sao_Paulo", per_minute="90",
        daily_limit="1000", price="0.035", currency="brl", brief="Until Friday.",
        starts_at="2030-01-02T09:30",
    )  # fmt: skip
    campaign.refresh_from_db()
    assert (campaign.name, campaign.segment["match"], campaign.needs_consent) == ("Natal 2", "any", True)
    assert campaign.segment["rules"][0]["value"] == "vip"
    assert (str(campaign.quiet_from), campaign.timezone) == ("22:00:00", "America/Sao_Paulo")
    assert (campaign.per_minute, campaign.daily_limit, str(campaign.price)) == (90, 1000, "0.0350")
    assert (campaign.currency, campaign.brief) == ("BRL", "Until Friday.")
    assert campaign.starts_at is not None
    assert campaign.starts_at.year == 2030
    assert campaign.variants.get().template == offer


def test_error_loses_nothing_that_was_typed(as_elsa: Client, draft: Draft) -> None:
    campaign = draft()
    page_again = save(
        as_elsa, campaign, name="Another", timezone="Mars/Olympus", quiet_from="22:00", price="0.5",
        list_text="5511999990001",
    )  # fmt: skip
    shown = page_again.content.decode()
    assert told(page_again) == ["Not saved yet: look at what is marked below."]
    assert "There is no time zone Mars/Olympus." in shown
    assert "Quiet hours need a beginning and an end." in shown
    assert 'value="Another"' in shown
    assert 'value="22:00"' in shown
    assert ">5511999990001</textarea>" in shown
    assert Campaign.objects.get().name == "Natal"


def test_variants_are_those_that_the_page_has_switched_on(as_elsa: Client, draft: Draft) -> None:
    campaign = draft(wordings=[Wording(text="One"), Wording(text="Two", share=3)])
    data = form_of(as_elsa, campaign)
    assert (data["v1-text"], data["v1-share"]) == ("Two", 3)
    as_elsa.post(page_of(campaign), {**data, "v3-text": "Three", "v3-share": "2"})
    assert list(campaign.variants.values_list("label", "text", "share")) == [
        ("A", "One", 1), ("B", "Two", 3), ("C", "Three", 2),
    ]  # fmt: skip
    rest = {name: value for name, value in data.items() if not name.startswith("v0-")}
    as_elsa.post(page_of(campaign), rest)
    assert list(campaign.variants.values_list("label", "text")) == [("A", "Two")]


def test_values_of_a_template_are_stored(as_elsa: Client, draft: Draft, offer: MessageTemplate) -> None:
    campaign = draft(wordings=[Wording(text="Free")])
    values = json.dumps({"1": "{{name}}", "2": "20%", "9": "of another"})
    save(as_elsa, campaign, **{"v0-template": offer.pk, "v0-values": values})
    variant = campaign.variants.get()
    assert (variant.template, variant.values) == (offer, {"1": "{{name}}", "2": "20%"})
    assert not variant.text


def test_file_is_kept_even_where_something_else_is_wrong(as_elsa: Client, draft: Draft) -> None:
    campaign = draft(wordings=[Wording(text="Look")])
    picture = SimpleUploadedFile("shoes.png", PNG, "image/png")
    page_again = save(as_elsa, campaign, timezone="Mars/Olympus", **{"v0-file": picture})
    file = Attachment.objects.get()
    assert file.uploader == f"campaign:{campaign.pk}"
    assert f'name="v0-kept" value="{file.pk}"' in page_again.content.decode()
    save(as_elsa, campaign, **{"v0-kept": str(file.pk)})
    assert campaign.variants.get().file == file


def test_file_of_somebody_else_is_not_taken(as_elsa: Client, draft: Draft, number: Inbox) -> None:
    campaign = draft(wordings=[Wording(text="Look")])
    theirs = Attachment.objects.create(
        inbox=number, uploader="visitor:1", file="x", name="x", content_type="image/png", size=1
    )
    save(as_elsa, campaign, **{"v0-kept": str(theirs.pk)})
    assert campaign.variants.get().file is None


def test_bad_file_is_named_at_its_field(as_elsa: Client, draft: Draft) -> None:
    campaign = draft(wordings=[Wording(text="Look")])
    page_again = save(as_elsa, campaign, **{"v0-file": SimpleUploadedFile("x.exe", b"MZ", "application/x")})
    assert "This type of file is not accepted." in page_again.content.decode()


# --- From approval to the start ----------------------------------------------------------------------------


def test_problems_are_named_before_approval(as_elsa: Client, draft: Draft) -> None:
    campaign = draft(wordings=[Wording(text="")], source="list")
    shown = as_elsa.get(page_of(campaign)).content.decode()
    assert "Write what is to be said." in shown
    assert "Give a list of recipients." in shown
    page_again = save(as_elsa, campaign, _approve="1", name="Typed meanwhile")
    assert told(page_again) == ["Write what is to be said. Give a list of recipients."]
    campaign.refresh_from_db()
    assert (campaign.status, campaign.name) == (CampaignStatus.DRAFT, "Typed meanwhile")


def test_start_of_what_nobody_has_changed_needs_no_second_approval(as_elsa: Client, draft: Draft) -> None:
    campaign = draft(segment={"match": "all", "rules": [{"field": "tag", "op": "has", "value": "vip"}]})
    save(as_elsa, campaign, _approve="1")
    assert Campaign.objects.get().status == CampaignStatus.APPROVED
    page_again = save(as_elsa, campaign, _start="1")
    assert told(page_again) == ["The campaign runs."]
    assert Campaign.objects.get().status == CampaignStatus.RUNNING


def test_change_takes_the_approval_back(as_elsa: Client, draft: Draft) -> None:
    campaign = draft()
    save(as_elsa, campaign, _approve="1")
    page_again = save(as_elsa, campaign, _start="1", **{"v0-share": "2"})
    (said,) = told(page_again)
    assert said == "What you changed is saved. It has to be approved again before it can be started."
    assert Campaign.objects.get().status == CampaignStatus.DRAFT


def test_test_goes_to_who_was_chosen(as_elsa: Client, draft: Draft, number: Inbox) -> None:
    _first, second = people(number, 2)
    campaign = draft()
    page_again = save(as_elsa, campaign, _test="1", test_person=second.identities.get().pk)
    assert told(page_again) == ["A test was sent to Maria 1. It counts nowhere."]
    assert Message.objects.get().conversation.contact == second
    assert not Recipient.objects.exists()


def test_test_asks_for_somebody(as_elsa: Client, draft: Draft, number: Inbox) -> None:
    people(number, 2)
    page_again = save(as_elsa, draft(), _test="1", test_search="Maria")
    assert told(page_again) == ["Choose somebody for the test."]
    assert 'value="Maria"' in page_again.content.decode()


# --- Lists -------------------------------------------------------------------------------------------------


def test_list_is_read_and_bad_lines_are_named(as_elsa: Client, draft: Draft) -> None:
    campaign = draft()
    pasted = (
        "phone;name;plan\n+5511999990001;Maria;gold\nnobody;=SUM(1);x\n+5511999990001;Again;y\n12;Short;z"
    )
    save(as_elsa, campaign, _list="1", list_text=pasted, list_region="BR")
    assert as_elsa.get(page_of(campaign, "lists")).json()["is_over"] is False
    upload = Upload.objects.get()
    while read_some(upload.pk):
        pass
    answer = as_elsa.get(page_of(campaign, "lists")).json()
    assert answer["is_over"] is True
    assert "1 added, 1 there already, 2 could not be read" in answer["html"]
    assert "nobody is no telephone number." in answer["html"]
    lines = as_elsa.get(page("campaign_bad", campaign.pk, upload.pk)).content.decode("utf-8-sig").splitlines()
    assert lines[0] == '"phone","name","plan","Not read because"'
    assert lines[1] == '"nobody","\'=SUM(1)","x","Line 3: nobody is no telephone number."'
    assert len(lines) == 3


def test_list_that_is_refused_stays_in_its_box(as_elsa: Client, draft: Draft) -> None:
    page_again = save(
        as_elsa, draft(), _list="1", list_text="+5511999990001", list_region="XX", list_consent="on"
    )
    shown = page_again.content.decode()
    assert told(page_again) == ["There is no country XX."]
    assert ">+5511999990001</textarea>" in shown
    assert 'value="XX"' in shown
    assert not Upload.objects.exists()


def test_everybody_is_taken_off_the_list(as_elsa: Client, draft: Draft) -> None:
    campaign = draft()
    save(as_elsa, campaign, _list="1", list_text="+5511999990001\n+5511999990002")
    read_some(Upload.objects.get().pk)
    assert Recipient.objects.count() == 2
    page_again = save(as_elsa, campaign, _clear="1")
    assert told(page_again) == ["2 people were taken off the list."]
    assert not Recipient.objects.exists()


def test_bad_lines_of_another_campaign_are_not_shown(as_elsa: Client, draft: Draft) -> None:
    mine, other = draft(), draft()
    save(as_elsa, other, _list="1", list_text="phone\nnobody")
    upload = Upload.objects.get()
    read_some(upload.pk)
    shown = as_elsa.get(page("campaign_bad", mine.pk, upload.pk)).content.decode()
    assert "nobody" not in shown


# --- What the scripts ask ----------------------------------------------------------------------------------


def ask(client: Client, campaign: Campaign, name: str, **data: Any) -> Any:
    return client.post(page_of(campaign, name), data, content_type="application/json").json()


RULES = [
    ({"field": "tag", "op": "has", "value": "vip"}, 1),
    ({"field": "attribute", "name": "plan", "op": "is", "value": "gold"}, 2),
    ({"field": "attribute", "name": "age", "op": "more", "value": "30"}, 1),
    ({"field": "attribute", "name": "plan", "op": "empty"}, 3),
    ({"field": "name", "op": "contains", "value": "maria"}, 5),
    ({"field": "created", "op": "within_days", "value": 3}, 5),
    ({"field": "last_message", "op": "never"}, 5),
]


@pytest.mark.parametrize(("rule", "count"), RULES)
def test_audience_is_counted_before_it_is_saved(
    as_elsa: Client, draft: Draft, number: Inbox, rule: dict[str, Any], count: int
) -> None:
    people(number, 3)
    people(number, 1, start=3, tags=["vip"], attributes={"plan": "gold", "age": "44"})
    people(number, 1, start=4, attributes={"plan": "Gold", "age": "unknown"})
    found = ask(as_elsa, draft(), "audience", source="segment", segment={"rules": [rule]})
    assert found["count"] == count
    assert len(found["sample"]) == count


def test_audience_tells_who_will_be_left_out_and_what_it_costs(
    as_elsa: Client, draft: Draft, number: Inbox, lead: Actor
) -> None:
    first, *_rest = people(number, 120)
    actions.set_consent(identity=first.identities.get(), state="withdrawn", by=lead)  # type: ignore[arg-type]
    found = ask(as_elsa, draft(), "audience", segment={}, per_minute="60", price="0.05", currency="brl")
    assert (found["count"], found["unwanted"], found["unreachable"]) == (120, "1", "")
    assert (found["reached"], found["duration"], found["cost"]) == ("119", "about 2 minutes", "5.95 BRL")
    assert len(found["sample"]) == 5
    only = ask(as_elsa, draft(), "audience", segment={}, needs_consent=True, per_minute="60")
    assert (only["silent"], only["reached"], only["duration"]) == ("119", "0", "–")


def test_incomplete_rule_is_named(as_elsa: Client, draft: Draft) -> None:
    answer = ask(
        as_elsa, draft(), "audience", segment={"rules": [{"field": "tag", "op": "has", "value": ""}]}
    )
    assert answer["problem"] == "Rule 1 of who gets it is not complete."


def test_preview_is_what_the_person_would_read(
    as_elsa: Client, draft: Draft, number: Inbox, offer: MessageTemplate
) -> None:
    people(number, 2)
    words = {"template": offer.pk, "values": {"1": "{{first_name}}", "2": "{{discount|5%}}"}}
    found = ask(as_elsa, draft(), "preview", segment={}, place=1, variant=words)
    assert found["text"] == "Oi Maria, 5% de desconto."
    lacking = ask(as_elsa, draft(), "preview", segment={}, variant={"text": "Hello {{plan}}"})
    assert (lacking["text"], lacking["missing"]) == ("Hello ", ["plan"])
    assert ask(as_elsa, draft(), "preview", segment={}, place=2, variant=words)["person"] is None


def test_preview_of_a_list_knows_what_the_list_says(as_elsa: Client, draft: Draft) -> None:
    campaign = draft()
    save(as_elsa, campaign, _list="1", list_text="phone;name;coupon\n+5511999990001;Maria;ABC")
    read_some(Upload.objects.get().pk)
    found = ask(as_elsa, campaign, "preview", source="list", variant={"text": "{{name}}: {{coupon}}"})
    assert (found["text"], found["person"]["address"]) == ("Maria: ABC", "5511999990001")


def test_names_in_use_are_suggested(as_elsa: Client, draft: Draft, number: Inbox) -> None:
    people(number, 1, tags=["vip", "gold"], attributes={"plan": "x"})
    found = as_elsa.get(page_of(draft(), "hints")).json()
    assert (found["tag"], found["attribute"], found["conversation_tag"]) == (["gold", "vip"], ["plan"], [])


def test_people_for_a_test_are_found_by_name_or_number(as_elsa: Client, draft: Draft, number: Inbox) -> None:
    people(number, 12)
    address = page_of(draft(), "people")
    assert [row["name"] for row in as_elsa.get(f"{address}?q=maria 7").json()["people"]] == ["Maria 7"]
    assert [row["name"] for row in as_elsa.get(f"{address}?q=%2B55 11 9 00000011").json()["people"]] == [
        "Maria 11"
    ]


# --- Deleting ----------------------------------------------------------------------------------------------


def test_delete_asks_once(as_elsa: Client, draft: Draft) -> None:
    campaign = draft()
    assert as_elsa.get(page_of(campaign, "delete")).status_code == 200
    assert Campaign.objects.exists()
    answer = as_elsa.post(page_of(campaign, "delete"), follow=True)
    assert told(answer) == ["The campaign Natal was deleted."]
    assert not Campaign.objects.exists()


def test_running_campaign_is_not_deleted(as_elsa: Client, draft: Draft, lead: Actor) -> None:
    campaign = draft()
    actions.approve(campaign=campaign, by=lead)
    actions.start(campaign=campaign, by=lead)
    answer = as_elsa.post(page_of(campaign, "delete"), follow=True)
    assert told(answer) == ["Cancel the campaign before you delete it."]
    assert Campaign.objects.exists()


def test_message_on_a_site_has_a_text_and_a_page(as_elsa: Client, inbox: Inbox) -> None:
    as_elsa.post(page("campaign_add"), {"name": "Hello", "inbox": inbox.pk, "kind": "onsite"})
    campaign = Campaign.objects.get()
    save(
        as_elsa, campaign, url_pattern="https://shop.example/cart*", seconds="20", visitors="returning",
        **{"v0-text": "Need help?", "v0-share": "1"},
    )  # fmt: skip
    campaign.refresh_from_db()
    assert (campaign.url_pattern, campaign.seconds, campaign.visitors) == (
        "https://shop.example/cart*", 20, "returning",
    )  # fmt: skip
    assert campaign.variants.get().text == "Need help?"
    assert campaign.per_minute == 60
