"""Writes of tickets: opening one, changing one. Both are told in its history and conversations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Team, User
from conversations.actions import add_event, lock
from conversations.actions.record import ALWAYS_SAVED, require_staff, save_locked
from conversations.enums import EventType, FieldEntity, Priority
from conversations.groups import DESK_ALL, desk_group
from conversations.models import Contact, Conversation
from conversations.queries.fields import merged_attributes
from core import rows
from core.actor import Actor, ActorKind
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.keep import KEEP, Kept
from core.realtime import publish
from core.versions import require_version
from tickets.checks import body, line, person_of, priority_of, status_of
from tickets.enums import DONE, TicketEventType, TicketSource, TicketStatus
from tickets.models import Ticket, TicketEvent
from tickets.queries import may_be_requester, same_matter, same_words
from tickets.words import in_words

SOURCES = {
    ActorKind.AGENT: TicketSource.AGENT,
    ActorKind.OPERATOR: TicketSource.DESK,
    ActorKind.API_KEY: TicketSource.API,
    ActorKind.CONTACT: TicketSource.CHAT,
    ActorKind.SYSTEM: TicketSource.SYSTEM,
}


@dataclass(frozen=True, slots=True)
class _Wish:
    """A ticket as asked for, checked."""

    subject: str
    description: str
    priority: int
    team: Team | None
    source: TicketSource
    key: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def create_ticket(
    *,
    by: Actor,
    subject: str,
    description: str = "",
    conversation: Conversation | None = None,
    team: Team | None = None,
    priority: int = Priority.NORMAL,
    contact: Contact | None = None,
    source: TicketSource | None = None,
    idempotency_key: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Ticket:
    """Opens a ticket, or returns the one that exists for the same call or the same matter.

    The same call: `idempotency_key` is known (keys are global: a door that takes them from outside prefixes
    them with its caller). The same matter: an unsolved ticket of the conversation that `same_matter` finds;
    a description that says something new is added to its history. Which of both it was is told by
    `just_created` of the result. Without `team` it gets the conversation's, else the inbox's; the customer
    of a conversation is its contact. It assigns nobody and tells nobody by mail; the customer sees the
    number only of a ticket that they or the agent opened.

    Raises NotFound for a conversation the actor may not see, Forbidden for an agent without one, Invalid for
    an empty or too long text, an unknown priority, a customer who is not the actor's to name, or an
    attribute that fits no custom field.
    """
    wish = _Wish(
        line(subject),
        body(description),
        priority_of(priority),
        team,
        source or SOURCES[by.kind],
        idempotency_key,
        merged_attributes(FieldEntity.TICKET, {}, attributes) if attributes else {},
    )
    row = _locked(conversation, by=by)
    requester = _requester(row, contact, by=by)
    if known := Ticket.objects.filter(idempotency_key=wish.key).first() if wish.key else None:
        return known
    if row is None:
        return _insert(wish, requester, by=by)
    if known := same_matter(row, subject=wish.subject, description=wish.description, actor=by):
        _repeat(known, wish, by=by)
        return known
    ticket = _insert(replace(wish, team=team or row.team or row.inbox.team), requester, by=by)
    if ticket.just_created:
        ticket.conversations.add(row)
        _tell_conversation(row, ticket, EventType.TICKET_CREATED, by=by, is_internal=by.is_staff)
    return ticket


def _locked(conversation: Conversation | None, *, by: Actor) -> Conversation | None:
    """Returns the conversation's row locked: whoever decides about its tickets decides one at a time."""
    if conversation is None:
        if by.kind == ActorKind.AGENT:
            raise Forbidden(_("An agent opens tickets only in a conversation."))
        return None
    # An agent acts in the conversation it was called for and has no view of its own.
    return lock(conversation.pk, by=Actor.system() if by.kind == ActorKind.AGENT else by)


def _requester(row: Conversation | None, contact: Contact | None, *, by: Actor) -> Contact | None:
    if row is not None:
        if contact is not None and contact.pk != row.contact_id:
            raise Invalid(_("The conversation is with another customer."), field="contact")
        return row.contact
    if contact is None and by.kind == ActorKind.CONTACT:
        return Contact.objects.filter(pk=by.id).first()
    if contact is not None and not may_be_requester(contact, actor=by):
        raise Invalid(_("There is no such customer, or you may not see them."), field="contact")
    return contact


