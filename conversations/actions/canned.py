"""Keeping texts that are written again and again."""

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import Team
from conversations.errors import ShortcutTaken
from conversations.models import CannedReply
from conversations.models.canned import LONGEST_CANNED
from conversations.queries.canned import unknown_places
from core.actor import Actor
from core.errors import Forbidden, Invalid, NotFound
from core.places import has_broken_place
from core.versions import require_version


class CannedWords(TypedDict, total=False):
    """What may be said of a canned reply. Without a team it is everybody's."""

    shortcut: str
    title: str
    text: str
    language: str
    team: Team | None


@transaction.atomic
def create_canned_reply(*, by: Actor, **words: Unpack[CannedWords]) -> CannedReply:
    """Keeps a text and returns its row.

    Raises Forbidden unless the actor may write for the team (leads for theirs, administrators for all and
    for everybody), Invalid for words that are none, ShortcutTaken where the team has the shortcut already.
    """
    reply = CannedReply()
    _require_may_write(by, words.get("team"))
    return _kept(reply, words)


@transaction.atomic
def change_canned_reply(
    *, reply: CannedReply, by: Actor, expected: str | None = None, **words: Unpack[CannedWords]
) -> CannedReply:
    """Changes what is given and returns the row. Raises what `create_canned_reply` raises, of both teams.

    Raises NotFound where it is not seen, Changed when it is not the `expected` version.
    """
    row = _locked(reply, by)
    require_version(row, expected)
    if "team" in words:
        _require_may_write(by, words["team"])
    return _kept(row, words)


@transaction.atomic
def delete_canned_reply(*, reply: CannedReply, by: Actor, expected: str | None = None) -> None:
    """Deletes a text; what was written with it stays. Raises what `change_canned_reply` raises."""
    row = _locked(reply, by)
    require_version(row, expected)
    row.delete()


def _locked(reply: CannedReply, by: Actor) -> CannedReply:
    rows = CannedReply.objects.visible_to(by).select_for_update(of=("self",)).select_related("team")
    found = rows.filter(pk=reply.pk).first()
    if found is None:
        raise NotFound
    _require_may_write(by, found.team)
    return found


def _require_may_write(by: Actor, team: Team | None) -> None:
    is_theirs = team is not None and team.pk in by.team_ids
    if not (by.is_staff and by.leads and (by.is_admin or is_theirs)):
        raise Forbidden


def _kept(row: CannedReply, words: Mapping[str, Any]) -> CannedReply:
    """Sets what is said and stores it."""
    for name, value in words.items():
        setattr(row, name, value.strip() if isinstance(value, str) else value)
    row.shortcut = row.shortcut.lower()
    _check(row)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise ShortcutTaken from error
    return row


def _check(row: CannedReply) -> None:
    try:
        row.clean_fields(exclude=["team"])
    except ValidationError as error:
        field, complaints = next(iter(error.message_dict.items()))
        raise Invalid(complaints[0], field=field) from error
    check_text(row.text)


def check_text(text: str) -> None:
    """Raises Invalid for a text that is too long, or has places that there are not."""
    if len(text) > LONGEST_CANNED:
        raise Invalid(_("Write at most %d characters.") % LONGEST_CANNED, field="text")
    if has_broken_place(text):
        raise Invalid(_("A place looks like {{contact.name}}."), field="text")
    if unknown := unknown_places(text):
        raise Invalid(_("There is no place named %s.") % unknown[0], field="text")
