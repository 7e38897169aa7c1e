"""Writes of tickets: opening one, changing one. Both are told in its history and conversations."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Team, User
from conversations.actions import add_event, lock
from conversations.actions.record import require_staff, save_locked
from conversations.enums import EventType, Priority
from conversations.groups import DESK_ALL, desk_group
from conversations.models import Contact, Conversation
from core.actor import Actor, ActorKind
from core.errors import Forbidden, Invalid, NotFound
from core.realtime import publish
from tickets.enums import DONE, TicketEventType, TicketSource, TicketStatus
from tickets.models import Ticket, TicketEvent
from tickets.queries import may_be_requester, same_matter, same_words

MAX_SUBJECT = 200
MAX_DESCRIPTION = 10_000

SOURCES = {
    ActorKind.AGENT: TicketSource.AGENT,
    ActorKind.OPERATOR: TicketSource.DESK,
    ActorKind.API_KEY: TicketSource.API,
    ActorKind.CONTACT: TicketSource.CHAT,
    ActorKind.SYSTEM: TicketSource.SYSTEM,
}


class Keep(Enum):
    """The value of an argument that says: leave this as it is."""

    KEEP = "keep"


KEEP = Keep.KEEP
Kept = Literal[Keep.KEEP]


@dataclass(frozen=True, slots=True)
class _Wish:
    """A ticket as asked for, checked."""

    subject: str
    description: str
    priority: int
    team: Team | None
    source: TicketSource
    key: str | None


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
) -> Ticket:
    """Opens a ticket, or returns the one that exists for the same call or the same matter.

    The same call: `idempotency_key` is known (keys are global: a door that takes them from outside prefixes
    them with its caller). The same matter: an unsolved ticket of the conversation that `same_matter` finds;
    a description that says something new is added to its history. Which of both it was is told by
    `just_created` of the result. Without `team` it gets the conversation's, else the inbox's; the customer
    of a conversation is its contact. It assigns nobody and tells nobody by mail; the customer sees the
    number only of a ticket that they or the agent opened.

    Raises NotFound for a conversation the actor may not see, Forbidden for an agent without one, Invalid for
    an empty or too long text, an unknown priority or a customer who is not the actor's to name.
    """
    wish = _Wish(
        _line(subject),
        _text(description),
        _priority(priority),
        team,
        source or SOURCES[by.kind],
        idempotency_key,
    )
    row = _locked(conversation, by=by)
    requester = _requester(row, contact, by=by)
    if known := Ticket.objects.filter(idempotency_key=wish.key).first() if wish.key else None:
        return known
    if row is None:
        return _insert(wish, requester, by=by)
    if known := same_matter(row, subject=wish.subject, description=wish.description):
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
        idempotency_key=wish.key,
        created_by_kind=by.kind,
        created_by_name=by.name[:120],
        last_seq=1,
    )
    try:
        with transaction.atomic():
            ticket.save(force_insert=True)
    except IntegrityError:
        known = Ticket.objects.filter(idempotency_key=wish.key).first() if wish.key else None
        if known is None:
            raise
        return known
    ticket.just_created = True
    _append(ticket, TicketEventType.CREATED, by=by)
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
    _append(row, TicketEventType.REPEATED, by=by, text=wish.description)
    row.save(update_fields=["last_seq", "updated_at"])
    _wake(row)


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
) -> Ticket:
    """Changes what is given and returns the row; what is the same already is no change and leaves no trace.

    Naming the first person in charge opens a new ticket. `solved_at` follows the status. It moves no
    conversation and tells no customer. Raises Forbidden for anybody but staff, NotFound when the actor may
    not see the ticket, Invalid for a value that is none. An actor may move a ticket out of its own sight.
    """
    require_staff(by)
    # Conversations first, then the ticket: the order in which `create_ticket` takes its locks.
    linked = sorted(ticket.conversations.values_list("pk", flat=True))
    conversations = [lock(pk, by=Actor.system()) for pk in linked]
    row = lock_ticket(ticket, by=by)
    old_team = row.team_id
    wanted: dict[str, Any] = {
        "subject": subject if subject is KEEP else _line(subject),
        "description": description if description is KEEP else _text(description),
        "status": status if status is KEEP else _status(status),
        "priority": priority if priority is KEEP else _priority(priority),
        "team": team,
        "assignee": assignee if assignee is KEEP else _person(assignee),
    }
    if row.status == TicketStatus.NEW and status is KEEP and isinstance(assignee, User):
        wanted["status"] = TicketStatus.OPEN
    changes = _apply(row, wanted)
    if changes:
        row.save(update_fields=[*changes, "solved_at", "last_seq", "updated_at"])
        _append(row, TicketEventType.UPDATED, by=by, changes=changes)
        for conversation in conversations:
            _tell_conversation(
                conversation, row, EventType.TICKET_UPDATED, by=by, is_internal=True, changes=changes
            )
        _wake(row, old_team)
    return row


def lock_ticket(ticket: Ticket, *, by: Actor) -> Ticket:
    """Returns the ticket with its row locked until the transaction ends; raises NotFound if not visible."""
    rows = Ticket.objects.select_for_update(of=("self",)).select_related("team", "assignee", "requester")
    found = rows.visible_to(by).filter(pk=ticket.pk).first()
    if found is None:
        raise NotFound
    return found


def _apply(row: Ticket, wanted: dict[str, Any]) -> dict[str, Any]:
    """Sets what differs and returns it as {field: {"from", "to"}} in words."""
    changes = {}
    for name, value in wanted.items():
        before = getattr(row, name)
        if value is KEEP or value == before:
            continue
        setattr(row, name, value)
        changes[name] = {"from": _word(name, before), "to": _word(name, value)}
    if changes:
        row.last_seq += 1
        row.solved_at = (row.solved_at or timezone.now()) if row.status in DONE else None
    return changes


def _word(name: str, value: Any) -> str | None:
    """A value as the history keeps it: what it was called at the time, not the id of a row."""
    if isinstance(value, Team):
        return value.slug
    if isinstance(value, User):
        return value.display_name
    if name == "priority":
        return Priority(value).name.lower()
    return None if value is None else str(value)


def _append(
    ticket: Ticket, kind: TicketEventType, *, by: Actor, changes: dict[str, Any] | None = None, text: str = ""
) -> None:
    """Writes the history line under the number the ticket's row already carries."""
    TicketEvent.objects.create(
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


def _line(text: str) -> str:
    clean = " ".join(_storable(text).split())
    if not clean:
        raise Invalid(_("A ticket needs a subject."), field="subject")
    if len(clean) > MAX_SUBJECT:
        raise Invalid(_("A subject may have %d characters.") % MAX_SUBJECT, field="subject")
    return clean


def _text(text: str) -> str:
    clean = _storable(text).strip()
    if len(clean) > MAX_DESCRIPTION:
        raise Invalid(_("A description may have %d characters.") % MAX_DESCRIPTION, field="description")
    return clean


def _storable(text: str) -> str:
    """Returns the text without what Postgres cannot hold: NUL and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _priority(value: int) -> int:
    if value not in Priority.values:
        raise Invalid(_("There is no such priority."), field="priority")
    return value


def _status(value: str) -> str:
    if value not in TicketStatus.values:
        raise Invalid(_("There is no such status."), field="status")
    return value


def _person(user: User | None) -> User | None:
    if user is not None and not (user.is_active and user.is_staff):
        raise Invalid(_("Only active members of staff can be responsible."), field="assignee")
    return user