def _insert(wish: _Wish, requester: Contact | None, *, by: Actor) -> Ticket:
    """Writes the row; of several calls with one key the unique constraint lets one through."""
    ticket = Ticket(
        subject=wish.subject,
        description=wish.description,
        priority=wish.priority,
        team=wish.team,
        requester=requester,
        source=wish.source,
        attributes=dict(wish.attributes),
        idempotency_key=wish.key,
        created_by_kind=by.kind,
        created_by_name=by.name[:120],
        last_seq=1,
    )
    try:
        # Only a key can be there already, and only then is anything done after a failure.
        with transaction.atomic(savepoint=wish.key is not None):
            opened = _line(ticket, TicketEventType.CREATED, by=by)
            rows.insert(opened, ticket)
    except IntegrityError:
        known = Ticket.objects.filter(idempotency_key=wish.key).first() if wish.key else None
        if known is None:
            raise
        return known
    ticket.opened = opened
    _wake(ticket)
    return ticket


def _repeat(ticket: Ticket, wish: _Wish, *, by: Actor) -> None:
    """Keeps what a second request for the same matter says, so that joining them loses nothing."""
    row = lock_ticket(ticket, by=Actor.system())
    told = TicketEvent.objects.filter(ticket=row, type=TicketEventType.REPEATED).values_list(
        "text", flat=True
    )
    if same_words(wish.description, [row.description, *told]):
        return
    row.last_seq += 1
    told_now = _line(row, TicketEventType.REPEATED, by=by, text=wish.description)
    rows.insert(told_now, updating=row, names=ALWAYS_SAVED)
    _wake(row)


@transaction.atomic
def add_to_ticket(
    *, ticket: Ticket, conversation: Conversation, by: Actor, text: str, priority: int | None = None
) -> Ticket:
    """Adds what the customer of a conversation says to an unsolved ticket of theirs, and returns the row.

    The same words again change nothing. `priority` only raises, and to high at most. Raises NotFound where
    the actor may not see the conversation or the ticket is not its customer's, Conflict when the ticket is
    done, Invalid for an empty or too long text.
    """
    said = body(text)
    if not said:
        raise Invalid(field="text")
    # First the conversation, then the ticket: the order in which all take their locks.
    talk = lock(conversation.pk, by=Actor.system() if by.kind == ActorKind.AGENT else by)
    row = lock_ticket(ticket, by=Actor.system())
    if row.requester_id != talk.contact_id:
        raise NotFound
    if row.status in DONE:
        raise Conflict(_("The ticket is done."))
    _repeat(row, _Wish(row.subject, said, row.priority, row.team, TicketSource(row.source), None), by=by)
    raised = min(priority or row.priority, Priority.HIGH)
    row = lock_ticket(ticket, by=Actor.system())
    if raised > row.priority and (changes := _apply(row, {"priority": raised})):
        changed = _line(row, TicketEventType.UPDATED, by=by, changes=changes)
        rows.insert(changed, updating=row, names=("priority", "solved_at", *ALWAYS_SAVED))
        _tell_conversation(talk, row, EventType.TICKET_UPDATED, by=by, is_internal=True, changes=changes)
        _wake(row)
    return row


