"""Making an AI agent, changing it, taking it away."""

from collections.abc import Collection, Mapping
from typing import Any, TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from accounts.queries import require_admin, require_set_up
from agents.errors import HasAnswered
from agents.models import Agent
from agents.queries import sees_all_inboxes
from agents.toolbox import every_tool
from conversations.models import Inbox
from core.actor import Actor
from core.errors import Forbidden, Invalid, NotFound
from core.versions import require_version

LONGEST_PERSONA = 20_000


class AgentWords(TypedDict, total=False):
    """What may be said of an agent. `inboxes`: all in which it answers; no `model`: the settings' one."""

    name: str
    persona: str
    model: str
    tools: list[str]
    inboxes: Collection[Inbox]
    max_steps: int
    is_active: bool


@transaction.atomic
def create_agent(*, by: Actor, **words: Unpack[AgentWords]) -> Agent:
    """Makes an agent and returns its row; it answers what comes from now on.

    Two may have one name. Raises Forbidden for all but administrators, Invalid for a value that is none,
    NotFound for an inbox that the actor does not see.
    """
    require_admin(by)
    return _kept(Agent(), words, by)


@transaction.atomic
def change_agent(
    *, agent: Agent, by: Actor, expected: str | None = None, **words: Unpack[AgentWords]
) -> Agent:
    """Changes what is given and returns the row; an answer that is being written is finished as it was begun.

    Raises Forbidden for whoever may not set up agents, and where the agent answers in inboxes that the actor
    does not see; NotFound where it is not seen, Changed when it is not the `expected` version; and what
    `create_agent` raises of values.
    """
    require_set_up(by)
    row = _locked(agent, by)
    if not sees_all_inboxes(row, by):
        raise Forbidden
    require_version(row, expected)
    return _kept(row, words, by)


@transaction.atomic
def delete_agent(*, agent: Agent, by: Actor, expected: str | None = None) -> None:
    """Deletes an agent that has never answered; raises HasAnswered for any other, with its runs.

    Raises Forbidden for all but administrators, NotFound where it is not seen, Changed as `change_agent`.
    """
    require_admin(by)
    row = _locked(agent, by)
    require_version(row, expected)
    try:
        with transaction.atomic():
            row.delete()
            # A run that began since Django looked is found now, not when the transaction ends.
            connection.check_constraints()
    except (ProtectedError, IntegrityError) as error:
        raise HasAnswered from error


def _locked(agent: Agent, by: Actor) -> Agent:
    rows = Agent.objects.visible_to(by).select_for_update(no_key=True)
    found = rows.filter(pk=agent.pk).first()
    if found is None:
        raise NotFound
    return found


def _kept(row: Agent, words: Mapping[str, Any], by: Actor) -> Agent:
    """Sets what is said and stores it."""
    for name, value in words.items():
        if name != "inboxes":
            setattr(row, name, list(dict.fromkeys(value)) if name == "tools" else value)
    _check(row, words.get("tools", ()))
    row.save()
    if "inboxes" in words:
        row.inboxes.set(_seen(words["inboxes"], by))
    return row


def _seen(inboxes: Collection[Inbox], by: Actor) -> Collection[Inbox]:
    wanted = {inbox.pk for inbox in inboxes}
    if Inbox.objects.visible_to(by).filter(pk__in=wanted).count() != len(wanted):
        raise NotFound(field="inboxes")
    return inboxes


def _check(row: Agent, given: Collection[str]) -> None:
    """Raises Invalid with the `field` that is wrong; a tool that was kept may have gone from the registry."""
    known = {tool.name for tool in every_tool()}
    for name in given:
        if name not in known:
            raise Invalid(_("There is no tool named %s.") % name[:60], field="tools")
    if len(row.persona) > LONGEST_PERSONA:
        raise Invalid(_("Write at most %d characters.") % LONGEST_PERSONA, field="persona")
    try:
        row.clean_fields()
        row.validate_constraints()
    except ValidationError as error:
        field, complaints = next(iter(error.message_dict.items()))
        raise Invalid(complaints[0], field=field) from error
