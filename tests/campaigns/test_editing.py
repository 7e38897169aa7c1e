"""Making and changing campaigns: what no field takes is refused by name, and nobody loses a list by it."""

from datetime import time
from typing import Any

import pytest

from accounts.enums import Role
from accounts.models import Team
from campaigns import actions
from campaigns.actions import Wording
from campaigns.actions.importing import give_list, read_some
from campaigns.models import Campaign, Recipient, Variant
from conversations.models import Inbox, MessageTemplate
from core.actor import Actor
from core.errors import Invalid, NotFound
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import begin, feed
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)

WRONG: list[tuple[str, Any]] = [
    ("name", ""), ("name", "  \n "), ("kind", "spam"), ("source", "everybody"), ("visitors", "x"),
    ("per_minute", 0), ("per_minute", -1), ("per_minute", 2**40), ("per_minute", "many"),
    ("per_minute", None),
    ("daily_limit", 0), ("daily_limit", -5), ("price", -1), ("price", "x"), ("price", 10**9),
    ("currency", "EURO"), ("timezone", "Mars/Base"), ("timezone", "x" * 65), ("quiet_from", "25:99"),
    ("starts_at", "soon"), ("seconds", -1), ("url_pattern", "x" * 301), ("brief", "x" * 2001),
    ("segment", {"rules": [{"field": "x"}]}), ("segment", "x"),
    ("status", "done"), ("approved_at", None), ("id", 1), ("nonsense", 1),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WRONG, ids=repr)
def test_what_a_field_does_not_take_is_refused_by_its_name(
    draft: Draft, number: Inbox, lead: Actor, field: str, value: Any
) -> None:
    campaign = draft()
    more: dict[str, Any] = {"quiet_until": time(8)} if field == "quiet_from" else {}
    with pytest.raises(Invalid) as found:
        actions.change_campaign(campaign=campaign, by=lead, **{field: value}, **more)
    assert found.value.extra["field"] == field
    given = {"name": "New", "inbox": number, "by": lead, field: value, **more}
    with pytest.raises(Invalid):
        actions.create_campaign(**given)
    assert Campaign.objects.count() == 1
    assert Campaign.objects.get().name == "Natal"


@pytest.mark.parametrize("quiet", [{"quiet_from": time(22)}, {"quiet_until": time(8)}])
def test_quiet_hours_have_two_ends(draft: Draft, quiet: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as found:
        draft(**quiet)
    assert found.value.extra["field"] == "quiet_until"


def test_name_is_one_line_that_fits(draft: Draft) -> None:
    assert draft(name=" Black \n Friday " + "x" * 200).name.startswith("Black Friday xxx")


def test_inbox_and_template_of_others_are_not_there(
    draft: Draft, number: Inbox, offer: MessageTemplate, lead: Actor, other_team: Team
) -> None:
    theirs = Inbox.objects.create(name="Theirs", channel="whatsapp_cloud", team=other_team)
    with pytest.raises(NotFound):
        draft(inbox=theirs, wordings=[])
    campaign = draft()
    with pytest.raises(NotFound):
        actions.change_campaign(campaign=campaign, by=lead, inbox=theirs)
    fabio = make_user("fabio", Role.LEAD, other_team).as_actor()
    with pytest.raises(NotFound):
        actions.create_campaign(by=fabio, inbox=theirs, name="x", wordings=[Wording(template=offer)])
    assert Campaign.objects.get().inbox == number


@pytest.mark.parametrize("count", [0, 6])
def test_campaign_has_one_to_five_variants(draft: Draft, lead: Actor, count: int) -> None:
    campaign = draft()
    with pytest.raises(Invalid):
        actions.change_campaign(campaign=campaign, by=lead, wordings=[Wording(text="x")] * count)
    assert Variant.objects.count() == 1


def test_text_has_an_end(draft: Draft) -> None:
    with pytest.raises(Invalid):
        draft(wordings=[Wording(text="x" * 4_001)])


def test_template_is_all_that_a_variant_says(draft: Draft, offer: MessageTemplate) -> None:
    variant = draft(wordings=[Wording(text="other words", template=offer)]).variants.get()
    assert (variant.text, variant.template) == ("", offer)


def test_fewer_variants_keep_the_list_and_deal_it_out_anew(
    draft: Draft, number: Inbox, offer: MessageTemplate, lead: Actor
) -> None:
    wordings = [Wording(template=offer, values={"1": "a", "2": each}) for each in "xyz"]
    campaign = draft(wordings=wordings)
    text = "fone\n" + "".join(f"+55119999900{n:02}\n" for n in range(30))
    read_some(give_list(campaign=campaign, data=text.encode(), by=lead).pk)
    assert len(set(Recipient.objects.values_list("variant", flat=True))) == 3
    actions.change_campaign(campaign=campaign, by=lead, wordings=wordings[:1])
    assert Recipient.objects.count() == 30
    begin(campaign, lead)
    only = campaign.variants.get()
    assert set(Recipient.objects.values_list("variant", flat=True)) == {only.pk}
    feed(campaign)
    assert Recipient.objects.filter(state="written").count() == 30


def test_change_of_one_thing_leaves_the_others(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 1)
    campaign = draft(brief="Ends on Friday.", daily_limit=7, quiet_from=time(22), quiet_until=time(8))
    actions.change_campaign(campaign=campaign, by=lead, name="Easter")
    row = Campaign.objects.get()
    assert (row.name, row.brief, row.daily_limit, row.quiet_from) == (
        "Easter", "Ends on Friday.", 7, time(22),
    )  # fmt: skip
    assert row.variants.count() == 1
