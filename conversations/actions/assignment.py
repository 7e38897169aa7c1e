"""Who is in charge: agent, person or team."""

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import Team, User
from conversations import signals
from conversations.actions.record import (
    add_message,
    announce,
    lock,
    require_staff,
    save_locked,
    system_draft,
    waits_now,
    wake,
)
from conversations.enums import Status
from conversations.groups import desk_group
from conversations.models import Conversation
from core.actor import Actor, ActorKind
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.language import spoken
from core.versions import require_version


@transaction.atomic
def take_over(*, conversation: Conversation, by: Actor) -> Conversation:
    """Makes the operator responsible and silences the agent from this moment; a running answer is dropped.

    Takes it from another operator too. Leaves a resolved conversation resolved: Conflict.
    """
    require_staff(by)
    row = lock(conversation.pk, by=by)
    if row.status == Status.RESOLVED:
        detail = _("The conversation is resolved; reopen it first.")
        raise Conflict(detail)
    take_over_locked(row, by=by)
    save_locked(row)
    return row


def take_over_locked(row: Conversation, *, by: Actor) -> None:
    """The part of `take_over` that works on a locked row; the caller saves the numbers."""
    was_agents, former = row.status == Status.BOT, row.assignee_id
    row.status = Status.OPEN
    row.assignee = User.objects.filter(pk=by.id).first() if by.kind == ActorKind.OPERATOR else row.assignee
    row.save(update_fields=["status", "assignee"])
    announce(row, by=by, former=former)
    if was_agents:
        signals.conversation_taken_over.send(Conversation, conversation=row)


@transaction.atomic
def hand_over(
    *,
    conversation: Conversation,
    by: Actor,
    reason: str,
    team: Team | None = None,
    notice: bool = True,
    expected: str | None = None,
) -> Conversation:
    """Gives the conversation from the agent to people, tells the customer (`notice`) and keeps the reason.

    Idempotent: when people have it already, nothing happens and nothing is said twice. `reason` is for the
    desk. It assigns nobody; the queue of the team (or of the inbox) does.
    """
    if by.kind == ActorKind.CONTACT and str(conversation.contact_id) != by.id:
        raise Forbidden
    row = lock(conversation.pk, by=by if by.is_staff else Actor.system())
    require_version(row, expected)
    if row.status != Status.BOT:
        return row
    row.status = Status.OPEN
    old_team = row.team_id
    row.team = team or row.team
    waits_now(row)
    announce(row, by=by, reason=reason[:300])
    if notice:
        with translation.override(spoken(row.contact.locale)):
            text = _("You will be answered by a person from our team here in this chat.")
        add_message(row, system_draft(text))
    if old_team != row.team_id:
        wake(row, desk_group(old_team))
    signals.conversation_handed_over.send(Conversation, conversation=row, by=by, reason=reason)
    save_locked(row, "status", "team", "waiting_since", "preview")
    return row


@transaction.atomic
def hand_back(*, conversation: Conversation, by: Actor, expected: str | None = None) -> Conversation:
    """Lets the agent answer again, at once if the customer waits. Nobody is assigned after."""
    if by.kind == ActorKind.CONTACT:
        raise Forbidden
    row = lock(conversation.pk, by=by if by.is_staff else Actor.system())
    require_version(row, expected)
    if row.status == Status.BOT:
        return row
    if row.status == Status.RESOLVED:
        detail = _("The conversation is resolved; reopen it first.")
        raise Conflict(detail)
    give_to_agent_locked(row, by=by)
    signals.conversation_handed_back.send(Conversation, conversation=row)
    save_locked(row)
    return row


def give_to_agent_locked(row: Conversation, *, by: Actor) -> None:
    """The part of `hand_back` that works on a locked row; the caller saves the numbers."""
    former = row.assignee_id
    row.status, row.assignee = Status.BOT, None
    row.save(update_fields=["status", "assignee"])
    announce(row, by=by, former=former)


@transaction.atomic
def assign(
    *,
    conversation: Conversation,
    by: Actor,
    to: User | None,
    team: Team | None = None,
    expected: str | None = None,
) -> Conversation:
    """Makes `to` responsible (None: nobody) and moves it to `team` when given.

    A conversation that the agent had is taken from it when a person is named. Raises Invalid for a user who
    is not active staff. It notifies nobody by mail.
    """
    require_staff(by)
    if to is not None and not (to.is_active and to.is_staff):
        detail = _("Only active members of staff can be responsible.")
        raise Invalid(detail, field="assignee")
    row = lock(conversation.pk, by=by)
    require_version(row, expected)
    old_team, was_agents = row.team_id, row.status == Status.BOT and to is not None
    former = row.assignee_id
    row.assignee, row.team = to, team or row.team
    if was_agents:
        row.status = Status.OPEN
        waits_now(row)
    announce(row, by=by, former=former, team=row.team.slug if row.team else None)
    if old_team != row.team_id:
        wake(row, desk_group(old_team))
    if was_agents:
        signals.conversation_taken_over.send(Conversation, conversation=row)
    save_locked(row, "assignee", "team", "status", "waiting_since")
    return row


def operator_by_id(user_id: str) -> User:
    """Returns the active member of staff with that id; raises NotFound."""
    user = (
        User.objects.filter(pk=user_id, is_active=True, is_staff=True).first() if user_id.isdigit() else None
    )
    if user is None:
        raise NotFound
    return user
