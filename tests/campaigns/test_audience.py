"""Who a segment is: Postgres and a plain reading of the rules agree, and nobody else's customers are in."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Team
from campaigns import actions
from campaigns.actions import preparing
from campaigns.models import Campaign, Recipient
from campaigns.queries.audience import audience, members
from campaigns.segments import read_segment
from conversations.actions import Sender, merge_contacts, receive
from conversations.models import Contact, ContactIdentity, Conversation, Inbox
from core.actor import Actor
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import run

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
Rule = dict[str, Any]


def names(inbox: Inbox, *rules: Rule, match: str = "all") -> set[str]:
    return set(members(inbox, read_segment({"match": match, "rules": rules})).values_list("name", flat=True))


# --- whom an inbox may reach -------------------------------------------------------------------------------


def test_customers_of_other_teams_are_nobodys_business(number: Inbox, team: Team, other_team: Team) -> None:
    people(number, 1, name="known here")
    for place, (name, owner) in enumerate((("ours", team), ("theirs", other_team), ("everybody's", None))):
        telegram = Inbox.objects.create(name=name, channel="telegram", team=owner)
        receive(
            inbox=telegram, sender=Sender(f"t{place}", name=name, phone=f"+551199999000{place}"), text="x"
        )
    Contact.objects.create(name="of nobody", phone="+5511999990009")
    assert names(number) == {"known here", "ours", "everybody's"}
    number.team = None
    assert names(number) == {"known here", "everybody's"}


def test_what_was_said_to_other_teams_is_nobodys_business(
    number: Inbox, team: Team, other_team: Team
) -> None:
    """Maria is a customer of both, and the other team has resolved its matter with her, tagged urgent."""
    people(number, 1, name="Maria")
    telegram = Inbox.objects.create(name="T", channel="telegram", team=other_team)
    there = receive(inbox=telegram, sender=Sender("1"), text="x").conversation
    maria = Contact.objects.get(name="Maria")
    fields = {"status": "resolved", "resolved_at": NOW, "tags": ["urgent"], "contact": maria}
    Conversation.objects.filter(pk=there.pk).update(**fields)
    told = (
        {"field": "conversation_tag", "op": "has", "value": "urgent"},
        {"field": "conversation_status", "op": "has", "value": "resolved"},
        {"field": "conversation_inbox", "op": "has", "value": telegram.pk},
        {"field": "last_message", "op": "within_days", "value": 1},
    )
    for rule in told:
        assert names(number, rule) == set(), rule
    telegram.team = team
    telegram.save()
    for rule in told:
        assert names(number, rule) == {"Maria"}, rule


def test_who_has_no_address_for_the_inbox_is_not_reached(number: Inbox, team: Team) -> None:
    telegram = Inbox.objects.create(name="T", channel="telegram", team=team)
    receive(inbox=telegram, sender=Sender("1", name="mail only", email="a@b.example"), text="x")
    receive(inbox=telegram, sender=Sender("2", name="phone", phone="+5511999990001"), text="x")
    assert names(number) == {"phone"}
    assert names(telegram) == {"mail only", "phone"}


def test_merged_customers_are_one(number: Inbox, lead: Actor) -> None:
    keep, other = people(number, 2)
    merge_contacts(keep=keep, other=other, by=lead)
    assert list(members(number, read_segment({})).values_list("pk", flat=True)) == [keep.pk]


def test_customer_with_several_ids_and_conversations_is_there_once(number: Inbox) -> None:
    (contact,) = people(number, 1)
    ContactIdentity.objects.create(inbox=number, contact=contact, external_id="2")
    for identity in contact.identities.all():
        Conversation.objects.create(inbox=number, contact=contact, identity=identity, tags=["a"])
    rule = {"field": "conversation_tag", "op": "has", "value": "a"}
    assert members(number, read_segment({"rules": [rule]})).count() == 1


# --- rules against a plain reading of them -----------------------------------------------------------------

LOCALES = ["", "pt", "pt-BR", "PT-pt", "pte", "es", "es-MX"]
WORDS = ["", "gold", "GOLD", "Golden", "10", "9.5", " 10 ", "-3", "1e3", "ten", "100%", "a_b", "ouro'--", "٣"]


@pytest.fixture
def population(number: Inbox, draft: Draft, lead: Actor) -> list[Contact]:
    """Forty customers, each different in something."""
    made = []
    for place in range(40):
        said = WORDS[place % len(WORDS)]
        attributes: dict[str, Any] = {} if place % 5 == 4 else {"plan": said, "o\"k'; --": "x", "2024": said}
        if place == 7:
            attributes = {"plan": None, "n": 10}
        made.append(
            people(
                number, 1, start=place, name=["Ana", "ana", "Bia", "100% Ana", ""][place % 5],
                email=["", "a_b@x.example", "A@x.example"][place % 3], locale=LOCALES[place % len(LOCALES)],
                phone=["", f"+55119{place:08}"][place % 2], attributes=attributes,
                tags=[["vip"], ["vip", "new"], [], ["VIP"]][place % 4],
            )[0]
        )  # fmt: skip
        Contact.objects.filter(pk=made[-1].pk).update(created_at=NOW - timedelta(days=place, hours=place))
    other = Inbox.objects.create(name="Other", channel="telegram", team=number.team)
    for place, contact in enumerate(made):
        for inbox in [number, other][: place % 3]:
            identity, _new = ContactIdentity.objects.get_or_create(
                inbox=inbox, contact=contact, defaults={"external_id": f"x{place}"}
            )
            resolved = place % 4 == 1
            Conversation.objects.create(
                inbox=inbox, contact=contact, identity=identity, tags=["late"] if place % 2 else [],
                status="resolved" if resolved else "open", resolved_at=NOW if resolved else None,
                last_contact_at=None if place % 5 == 1 else NOW - timedelta(days=place),
            )  # fmt: skip
    return list(Contact.objects.all())


def number_in(text: Any) -> float | None:
    return float(text) if re.fullmatch(r" *-?[0-9]{1,15}(\.[0-9]{1,10})? *", str(text)) else None


def text_holds(known: str, op: str, value: str) -> bool:
    known, value = known.lower(), value.strip().lower()
    return {
        "is": known == value, "is_not": known != value, "contains": value in known,
        "starts": known.startswith(value), "empty": known == "", "filled": known != "",
    }[op]  # fmt: skip


def holds(contact: Contact, rule: Rule) -> bool:
    """A rule as somebody would read it aloud."""
    field, op, value = rule["field"], rule["op"], rule.get("value", "")
    talks = list(contact.conversations.all())
    if field == "language" and op in {"is", "is_not"}:
        said, asked = contact.locale.lower(), value.lower()
        return (said == asked or said.startswith(f"{asked}-")) is (op == "is")
    if field in {"name", "email", "phone", "language"}:
        return text_holds(contact.locale if field == "language" else getattr(contact, field), op, value)
    if field == "attribute":
        told = contact.attributes.get(rule["name"])
        if op in {"more", "less"}:
            known = number_in("" if told is None else told)
            return known is not None and (known > float(value) if op == "more" else known < float(value))
        return text_holds("" if told is None else str(told), op, value)
    if field == "created" and op in {"before", "after"}:
        day = contact.created_at.date()
        return day < date.fromisoformat(value) if op == "before" else day > date.fromisoformat(value)
    if field in {"created", "last_message"}:
        known_at = [contact.created_at] if field == "created" else [row.last_contact_at for row in talks]
        told_at = [at for at in known_at if at is not None]
        if op == "never":
            return not told_at
        return any(at >= NOW - timedelta(days=value) for at in told_at) is (op == "within_days")
    found = {
        "tag": lambda: value in contact.tags,
        "conversation_tag": lambda: any(value in row.tags for row in talks),
        "conversation_inbox": lambda: any(row.inbox_id == value for row in talks),
        "conversation_status": lambda: any(row.status == value for row in talks),
    }[field]()
    return found is (op == "has")


def rules(inboxes: list[int]) -> st.SearchStrategy[Rule]:
    """Every kind of rule with every operator."""
    texts = st.sampled_from(
        ["ana", "Ana", "a", "100%", "_", "%", "pt", "pt-BR", "ES", "x.example", "+5511", "'"]
    )
    with_text = st.fixed_dictionaries({
        "field": st.sampled_from(["name", "email", "phone", "language"]),
        "op": st.sampled_from(["is", "is_not", "contains", "starts", "empty", "filled"]), "value": texts,
    })  # fmt: skip
    attribute = st.fixed_dictionaries({
        "field": st.just("attribute"), "name": st.sampled_from(["plan", "none", "2024", 'o"k\'; --', "%s"]),
        "op": st.sampled_from(["is", "is_not", "contains", "empty", "filled"]),
        "value": st.sampled_from([word for word in WORDS if word.strip()]),
    })  # fmt: skip
    compared = st.fixed_dictionaries({
        "field": st.just("attribute"), "name": st.sampled_from(["plan", "n", "2024"]),
        "op": st.sampled_from(["more", "less"]), "value": st.sampled_from(["10", "9.4", "-3", "0", "1e2"]),
    })  # fmt: skip
    tags = st.fixed_dictionaries({
        "field": st.sampled_from(["tag", "conversation_tag"]), "op": st.sampled_from(["has", "has_not"]),
        "value": st.sampled_from(["vip", "new", "late", "none"]),
    })  # fmt: skip
    dates = st.fixed_dictionaries({
        "field": st.just("created"), "op": st.sampled_from(["before", "after"]),
        "value": st.dates(date(2026, 5, 1), date(2026, 6, 16)).map(str),
    })  # fmt: skip
    days = st.fixed_dictionaries({
        "field": st.sampled_from(["created", "last_message"]),
        "op": st.sampled_from(["within_days", "not_within_days"]), "value": st.integers(1, 45),
    })  # fmt: skip
    of_talks = st.fixed_dictionaries({
        "field": st.just("conversation_inbox"), "op": st.sampled_from(["has", "has_not"]),
        "value": st.sampled_from([*inboxes, 2**31 - 1]),
    }) | st.fixed_dictionaries({
        "field": st.just("conversation_status"), "op": st.sampled_from(["has", "has_not"]),
        "value": st.sampled_from(["open", "resolved", "bot"]),
    })  # fmt: skip
    never = st.just({"field": "last_message", "op": "never"})
    return with_text | attribute | compared | tags | dates | days | of_talks | never


@pytest.mark.usefixtures("population", "time_stands")
def test_postgres_finds_whom_a_plain_reading_finds(number: Inbox) -> None:
    everybody = list(Contact.objects.prefetch_related("conversations"))
    inboxes = list(Inbox.objects.values_list("pk", flat=True))

    @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=250, database=None)
    @given(st.lists(rules(inboxes), min_size=1, max_size=3), st.sampled_from(["all", "any"]))
    def compare(chosen: list[Rule], match: str) -> None:
        join: Callable[..., bool] = all if match == "all" else any
        expected = {row.pk for row in everybody if join(holds(row, rule) for rule in chosen)}
        rows = members(number, read_segment({"match": match, "rules": chosen}))
        found = list(rows.values_list("pk", flat=True))
        assert set(found) == expected
        assert len(found) == len(expected)

    compare()


@pytest.fixture
def time_stands() -> Iterator[None]:
    """It is noon."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.mark.parametrize(
    "name", ["'; DROP TABLE x; --", '"', "%s", "%(a)s", "a->>'b'", "\\", "{0}", "plan) OR (1=1", "2024", "-1"]
)
def test_name_of_an_attribute_is_a_name_and_no_sql(number: Inbox, name: str) -> None:
    people(number, 1, name="has", attributes={name: "7"})
    people(number, 1, start=1, name="has not")
    for op, value, expected in (
        ("is", "7", {"has"}), ("is_not", "7", {"has not"}), ("more", "6", {"has"}), ("filled", "", {"has"}),
        ("contains", "7", {"has"}), ("is", name, set()),
    ):  # fmt: skip
        assert names(number, {"field": "attribute", "name": name, "op": op, "value": value}) == expected


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("pt", {"pt", "pt-BR", "PT-pt"}), ("pt_BR", {"pt-BR"}), ("PT-br", {"pt-BR"}), ("es", {"es-MX"}),
        ("es-ES", set()), ("p", set()),
    ],
)  # fmt: skip
def test_language_means_all_its_countries(number: Inbox, value: str, found: set[str]) -> None:
    for place, locale in enumerate(("pt", "pt-BR", "PT-pt", "es-MX", "pte", "")):
        people(number, 1, start=place, name=locale or "unknown", locale=locale)
    assert names(number, {"field": "language", "op": "is", "value": value}) == found
    others = names(number, {"field": "language", "op": "is_not", "value": value})
    assert others == {"pt", "pt-BR", "PT-pt", "es-MX", "pte", "unknown"} - found


