"""Customers: list, make, read, change, erase; many at once; merging; what they agreed to."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.bulk import EachResultSerializer, done, refused
from api.queries import contact_by_id, contacts_for, with_identities
from api.routes import both
from api.v1.contact_shapes import (
    BulkContacts,
    ConsentsSerializer,
    ContactChange,
    ContactQuery,
    ContactWholeSerializer,
    Merging,
    NewConsents,
    NewContact,
    NewIdentity,
)
from campaigns.actions import set_channel_consents
from campaigns.queries.consents import consents_by_channel
from conversations.actions import (
    Known,
    Outcome,
    Told,
    Wanted,
    add_identity,
    create_contact,
    edit_contact,
    erase_contact,
    merge_contacts,
    upsert_contacts,
)
from conversations.models import Contact, ContactIdentity, Inbox
from conversations.queries.contacts import with_email, with_phone, with_words
from core.errors import HelpdeskError, NotFound


class Contacts(ApiViewSet):
    """The customers whom you may see: with whom you may see a conversation, or whom your inboxes know."""

    queries: ClassVar = {"list": ContactQuery}
    admin_actions: ClassVar = frozenset({"destroy"})
    conflicts: ClassVar = frozenset({"create", "partial_update", "merge", "identify", "agree"})

    @extend_schema(summary="List customers", responses=ContactWholeSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Those of your teams; all of them for admins. Who was merged into another one is not listed."""
        del request
        rows = matching(contacts_for(self.actor), self.query)
        if {"inbox", "external_id"} & set(self.query):
            rows = rows.filter(Exists(self._known()))
        return self.page(with_identities(rows, self.actor), ContactWholeSerializer)

    def _known(self) -> "QuerySet[ContactIdentity]":
        """Returns the ids that the query names, in inboxes that the actor sees."""
        rows = ContactIdentity.objects.filter(inbox__in=Inbox.objects.visible_to(self.actor))
        wanted = {name: self.query[name] for name in ("inbox", "external_id") if name in self.query}
        return rows.filter(contact=OuterRef("pk"), **wanted)

    @extend_schema(summary="Make a customer", request=NewContact, responses={201: ContactWholeSerializer})
    def create(self, request: Request) -> Response:
        """Writes a customer down; nobody is written to, and no double is looked for.

        Give an `identity` for each inbox through which you want to write to them.
        """
        del request
        wanted = self.body(NewContact)
        identities = wanted.pop("identities", ())
        contact = create_contact(by=self.actor, told=Told(**wanted), identities=identities)
        return self._answer(contact, status=201)

    @extend_schema(operation_id="contacts_read", summary="Read a customer", responses=ContactWholeSerializer)
    def retrieve(self, request: Request, contact_id: UUID) -> Response:
        """One customer. Of somebody who was merged, `merged_into` names who stands for them."""
        del request
        return self.show(contact_by_id(contact_id, actor=self.actor), ContactWholeSerializer)

    @extend_schema(
        operation_id="contacts_change",
        summary="Change a customer",
        request=ContactChange,
        responses=ContactWholeSerializer,
    )
    def partial_update(self, request: Request, contact_id: UUID) -> Response:
        """Changes what the body names."""
        del request
        wanted = self.body(ContactChange)
        contact = contact_by_id(contact_id, actor=self.actor)
        row = edit_contact(contact=contact, by=self.actor, told=Told(**wanted), expected=self.expected)
        return self._answer(row)

    @extend_schema(
        operation_id="contacts_erase",
        summary="Erase a customer",
        responses={204: None, 202: OpenApiResponse(description="They said much: a job erases them now.")},
    )
    def destroy(self, request: Request, contact_id: UUID) -> Response:
        """Erases everything they said and everything noted of them, for good; tickets stay without them."""
        del request
        contact = contact_by_id(contact_id, actor=self.actor)
        is_done = erase_contact(contact=contact, by=self.actor, expected=self.expected)
        return Response(status=204 if is_done else 202)

    @extend_schema(
        operation_id="contacts_add_identity",
        summary="Add an id",
        request=NewIdentity,
        responses={201: ContactWholeSerializer},
    )
    def identify(self, request: Request, contact_id: UUID) -> Response:
        """Notes by which id one inbox more knows the customer; again, it changes nothing."""
        del request
        contact = contact_by_id(contact_id, actor=self.actor)
        known: Any = self.body(NewIdentity)
        add_identity(contact=contact, known=known, by=self.actor)
        return self._answer(contact, status=201)

    @extend_schema(
        operation_id="contacts_merge",
        summary="Merge two customers",
        request=Merging,
        responses={200: ContactWholeSerializer},
    )
    def merge(self, request: Request, contact_id: UUID) -> Response:
        """Makes two customers one: ids and conversations of `other` go over, and what this one lacked."""
        del request
        keep = contact_by_id(contact_id, actor=self.actor)
        other = self.body(Merging)["other"]
        return self._answer(merge_contacts(keep=keep, other=other, by=self.actor))

    @extend_schema(
        operation_id="contacts_bulk",
        summary="Make or change many customers",
        request=BulkContacts,
        responses={200: EachResultSerializer},
    )
    def bulk(self, request: Request) -> Response:
        """Up to a thousand, each known by an id in an inbox or by e-mail, made where nobody knows them.

        Each has its own answer; one that is wrong holds up no other.
        """
        del request
        rows = self.body(BulkContacts)["contacts"]
        inboxes = Inbox.objects.visible_to(self.actor).in_bulk()
        read = [_wanted(row, inboxes) for row in rows]
        good = [each for each in read if isinstance(each, Wanted)]
        outcomes = iter(upsert_contacts(wanted=good, by=self.actor))
        told = [_told(next(outcomes)) if isinstance(each, Wanted) else refused(each) for each in read]
        return self.show({"results": told}, EachResultSerializer)

    @extend_schema(
        operation_id="contacts_consents", summary="Read what was agreed to", responses=ConsentsSerializer
    )
    def consents(self, request: Request, contact_id: UUID) -> Response:
        """What the customer last said of messages nobody asked for, channel by channel."""
        del request
        return self._consents(contact_by_id(contact_id, actor=self.actor))

    @extend_schema(
        operation_id="contacts_agree",
        summary="Enter what was agreed to",
        request=NewConsents,
        responses=ConsentsSerializer,
    )
    def agree(self, request: Request, contact_id: UUID) -> Response:
        """Enters what they told you. For leads, and for keys, which cannot turn their own no into a yes."""
        del request
        states = {each["channel"]: each["state"] for each in self.body(NewConsents)["consents"]}
        contact = contact_by_id(contact_id, actor=self.actor)
        row = set_channel_consents(contact=contact, states=states, by=self.actor, expected=self.expected)
        return self._consents(row)

    def _consents(self, contact: Contact) -> Response:
        told = {"consents": consents_by_channel(contact)}
        return self.show(told, ConsentsSerializer, of=contact)

    def _answer(self, contact: Contact, *, status: int = 200) -> Response:
        return self.show(contact_by_id(contact.pk, actor=self.actor), ContactWholeSerializer, status=status)


