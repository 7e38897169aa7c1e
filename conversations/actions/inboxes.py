"""Making an inbox, changing it, taking it away."""

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from accounts.models import Team
from accounts.queries import require_admin, require_set_up
from conversations.actions.endpoints import switch_inbox
from conversations.channel_settings import checked
from conversations.channels import channel_choices
from conversations.errors import InUse
from conversations.models import Inbox
from core.actor import Actor
from core.errors import Invalid, NotFound
from core.versions import require_version

PLAIN = (
    "name", "team", "title", "greeting", "agent_name", "color", "position", "allowed_origins",
    "chat_per_minute",
)  # fmt: skip
# Below it, whoever guesses may sign as any customer.
SHORTEST_SECRET = 16
WIDGET = "web"


class InboxWords(TypedDict, total=False):
    """What may be said of an inbox. `config`: settings of its channel; those left out stay as they are.

    `identity_secret` signs who a site's customers are; only the chat widget has one.
    """

    name: str
    team: Team | None
    is_active: bool
    title: str
    greeting: str
    agent_name: str
    color: str
    position: str
    allowed_origins: list[str]
    chat_per_minute: int | None
    config: Mapping[str, Any]
    identity_secret: str


@transaction.atomic
def create_inbox(*, channel: str, by: Actor, **words: Unpack[InboxWords]) -> Inbox:
    """Makes an inbox with all that its channel needs and returns it; the provider is not asked.

    Raises Forbidden for all but administrators, Invalid for a value that is none.
    """
    require_admin(by)
    inbox = Inbox(channel=channel, is_active=words.get("is_active", True))
    if channel not in channel_choices():
        raise Invalid(_("There is no such channel."), field="channel")
    _tell(inbox, {"config": {}, **words})
    inbox.save(force_insert=True)
    return inbox


@transaction.atomic
def change_inbox(
    *, inbox: Inbox, by: Actor, expected: str | None = None, **words: Unpack[InboxWords]
) -> Inbox:
    """Changes what is given and returns the row; another channel would be another inbox.

    Whoever moves it to another team may lose sight of it. Open chats keep their pace until they connect anew.
    Raises Forbidden for whoever may not set up inboxes, NotFound where it is not seen, Invalid for a value
    that is none, Changed when it is not the `expected` version.
    """
    require_set_up(by)
    row = _locked(inbox, by)
    require_version(row, expected)
    _tell(row, words)
    row.save()
    if "is_active" in words and words["is_active"] != row.is_active:
        switch_inbox(inbox=row, is_active=words["is_active"], by=by)
    return row


@transaction.atomic
def delete_inbox(*, inbox: Inbox, by: Actor, expected: str | None = None) -> None:
    """Deletes an inbox that nobody has written to, with its templates and what came in unread.

    Raises InUse for one with customers, conversations or campaigns, Forbidden for all but administrators,
    NotFound where it is not seen, Changed when it is not the `expected` version.
    """
    require_admin(by)
    row = _locked(inbox, by)
    require_version(row, expected)
    try:
        with transaction.atomic():
            row.delete()
            # Whoever wrote since Django looked is found now, not when the transaction ends.
            connection.check_constraints()
    except (ProtectedError, IntegrityError) as error:
        raise InUse from error


def _locked(inbox: Inbox, by: Actor) -> Inbox:
    rows = Inbox.objects.visible_to(by).select_for_update(of=("self",), no_key=True).select_related("team")
    found = rows.filter(pk=inbox.pk).first()
    if found is None:
        raise NotFound
    return found


def _tell(inbox: Inbox, words: Mapping[str, Any]) -> None:
    """Sets what is said, but whether the inbox is on; raises Invalid with the `field` that is wrong."""
    for name in PLAIN:
        if name in words:
            setattr(inbox, name, words[name])
    if "config" in words:
        inbox.config = checked(inbox.channel, words["config"], stored=inbox.config)
    if "identity_secret" in words:
        inbox.secret = _secret(inbox, words["identity_secret"])
    try:
        inbox.full_clean(exclude=["config", "team", "channel"])
    except ValidationError as error:
        field, complaints = next(iter(error.message_dict.items()))
        raise Invalid(complaints[0], field=field) from error


def _secret(inbox: Inbox, secret: str) -> str:
    if inbox.channel != WIDGET:
        raise Invalid(_("Only the chat widget has one."), field="identity_secret")
    if len(secret) < SHORTEST_SECRET:
        raise Invalid(_("Write at least %d characters.") % SHORTEST_SECRET, field="identity_secret")
    return secret
