"""Custom fields: defined, changed and taken away by administrators."""

import re
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.queries import require_admin
from conversations.enums import FieldEntity, FieldKind
from conversations.models import CustomField
from conversations.models.fields import KEY, LONGEST_CHOICE
from core.actor import Actor
from core.errors import Conflict, Invalid, NotFound
from core.keep import KEEP, Kept
from core.storable import storable
from core.versions import require_version

LONGEST_LABEL = 80
MOST_FIELDS, MOST_CHOICES = 100, 100
LAST_POSITION = 32_767


@transaction.atomic
def create_field(
    *,
    by: Actor,
    entity: str,
    key: str,
    kind: str,
    label: str = "",
    choices: Sequence[str] = (),
    position: int = 0,
) -> CustomField:
    """Defines a field; without a label it is called by its key. Values that stand under the key stay.

    Raises Forbidden for all but administrators, Invalid for a value that is none, Conflict for a key that is
    taken.
    """
    require_admin(by)
    if entity not in FieldEntity.values or kind not in FieldKind.values:
        raise Invalid(field="kind" if entity in FieldEntity.values else "entity")
    if not re.fullmatch(KEY, key, re.ASCII):
        raise Invalid(_("Small letters, digits and _, a letter first."), field="key")
    if CustomField.objects.filter(entity=entity).count() >= MOST_FIELDS:
        raise Conflict(_("At most %d fields.") % MOST_FIELDS)
    row = CustomField(entity=entity, key=key, kind=kind, label=_label(label or key))
    row.choices, row.position = _choices(kind, choices), _position(position)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("There is a field with this key."), field="key") from error
    return row


@transaction.atomic
def edit_field(
    *,
    field: CustomField,
    by: Actor,
    expected: str | None = None,
    label: str | Kept = KEEP,
    choices: Sequence[str] | Kept = KEEP,
    position: int | Kept = KEEP,
) -> CustomField:
    """Changes how a field is called and what can be chosen; key and kind stay, since values hang on them.

    A value that can no longer be chosen stays where it is until somebody changes it. Errors as above.
    """
    row = _locked(field, by=by, expected=expected)
    wanted: dict[str, Any] = {
        "label": label if label is KEEP else _label(label),
        "choices": choices if choices is KEEP else _choices(row.kind, choices),
        "position": position if position is KEEP else _position(position),
    }
    names = [name for name, value in wanted.items() if value is not KEEP and value != getattr(row, name)]
    for name in names:
        setattr(row, name, wanted[name])
    if names:
        row.save(update_fields=[*names, "updated_at"])
    return row


@transaction.atomic
def delete_field(*, field: CustomField, by: Actor, expected: str | None = None) -> None:
    """Takes a field away; the values stay in their rows, and come back with a field of the same key."""
    _locked(field, by=by, expected=expected).delete()


def _locked(field: CustomField, *, by: Actor, expected: str | None) -> CustomField:
    require_admin(by)
    row = CustomField.objects.select_for_update().filter(pk=field.pk).first()
    if row is None:
        raise NotFound
    require_version(row, expected)
    return row


def _label(text: str) -> str:
    clean = " ".join(storable(text).split())
    if not 0 < len(clean) <= LONGEST_LABEL:
        raise Invalid(_("A label has 1 to %d characters.") % LONGEST_LABEL, field="label")
    return clean


def _choices(kind: str, choices: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(filter(None, (" ".join(storable(each).split()) for each in choices))))
    if bool(found) != (kind == FieldKind.CHOICE):
        raise Invalid(_("A choice, and nothing else, has choices."), field="choices")
    if len(found) > MOST_CHOICES or any(len(each) > LONGEST_CHOICE for each in found):
        names = {"count": MOST_CHOICES, "length": LONGEST_CHOICE}
        raise Invalid(_("At most %(count)d choices of %(length)d characters.") % names, field="choices")
    return found


def _position(value: int) -> int:
    if not 0 <= value <= LAST_POSITION:
        raise Invalid(field="position")
    return value