def matching(rows: "QuerySet[Contact]", wanted: Mapping[str, Any]) -> "QuerySet[Contact]":
    """Narrows customers by what a query says of themselves."""
    if "q" in wanted:
        rows = rows.filter(with_words(wanted["q"]))
    if "email" in wanted:
        rows = with_email(rows, wanted["email"])
    if "phone" in wanted:
        rows = with_phone(rows, wanted["phone"])
    if "tag" in wanted:
        rows = rows.filter(tags__contains=[wanted["tag"]]).exclude(tags=[])
    if "created_since" in wanted:
        rows = rows.filter(created_at__gte=wanted["created_since"])
    return rows.filter(updated_at__gte=wanted["updated_since"]) if "updated_since" in wanted else rows


def _wanted(row: Any, inboxes: Mapping[int, Inbox]) -> Wanted | Exception:
    """Returns one of many as the action takes it, or why it cannot be read."""
    if isinstance(row, Exception):
        return row
    told = {**row, "add_tags": row.get("tags", ())}
    number, external_id = told.pop("inbox", None), told.pop("external_id", "")
    told.pop("tags", None)
    if number is None:
        return Wanted(Told(**told))
    inbox = inboxes.get(number)
    return Wanted(Told(**told), Known(inbox, external_id)) if inbox else NotFound(field="inbox")


def _told(outcome: Outcome) -> dict[str, Any]:
    if outcome.contact is None:
        return refused(outcome.error or HelpdeskError())
    return done(outcome.contact.pk, status=201 if outcome.is_new else 200)


ONE = "contacts/<uuid:contact_id>"
addresses = [
    *both("contacts", Contacts.as_view({"get": "list", "post": "create"}), "contacts"),
    *both("contacts/bulk", Contacts.as_view({"post": "bulk"}), "contacts-bulk"),
    *both(
        ONE, Contacts.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}), "contact"
    ),
    *both(f"{ONE}/identities", Contacts.as_view({"post": "identify"}), "contact-identities"),
    *both(f"{ONE}/merge", Contacts.as_view({"post": "merge"}), "contact-merge"),
    *both(f"{ONE}/consents", Contacts.as_view({"get": "consents", "put": "agree"}), "contact-consents"),
]
