"""Customers whom nobody knew before a campaign's list: a wrong list must not leave them behind."""

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from campaigns.enums import ConsentSource
from campaigns.models import Campaign, Consent, Recipient
from conversations.models import Contact, ContactIdentity


def forget_newcomers(campaign: Campaign) -> int:
    """Deletes the customers whom a campaign's list made and of whom there is nothing else; says how many.

    Nothing else is: no conversation, ticket, merge or other campaign, and nobody but a list has said whether
    they want messages. Needs a transaction.
    """
    made = Recipient.objects.filter(campaign=campaign, is_newcomer=True).values("contact")
    count, by_model = _of_whom_nothing_else_is(Contact.objects.filter(pk__in=made), campaign).delete()
    return by_model.get(Contact._meta.label, 0) if count else 0


def _of_whom_nothing_else_is(people: "QuerySet[Contact]", campaign: Campaign) -> "QuerySet[Contact]":
    said = Consent.objects.filter(identity__contact=OuterRef("pk")).exclude(source=ConsentSource.LIST)
    people = people.exclude(Exists(said))
    for relation in Contact._meta.related_objects:
        if (relation.related_model, relation.field.name) == (ContactIdentity, "contact"):
            continue
        rows: QuerySet[Any] = QuerySet(relation.related_model).filter(**{relation.field.name: OuterRef("pk")})
        if relation.related_model is Recipient:
            rows = rows.exclude(campaign=campaign)
        people = people.exclude(Exists(rows))
    return people
