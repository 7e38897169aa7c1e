"""What a tag is: a short name, once on a row whatever its case. Pure."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from core.errors import Invalid
from core.storable import storable

LONGEST_TAG = 40
MOST_TAGS = 20
# Lists and forms have it between tags.
COMMA = ","


def tidy_tags(tags: Iterable[str]) -> list[str]:
    """Returns tags as they are kept, in their order: what is too long or too many is cut, never refused."""
    return _once(plain[:LONGEST_TAG].strip() for tag in tags if (plain := _plain(tag)))[:MOST_TAGS]


def checked_tags(tags: Iterable[str], *, field: str = "tags") -> list[str]:
    """Returns tags as they are kept, in their order; empty ones and doubles are left out.

    Raises Invalid for one that is too long or has a comma, and for too many.
    """
    found = _once(plain for tag in tags if (plain := _plain(tag)))
    if any(len(tag) > LONGEST_TAG for tag in found):
        raise Invalid(_("A tag may have %d characters.") % LONGEST_TAG, field=field)
    if any(COMMA in tag for tag in found):
        raise Invalid(_("A tag has no commas."), field=field)
    if len(found) > MOST_TAGS:
        raise Invalid(_("At most %d tags.") % MOST_TAGS, field=field)
    return found


def changed_tags(tags: Iterable[str], *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> list[str]:
    """Returns tags with some taken away, whatever their case, and some added at the end; raises as above."""
    gone = {_plain(tag).casefold() for tag in remove}
    left = (tag for tag in tags if tag.casefold() not in gone)
    return checked_tags([*left, *checked_tags(add, field="add_tags")], field="add_tags")


def _plain(tag: str) -> str:
    return " ".join(storable(tag).split())


def _once(tags: Iterable[str]) -> list[str]:
    first: dict[str, str] = {}
    for tag in tags:
        first.setdefault(tag.casefold(), tag)
    return list(first.values())