@transaction.atomic
def update_ticket(
    *,
    ticket: Ticket,
    by: Actor,
    subject: str | Kept = KEEP,
    description: str | Kept = KEEP,
    status: str | Kept = KEEP,
    priority: int | Kept = KEEP,
    team: Team | Kept | None = KEEP,
    assignee: User | Kept | None = KEEP,
    attributes: Mapping[str, Any] | None = None,
    expected: str | None = None,
) -> Ticket:
    """Changes what is given and returns the row; what is the same already is no change and leaves no trace.

    Attributes are set one by one, None takes one away; those that are not named stay. Naming the first person
    in charge opens a new ticket. `solved_at` follows the status. It moves no conversation and tells no
    customer. Raises Forbidden for anybody but staff, NotFound when the actor may not see the ticket, Invalid
    for a value that is none. An actor may move a ticket out of its own sight.
    """
    require_staff(by)
    # Conversations first, then the ticket: the order in which `create_ticket` takes its locks.
    linked = rows.those(Ticket.conversations.through, "ticket", ticket.pk, order="conversation")
    conversations = [lock(link.conversation_id, by=Actor.system()) for link in linked]
    row = lock_ticket(ticket, by=by)
    require_version(row, expected)
    old_team = row.team_id
    wanted: dict[str, Any] = {
        "subject": subject if subject is KEEP else line(subject),
        "description": description if description is KEEP else body(description),
        "status": status if status is KEEP else status_of(status),
        "priority": priority if priority is KEEP else priority_of(priority),
        "team": team,
        "assignee": assignee if assignee is KEEP else person_of(assignee),
        "attributes": _attributes(row, attributes) if attributes else KEEP,
    }
    if row.status == TicketStatus.NEW and status is KEEP and isinstance(assignee, User):
        wanted["status"] = TicketStatus.OPEN
    changes = _apply(row, wanted)
    if changes:
        names = sorted({name.partition(".")[0] for name in changes})
        changed = _line(row, TicketEventType.UPDATED, by=by, changes=changes)
        rows.insert(changed, updating=row, names=(*names, "solved_at", *ALWAYS_SAVED))
        for conversation in conversations:
            _tell_conversation(
                conversation, row, EventType.TICKET_UPDATED, by=by, is_internal=True, changes=changes
            )
        _wake(row, old_team)
    return row


def hold_conversations(ids: Iterable[UUID]) -> None:
    """Locks the conversations of many tickets in one order, before the tickets are changed one by one.

    Needs a transaction. Whoever changes several would take a conversation after a ticket else.
    """
    linked = Conversation.objects.filter(tickets__in=list(ids)).order_by("pk")
    held = Conversation.objects.filter(pk__in=linked.values("pk")).order_by("pk")
    list(held.select_for_update(of=("self",)).values("pk"))


def lock_ticket(ticket: Ticket, *, by: Actor) -> Ticket:
    """Returns the ticket with its row locked until the transaction ends; raises NotFound if not visible."""
    related = ("team", "assignee", "requester")
    found = rows.find(Ticket, ticket.pk, *related, where=Ticket.sight(by), locked=True)
    if found is None:
        raise NotFound
    return found


def _apply(row: Ticket, wanted: dict[str, Any]) -> dict[str, Any]:
    """Sets what differs and returns it as {field: {"from", "to"}} in words."""
    changes: dict[str, Any] = {}
    for name, value in wanted.items():
        before = getattr(row, name)
        if value is KEEP or value == before:
            continue
        setattr(row, name, value)
        changes |= in_words(name, before, value)
    if changes:
        row.last_seq += 1
        row.solved_at = (row.solved_at or timezone.now()) if row.status in DONE else None
    return changes


def _attributes(row: Ticket, given: Mapping[str, Any]) -> dict[str, Any]:
    return merged_attributes(FieldEntity.TICKET, row.attributes, given)


def _line(
    ticket: Ticket, kind: TicketEventType, *, by: Actor, changes: dict[str, Any] | None = None, text: str = ""
) -> TicketEvent:
    """Returns a line of the history under the number that the ticket's row already carries."""
    return TicketEvent(
        ticket=ticket,
        seq=ticket.last_seq,
        type=kind,
        changes=changes or {},
        text=text,
        actor_kind=by.kind,
        actor_name=by.name[:120],
    )


def _tell_conversation(
    row: Conversation, ticket: Ticket, kind: EventType, *, by: Actor, is_internal: bool, **payload: Any
) -> None:
    """Appends the event to the locked conversation. What staff write about a customer stays internal."""
    facts: dict[str, Any] = {"ticket": str(ticket.pk), "number": ticket.number, "subject": ticket.subject}
    add_event(row, kind, by=by, is_internal=is_internal, **facts, **payload)
    save_locked(row)


def _wake(ticket: Ticket, *other_teams: int | None) -> None:
    """Tells the desks, on commit, to look at the ticket again (consumers: a method named `ticket`)."""
    teams = {ticket.team_id, *other_teams}
    message = {"type": "ticket", "ticket": str(ticket.pk), "seq": ticket.last_seq}
    publish([*map(desk_group, teams), DESK_ALL], message)
