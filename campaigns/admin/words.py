"""The words that the scripts of campaigns say, in the language of the request; they fill in the {names}."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

Json = dict[str, Any]


def strings() -> dict[str, str]:
    """Returns every word of the scripts by its key."""
    return {**_common(), **_who(), **_what(), **_report()}


def _common() -> dict[str, str]:
    return {
        "failed": _("That did not work. Try again."),
        "signed-out": _("You are signed out. Reload the page to sign in again."),
        "unreachable": _("The server could not be reached. Check your connection and try again."),
    }


def _who() -> dict[str, str]:
    return {
        "nobody": _("Nobody fits."),
        "one": _("1 person"),
        "many": _("{n} people"),
        "unwanted": _("{n} want no messages and are left out."),
        "silent": _("{n} have not agreed to messages and are left out."),
        "unreachable-people": _("{n} cannot be reached: their address is dead."),
        "remove-rule": _("Remove this rule"),
        "attribute-name": _("Name of the attribute"),
        "value": _("Value"),
        "field": _("Field"),
        "operator": _("Comparison"),
        "days": pgettext("rule", "days"),
        "nobody-known": _("Nobody in this inbox is called that."),
    }


def _what() -> dict[str, str]:
    return {
        "variant": _("Variant {label}"),
        "place": _("Place {name}"),
        "template-image": _("Picture above the text"),
        "template-video": _("Video above the text"),
        "template-document": _("Document above the text"),
        "preview-of": _("{n} of {count}"),
        "preview-nobody": _("There is nobody to show it for yet."),
        "missing": _("Nothing is known for {places}: this person would be left out."),
    }


def _report() -> dict[str, str]:
    return {
        "written": pgettext("chart", "Written"),
        "replied": pgettext("chart", "Replied"),
        "opted_out": pgettext("chart", "Opted out"),
    }
