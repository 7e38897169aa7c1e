"""Writing first: the conversation in which somebody is to be told something."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from conversations.actions.inbound import locked_identity
from conversations.actions.record import lock, require_staff, save_locked
from conversations.actions.resolution import reopen_locked
from conversations.enums import Status
from conversations.exchange import Sender
from conversations.models import ContactIdentity, Conversation, Inbox, Message
from conversations.queries.inboxes import inboxes_of
from conversations.queries.recipients import recipient_at
from conversations.queries.windows import capabilities
from core.actor import Actor
from core.errors import Forbidden, Invalid, NotFound


@transaction.atomic
def begin(
    *, inbox: Inbox, to: ContactIdentity | str, by: Actor, subject: str = "", client_id: UUID | None = None
) -> Conversation:
    """Returns the conversation in which to write to somebody first; whoever calls says it then.

    It belongs in one transaction with that `reply` or `send_template`: by itself it may leave an empty
    conversation. `to` is somebody known in the inbox, or an address where the channel reaches strangers.
    With subjects each matter is a conversation of its own, once per `client_id` of its first message;
    elsewhere a person has one, which is opened again if it was resolved. The AI agent is not asked: who
    writes first is responsible. Raises Forbidden for all but staff and where another team has the
    conversation, NotFound for an inbox of other teams or a person of another inbox, Invalid for what is no
    address and for a channel through which nobody can be written to.
    """
    require_staff(by)
    if not inboxes_of(by).filter(pk=inbox.pk).exists():
        raise NotFound(field="inbox")
    can = capabilities(inbox)
    if not can.sends:
        detail = _("Nobody can be written to first through this channel.")
        raise Invalid(detail, field="inbox")
    identity = locked_identity(inbox, _sender(inbox, to))
    if can.subjects:
        return _told(identity, client_id) or _new(identity, inbox, " ".join(subject.split()))
    return _current(identity, by) or _new(identity, inbox, "")


def _sender(inbox: Inbox, to: ContactIdentity | str) -> Sender:
    if isinstance(to, ContactIdentity):
        if to.inbox_id != inbox.pk:
            raise NotFound(field="to")
        return Sender(to.external_id)
    if (found := recipient_at(inbox, to)) is None:
        detail = _("Nobody can be written to at %s.") % to.strip()[:100]
        raise Invalid(detail, field="to")
    return found


def _told(identity: ContactIdentity, client_id: UUID | None) -> Conversation | None:
    """Returns the conversation that was begun with the same first message."""
    if client_id is None:
        return None
    said = Message.objects.filter(conversation__identity=identity, client_id=client_id)
    found = said.select_related("conversation").first()
    return found.conversation if found else None


def _new(identity: ContactIdentity, inbox: Inbox, subject: str) -> Conversation:
    if capabilities(inbox).subjects and not subject:
        detail = _("Write a subject.")
        raise Invalid(detail, field="subject")
    return Conversation.objects.create(
        inbox=inbox, contact=identity.contact, identity=identity, team_id=inbox.team_id, subject=subject[:200]
    )


def _current(identity: ContactIdentity, by: Actor) -> Conversation | None:
    """Returns the person's conversation, open; the identity's lock keeps another from being made."""
    newest = Conversation.objects.filter(identity=identity).order_by("-created_at").first()
    if newest is None:
        return None
    try:
        row = lock(newest.pk, by=by)
    except NotFound as error:
        detail = _("Another team is in conversation with this person.")
        raise Forbidden(detail) from error
    if row.status == Status.RESOLVED:
        reopen_locked(row, by=by)
        save_locked(row)
    return row
