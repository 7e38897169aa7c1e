"""Who a segment is: its rules as conditions on customers."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, FloatField, Func, OuterRef, Q, QuerySet, TextField
from django.db.models.expressions import Case, Value, When
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone

from campaigns.enums import RecipientState, Source
from campaigns.models import Campaign, Recipient
from campaigns.segments import (
    AnyRule,
    AttributeRule,
    CampaignRule,
    DateRule,
    DaysRule,
    InboxRule,
    NeverRule,
    Segment,
    StatusRule,
    TagRule,
    TextRule,
    read_segment,
)
from conversations.models import Contact, ContactIdentity, Conversation, Inbox
from conversations.queries.recipients import recipient_at
from conversations.queries.windows import capabilities

NUMBER = r"^ *-?[0-9]{1,15}(\.[0-9]{1,10})? *$"
# Addresses by which we find out of what kind a channel's are.
PROBES = {"phone": "+5511999990001", "email": "somebody@example.com"}


def audience(campaign: Campaign) -> "QuerySet[Contact]":
    """Returns the customers whom a campaign's segment means and whom its inbox may reach.

    Those known in the inbox; where strangers can be written to, also those with an address for it who are
    customers of the inbox's team or of everybody. One who is merged into another stands for nobody.
    """
    return members(campaign.inbox, read_segment(campaign.segment))


def meant(campaign: Campaign, segment: Segment) -> "QuerySet[Contact]":
    """Returns for whom a campaign is: its list, or the customers of a segment that may not be saved yet."""
    if campaign.source == Source.LIST:
        return Contact.objects.filter(campaigns__campaign=campaign)
    return members(campaign.inbox, segment)


def members(inbox: Inbox, segment: Segment) -> "QuerySet[Contact]":
    """Returns the customers of a segment whom an inbox may reach."""
    known = ContactIdentity.objects.filter(contact=OuterRef("pk"), inbox=inbox)
    reachable = Q(Exists(known))
    if fields := address_fields(inbox):
        has_address = reduce(or_, (~Q(**{name: ""}) for name in fields))
        reachable |= has_address & Q(Exists(_theirs(inbox)))
    people = Contact.objects.filter(reachable, merged_into=None)
    if not segment.rules:
        return people
    join = and_ if segment.match == "all" else or_
    return people.filter(reduce(join, (condition(rule, _theirs(inbox)) for rule in segment.rules)))


def _theirs(inbox: Inbox) -> "QuerySet[Conversation]":
    """Returns a customer's conversations that an inbox may know of: its team's, and those of everybody."""
    shared = Q(inbox__team=None) | Q(inbox__team=inbox.team_id)
    return Conversation.objects.filter(shared, contact=OuterRef("pk"))


def address_fields(inbox: Inbox) -> list[str]:
    """Returns which fields of a customer hold an address that the inbox can write to first."""
    if not capabilities(inbox).opens:
        return []
    return [name for name, probe in PROBES.items() if recipient_at(inbox, probe) is not None]


def condition(rule: AnyRule, theirs: "QuerySet[Conversation]") -> Q:
    """Returns a rule as a condition on `Contact`; `theirs`: the conversations of one that count."""
    if found := OF_CONVERSATIONS.get(type(rule)):
        return found(rule, theirs)
    return OF_CUSTOMERS[type(rule)](rule)


def _of_text(rule: TextRule) -> Q:
    name = "locale" if rule.field == "language" else rule.field
    if rule.field == "language" and rule.op in {"is", "is_not"}:
        # pt means every Portuguese.
        spoken = rule.value.replace("_", "-")
        found = Q(locale__iexact=spoken) | Q(locale__istartswith=f"{spoken}-")
        return found if rule.op == "is" else ~found
    return _compared(Q, name, rule.op, rule.value)


def _compared(make: Callable[..., Q], name: str, op: str, value: str) -> Q:
    found: dict[str, Q] = {
        "is": make(**{f"{name}__iexact": value}),
        "contains": make(**{f"{name}__icontains": value}),
        "starts": make(**{f"{name}__istartswith": value}),
        "empty": make(**{name: ""}),
    }
    if op == "is_not":
        return ~found["is"]
    return ~found["empty"] if op == "filled" else found[op]


def _of_attribute(rule: AttributeRule) -> Q:
    # Django's own way to a key takes 2024 for a place in an array.
    told = Func(F("attributes"), Value(rule.name), function="jsonb_extract_path_text")
    told = Coalesce(told, Value(""), output_field=TextField())
    if rule.op in {"more", "less"}:
        return _of_number(rule, told)
    found = {"is": "iexact", "is_not": "iexact", "contains": "icontains"}.get(rule.op, "exact")
    value = "" if rule.op in {"empty", "filled"} else rule.value
    matching = Contact.objects.alias(told=told).filter(**{f"told__{found}": value})
    here = Q(Exists(matching.filter(pk=OuterRef("pk"))))
    return ~here if rule.op in {"is_not", "filled"} else here


def _of_number(rule: AttributeRule, told: Any) -> Q:
    """Compares what looks like a number; anything else is neither more nor less."""
    number = Case(When(told__regex=NUMBER, then=Cast("told", FloatField())), output_field=FloatField())
    beyond = "gt" if rule.op == "more" else "lt"
    matching = Contact.objects.alias(told=told).alias(number=number)
    found = matching.filter(**{f"number__{beyond}": float(rule.value)}, pk=OuterRef("pk"))
    return Q(Exists(found))


def _of_tag(rule: TagRule, theirs: "QuerySet[Conversation]") -> Q:
    if rule.field == "tag":
        found = Q(tags__contains=[rule.value])
    else:
        found = Q(Exists(theirs.filter(tags__contains=[rule.value])))
    return found if rule.op == "has" else ~found


def _of_date(rule: DateRule) -> Q:
    start = timezone.make_aware(datetime.combine(rule.value, time()))
    return Q(created_at__lt=start) if rule.op == "before" else Q(created_at__gte=start + timedelta(days=1))


def _of_days(rule: DaysRule, theirs: "QuerySet[Conversation]") -> Q:
    since = timezone.now() - timedelta(days=rule.value)
    if rule.field == "created":
        found = Q(created_at__gte=since)
    else:
        found = Q(Exists(theirs.filter(last_contact_at__gte=since)))
    return found if rule.op == "within_days" else ~found


def _of_never(_rule: Any, theirs: "QuerySet[Conversation]") -> Q:
    return ~Q(Exists(theirs.filter(last_contact_at__isnull=False)))


def _of_inbox(rule: InboxRule, theirs: "QuerySet[Conversation]") -> Q:
    found = Q(Exists(theirs.filter(inbox=rule.value)))
    return found if rule.op == "has" else ~found


def _of_status(rule: StatusRule, theirs: "QuerySet[Conversation]") -> Q:
    found = Q(Exists(theirs.filter(status=rule.value)))
    return found if rule.op == "has" else ~found


def _of_campaign(rule: CampaignRule) -> Q:
    rows = Recipient.objects.filter(contact=OuterRef("pk"), campaign=UUID(rule.value))
    if rule.op in {"replied", "not_replied"}:
        found = Q(Exists(rows.filter(replied_at__isnull=False)))
    else:
        found = Q(Exists(rows.filter(state=RecipientState.WRITTEN)))
    return ~found if rule.op.startswith("not_") else found


OF_CUSTOMERS: dict[type[Any], Callable[[Any], Q]] = {
    TextRule: _of_text,
    AttributeRule: _of_attribute,
    DateRule: _of_date,
    CampaignRule: _of_campaign,
}
OF_CONVERSATIONS: dict[type[Any], Callable[[Any, "QuerySet[Conversation]"], Q]] = {
    TagRule: _of_tag,
    DaysRule: _of_days,
    NeverRule: _of_never,
    InboxRule: _of_inbox,
    StatusRule: _of_status,
}