def test_campaign_rules_follow_what_came_of_another(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 3)
    first = run(draft(segment={"rules": [{"field": "name", "op": "is_not", "value": "Maria 2"}]}), lead)
    receive(inbox=number, sender=Sender("5511900000000"), text="Oi")

    def rule(op: str) -> set[str]:
        return names(number, {"field": "campaign", "op": op, "value": str(first.pk)})

    assert rule("got") == {"Maria 0", "Maria 1"}
    assert rule("not_got") == {"Maria 2"}
    assert rule("replied") == {"Maria 0"}
    assert rule("not_replied") == {"Maria 1", "Maria 2"}


def test_audience_is_written_down_in_steps_and_once(
    draft: Draft, number: Inbox, lead: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "AT_ONCE", 7)
    people(number, 30)
    campaign: Campaign = draft()
    actions.approve(campaign=campaign, by=lead)
    actions.start(campaign=campaign, by=lead)
    steps = 0
    while preparing.prepare_some(str(campaign.pk)):
        steps += 1
        assert Recipient.objects.count() == min(30, steps * 7)
    assert Recipient.objects.count() == audience(campaign).count() == 30
    assert not preparing.prepare_some(str(campaign.pk))
    assert timezone.now() >= Campaign.objects.get().prepared_at  # type: ignore[operator]
