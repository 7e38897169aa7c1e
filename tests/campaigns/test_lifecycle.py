"""Every verb in every state, by everybody; and what a cancelled campaign can no longer do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.enums import Role
from accounts.models import Team, User
from campaigns import actions
from campaigns.actions import Wording
from campaigns.actions.feeding import sweep
from campaigns.actions.importing import give_list, read_some
from campaigns.enums import CampaignStatus, ConsentState
from campaigns.models import Campaign, Recipient, Upload, Variant
from campaigns.queries.stats import stats
from conversations.actions.claiming import Claim, claim
from conversations.actions.settling import settle
from conversations.channels import SendLater, SendUnclear
from conversations.errors import WindowClosed
from conversations.exchange import Sent
from conversations.models import (
    Contact,
    ContactIdentity,
    Conversation,
    Delivery,
    Inbox,
    Message,
    MessageTemplate,
)
from core.actor import Actor, ActorKind
from core.errors import Conflict, Forbidden, HelpdeskError, Invalid, NotFound
from core.reasons import in_english
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import begin, feed, go_on, run, states, together
from tests.conftest import make_user
from tests.conversations.lines import pass_time, planned

pytestmark = pytest.mark.django_db(transaction=True)
S = CampaignStatus
VERBS: dict[str, Callable[..., Any]] = {
    "approve": actions.approve,
    "start": actions.start,
    "pause": actions.pause,
    "resume": actions.resume,
    "cancel": actions.cancel,
    "change": actions.change_campaign,
    "delete": actions.delete_campaign,
    "clear": actions.clear_list,
}
NO = "conflict"
# What a verb makes of a state: another, the same, none at all, or a refusal.
TABLE: dict[str, dict[str, str]] = {
    "draft": {
        "approve": "approved", "start": NO, "pause": NO, "resume": NO, "cancel": "cancelled",
        "change": "draft", "delete": "", "clear": "draft",
    },
    "approved": {
        "approve": "approved", "start": "running", "pause": NO, "resume": NO, "cancel": "cancelled",
        "change": "draft", "delete": "", "clear": "approved",
    },
    "scheduled": {
        "approve": NO, "start": "scheduled", "pause": "paused", "resume": "scheduled", "cancel": "cancelled",
        "change": NO, "delete": NO, "clear": NO,
    },
    "running": {
        "approve": NO, "start": "running", "pause": "paused", "resume": "running", "cancel": "cancelled",
        "change": NO, "delete": NO, "clear": NO,
    },
    "paused": {
        "approve": NO, "start": NO, "pause": "paused", "resume": "running", "cancel": "cancelled",
        "change": NO, "delete": NO, "clear": NO,
    },
    "done": {
        "approve": NO, "start": NO, "pause": NO, "resume": NO, "cancel": NO,
        "change": NO, "delete": "", "clear": NO,
    },
    "cancelled": {
        "approve": NO, "start": NO, "pause": NO, "resume": NO, "cancel": "cancelled",
        "change": NO, "delete": "", "clear": NO,
    },
}  # fmt: skip


def in_state(draft: Draft, lead: Actor, state: str) -> Campaign:
    """Brings a campaign there by its own verbs."""
    early = {"starts_at": timezone.now() + timedelta(hours=1)} if state == "scheduled" else {}
    campaign = draft(**early)
    if state != "draft":
        actions.approve(campaign=campaign, by=lead)
    if state in {"scheduled", "running", "paused", "done", "cancelled"}:
        actions.start(campaign=campaign, by=lead)
    if state == "paused":
        actions.pause(campaign=campaign, by=lead)
    if state == "done":
        feed(campaign)
    if state == "cancelled":
        actions.cancel(campaign=campaign, by=lead)
    campaign.refresh_from_db()
    assert campaign.status == state
    return campaign


@pytest.mark.parametrize(("state", "verb"), [(state, verb) for state in TABLE for verb in VERBS])
def test_verb_leads_where_the_table_says_and_again_to_the_same(
    draft: Draft, number: Inbox, lead: Actor, state: str, verb: str
) -> None:
    people(number, 1)
    campaign = in_state(draft, lead, state)
    expected = TABLE[state][verb]
    if expected == NO:
        with pytest.raises(Conflict):
            VERBS[verb](campaign=campaign, by=lead)
        assert Campaign.objects.get(pk=campaign.pk).status == state
        return
    VERBS[verb](campaign=campaign, by=lead)
    if not expected:
        assert not Campaign.objects.exists()
        return
    first = Campaign.objects.get(pk=campaign.pk)
    assert first.status == expected
    if TABLE[expected][verb] == expected:
        VERBS[verb](campaign=first, by=lead)
        again = Campaign.objects.get(pk=campaign.pk)
        assert (again.status, again.approved_at, again.started_at, again.finished_at) == (
            first.status, first.approved_at, first.started_at, first.finished_at,
        )  # fmt: skip


@pytest.fixture
def others(
    team: Team, other_team: Team, bruno: User, clara: User
) -> dict[str, tuple[Actor, type[HelpdeskError]]]:
    """Who may not, and what they are told."""
    return {
        "operator of the team": (bruno.as_actor(), Forbidden),
        "operator of another team": (clara.as_actor(), Forbidden),
        "lead of another team": (make_user("fabio", Role.LEAD, other_team).as_actor(), NotFound),
        "key that may not write": (
            Actor(ActorKind.API_KEY, "1", "k", team_ids=frozenset({team.pk})), Forbidden,
        ),
        "customer": (Contact(name="Davi").as_actor(), Forbidden),
        "agent": (Actor(ActorKind.AGENT, "1", "Lia", leads=True, is_admin=True), Forbidden),
    }  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_only_leads_of_the_team_decide(
    draft: Draft, number: Inbox, lead: Actor, others: dict[str, Any], verb: str
) -> None:
    people(number, 1)
    state = {"start": "approved", "pause": "running", "resume": "paused", "cancel": "running"}.get(
        verb, "draft"
    )
    campaign = in_state(draft, lead, state)
    for who, (actor, error) in others.items():
        with pytest.raises(error):
            VERBS[verb](campaign=campaign, by=actor)
        assert Campaign.objects.get().status == state, who


def test_only_leads_of_the_team_make_campaigns(number: Inbox, others: dict[str, Any]) -> None:
    for actor, error in others.values():
        with pytest.raises(error):
            actions.create_campaign(by=actor, inbox=number, name="News")
    assert not Campaign.objects.exists()


def test_campaign_is_seen_by_its_team_and_administrators(
    draft: Draft, ana: User, bruno: User, clara: User
) -> None:
    draft()
    seen = [Campaign.objects.visible_to(who.as_actor()).count() for who in (ana, bruno, clara)]
    assert seen == [1, 1, 0]


def test_program_starts_what_it_made_without_people(draft: Draft, number: Inbox, team: Team) -> None:
    people(number, 1)
    campaign = draft()
    key = Actor(ActorKind.API_KEY, "1", "Shop", leads=True, team_ids=frozenset({team.pk}))
    actions.start(campaign=campaign, by=key)
    row = Campaign.objects.get()
    assert (row.status, row.approved_by) == (S.RUNNING, "Shop")


def test_approval_names_everything_that_is_missing(
    number: Inbox, lead: Actor, offer: MessageTemplate
) -> None:
    MessageTemplate.objects.update(status="REJECTED")
    offer.refresh_from_db()
    wordings = [Wording(), Wording(template=offer, values={"1": "{{name"})]
    campaign = actions.create_campaign(by=lead, inbox=number, name="x", wordings=wordings, source="list")
    with pytest.raises(Invalid) as found:
        actions.approve(campaign=campaign, by=lead)
    for word in ("what is to be said", "not approved", "every place", "braces", "list of recipients"):
        assert word in found.value.detail
    assert Campaign.objects.get().status == S.DRAFT


def test_widget_writes_to_nobody_first(inbox: Inbox, lead: Actor) -> None:
    campaign = actions.create_campaign(by=lead, inbox=inbox, name="x", wordings=[Wording(text="Oi")])
    with pytest.raises(Invalid, match="Nobody can be written to first"):
        actions.approve(campaign=campaign, by=lead)


def test_mail_needs_a_subject_and_the_link(mailbox: Inbox, lead: Actor) -> None:
    campaign = actions.create_campaign(by=lead, inbox=mailbox, name="x", wordings=[Wording(text="Oi")])
    with pytest.raises(Invalid, match=r"(?s)subject.*unsubscribe"):
        actions.approve(campaign=campaign, by=lead)


def test_what_broke_after_the_approval_is_found_at_the_start(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 1)
    campaign = in_state(draft, lead, "approved")
    MessageTemplate.objects.update(status="PAUSED")
    with pytest.raises(Invalid, match="not approved"):
        actions.start(campaign=campaign, by=lead)
    assert Campaign.objects.get().status == S.APPROVED


# --- schedule ----------------------------------------------------------------------------------------------


def test_scheduled_campaign_begins_at_its_time_by_the_sweep(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 2)
    campaign = in_state(draft, lead, "scheduled")
    assert planned("campaigns.run_later") == [{"campaign_id": str(campaign.pk)}]
    sweep()
    assert go_on(str(campaign.pk)) is None
    assert not Message.objects.exists()
    Campaign.objects.update(starts_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    sweep()
    row = Campaign.objects.get()
    assert row.status == S.RUNNING
    assert row.started_at is not None
    assert planned("campaigns.run") == [{"campaign_id": str(campaign.pk)}]
    feed(row)
    assert Message.objects.count() == 2


def test_scheduled_campaign_that_was_paused_does_not_begin(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 1)
    campaign = in_state(draft, lead, "scheduled")
    actions.pause(campaign=campaign, by=lead)
    Campaign.objects.update(starts_at=timezone.now() - timedelta(minutes=1))
    sweep()
    assert Campaign.objects.get().status == S.PAUSED
    actions.resume(campaign=campaign, by=lead)
    assert Campaign.objects.get().status == S.RUNNING


def test_campaign_whose_time_has_passed_begins_at_once(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 1)
    campaign = draft(starts_at=timezone.now() - timedelta(days=1))
    assert begin(campaign, lead).status == S.RUNNING


# --- pause and cancel --------------------------------------------------------------------------------------


def test_paused_campaign_goes_on_where_it_was(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 30)
    campaign = begin(draft(per_minute=600), lead)
    go_on(str(campaign.pk))
    go_on(str(campaign.pk))
    actions.pause(campaign=campaign, by=lead)
    count = Message.objects.count()
    assert 0 < count < 30
    assert go_on(str(campaign.pk)) is None
    sweep()
    assert Message.objects.count() == count
    actions.resume(campaign=campaign, by=lead)
    feed(campaign)
    assert Message.objects.count() == 30
    assert campaign.status == S.DONE


def test_cancelled_campaign_accounts_for_everybody_and_sends_nothing_more(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 30)
    campaign = begin(draft(), lead)
    while Delivery.objects.count() < 6:
        go_on(str(campaign.pk))
    some = Delivery.objects.values_list("pk", flat=True)[:2]
    Delivery.objects.filter(pk__in=list(some)).update(status="sent")
    waiting = Delivery.objects.filter(status="queued").count()
    assert waiting
    actions.cancel(campaign=campaign, by=lead)
    assert not Delivery.objects.filter(status="queued").exists()
    found = stats(campaign)
    assert [(row["code"], row["error"], row["count"]) for row in found.failures] == [
        ("cancelled", "The campaign was cancelled.", waiting)
    ]
    assert found.recipients == 30 == found.sent + found.failed + found.skipped
    assert found.left_out[0]["reason"] == "cancelled"
    assert go_on(str(campaign.pk)) is None
    sweep()
    assert Recipient.objects.filter(state="queued").count() == 0


def test_after_cancel_returned_nothing_more_is_written(draft: Draft, number: Inbox, lead: Actor) -> None:
    for rnd in range(6):
        people(number, 40, start=rnd * 100)
        rules = {"rules": [{"field": "phone", "op": "contains", "value": f"+55119{rnd * 100:08}"[:-2]}]}
        campaign = begin(draft(segment=rules), lead)
        seen: dict[str, set[int]] = {}

        def feeder(campaign: Campaign = campaign) -> None:
            for _turn in range(40):
                if go_on(str(campaign.pk)) is None:
                    return

        def stop(
            campaign: Campaign = campaign, seen: dict[str, set[int]] = seen, pause: float = rnd * 0.03
        ) -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(%s)", [pause])
            actions.cancel(campaign=campaign, by=lead)
            rows = Recipient.objects.filter(campaign=campaign)
            seen["written"] = set(rows.filter(state="written").values_list("pk", flat=True))
            own = Delivery.objects.filter(message__in=rows.values("message"))
            seen["queued"] = set(own.filter(status="queued").values_list("seq", flat=True))

        found = together(feeder, feeder, stop)
        if all(not isinstance(each, Exception) for each in found):
            assert seen["queued"] == set()
            rows = Recipient.objects.filter(campaign=campaign)
            assert set(rows.filter(state="written").values_list("pk", flat=True)) == seen["written"]
            assert not rows.filter(state="queued").exists()
        else:
            # It was done before.
            assert [type(each) for each in found if isinstance(each, Exception)] == [Conflict]


@pytest.mark.parametrize("outcome", [SendLater("busy", retry_after=1), SendUnclear("no answer"), None])
def test_call_that_is_being_made_while_it_is_cancelled_is_not_made_again(
    draft: Draft, number: Inbox, lead: Actor, outcome: Any
) -> None:
    people(number, 1)
    campaign = begin(draft(), lead)
    for _turn in range(3):
        go_on(str(campaign.pk))
    key = str(Conversation.objects.get().pk)
    found = claim(key)
    assert isinstance(found, Claim)
    Campaign.objects.update(status="running", finished_at=None)
    actions.cancel(campaign=campaign, by=lead)
    assert Delivery.objects.get().status == "sending"
    if outcome is not None:
        settle(found.key, found.attempt, outcome)
    # Without an outcome the worker died during its call.
    for _later in range(4):
        pass_time(120)
        assert not isinstance(claim(key), Claim)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.error_code) == ("failed", "cancelled")
    assert in_english(delivery.error) == "The campaign was cancelled."


def test_call_that_succeeds_while_it_is_cancelled_is_sent(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 1)
    campaign = begin(draft(), lead)
    for _turn in range(3):
        go_on(str(campaign.pk))
    found = claim(str(Conversation.objects.get().pk))
    assert isinstance(found, Claim)
    Campaign.objects.update(status="running", finished_at=None)
    actions.cancel(campaign=campaign, by=lead)
    settle(found.key, found.attempt, Sent("wamid.1"))
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.error, delivery.error_code) == ("sent", "", "")
    assert stats(campaign).sent == 1


# --- changes -----------------------------------------------------------------------------------------------


def test_change_after_the_approval_takes_it_back(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 1)
    campaign = in_state(draft, lead, "approved")
    actions.change_campaign(campaign=campaign, by=lead, name="Easter")
    row = Campaign.objects.get()
    assert (row.status, row.approved_at, row.approved_by, row.name) == (S.DRAFT, None, "", "Easter")
    with pytest.raises(Conflict):
        actions.start(campaign=campaign, by=lead)


def test_who_came_with_a_list_is_not_written_to_once_a_segment_is_chosen(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 2)
    campaign = draft(segment={"rules": [{"field": "name", "op": "is", "value": "Maria 0"}]})
    read_some(give_list(campaign=campaign, data=b"fone\n+5511999990001\n", by=lead).pk)
    actions.change_campaign(campaign=campaign, by=lead, source="segment")
    assert Recipient.objects.count() == 1
    with pytest.raises(Invalid, match="off the list"):
        actions.approve(campaign=campaign, by=lead)
    actions.clear_list(campaign=campaign, by=lead)
    assert states(run(campaign, lead)) == {"Maria 0": "written"}


def test_list_survives_looking_at_a_segment(draft: Draft, number: Inbox, lead: Actor) -> None:
    campaign = draft()
    read_some(give_list(campaign=campaign, data=b"fone;nome\n+5511999990001;Ana\n", by=lead).pk)
    actions.change_campaign(campaign=campaign, by=lead, source="segment")
    actions.change_campaign(campaign=campaign, by=lead, source="list")
    assert states(run(campaign, lead)) == {"Ana": "written"}


def test_deleted_campaign_leaves_what_was_said(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 2)
    campaign = run(draft(), lead)
    read = Message.objects.count()
    actions.delete_campaign(campaign=campaign, by=lead)
    assert not Recipient.objects.exists()
    assert not Variant.objects.exists()
    assert not Upload.objects.exists()
    assert Message.objects.count() == read == 2


# --- trying it out -----------------------------------------------------------------------------------------


def test_test_reaches_its_reader_and_counts_nowhere(draft: Draft, number: Inbox, lead: Actor) -> None:
    (contact,) = people(number, 1)
    campaign = draft()
    to = contact.identities.get()
    for _time in range(2):
        actions.send_test(campaign=campaign, variant=campaign.variants.get(), to=to, by=lead)
    assert Message.objects.filter(text="Oi Maria, 10% de desconto.").count() == 2
    assert not Recipient.objects.exists()
    assert stats(campaign).recipients == 0
    assert Campaign.objects.get().status == S.DRAFT


def test_test_is_refused_where_a_campaign_would_be(
    draft: Draft, number: Inbox, lead: Actor, bruno: User, offer: MessageTemplate
) -> None:
    (contact,) = people(number, 1)
    campaign, to = draft(), contact.identities.get()
    variant = campaign.variants.get()

    def refused(error: type[HelpdeskError], **changed: Any) -> None:
        given = {"campaign": campaign, "variant": variant, "to": to, "by": lead, **changed}
        with pytest.raises(error):
            actions.send_test(**given)

    refused(Forbidden, by=bruno.as_actor())
    other = Inbox.objects.create(name="Other", channel="telegram", team=number.team)
    refused(Invalid, to=ContactIdentity.objects.create(inbox=other, contact=contact, external_id="7"))
    refused(NotFound, variant=draft(name="Secret").variants.get())
    lacking = draft(wordings=[Wording(template=offer, values={"1": "{{cupom}}", "2": "x"})])
    refused(Invalid, campaign=lacking, variant=lacking.variants.get())
    plain = draft(wordings=[Wording(text="Oi")])
    refused(WindowClosed, campaign=plain, variant=plain.variants.get())
    actions.set_consent(identity=to, state=ConsentState.WITHDRAWN, by=lead)
    refused(Invalid)
    assert not Message.objects.exists()
    assert not Conversation.objects.exists()
