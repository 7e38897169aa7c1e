"""What a campaign says to one recipient: its words with their places filled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse

from campaigns.models import Campaign, Variant
from conversations.models import Contact
from core.places import filled, places, plain_name

OPT_OUT = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Words:
    """A variant as somebody will read it; `missing` are the places for which nothing is known of them."""

    subject: str
    text: str
    values: Mapping[str, str]
    missing: tuple[str, ...]


def words_for(variant: Variant, contact: Contact, *, more: Mapping[str, Any], link: str = "") -> Words:
    """Returns what a variant says to a customer; `more` is what the list said of them."""
    known = known_of(contact, more, link)
    subject, missing = filled(variant.subject, known)
    if variant.template is None:
        text, lacking = _surely(variant.text, known)
        return Words(subject, text, {}, tuple(dict.fromkeys([*missing, *lacking])))
    values: dict[str, str] = {}
    for name in variant.template.variables:
        values[name], lacking = _surely(str(variant.values.get(name, "")), known)
        missing += lacking
    return Words(subject, "", values, tuple(dict.fromkeys(missing)))


def _surely(text: str, known: Mapping[str, str]) -> tuple[str, list[str]]:
    """Returns what `filled` does; where nothing is left to say, all places count as missing."""
    said, missing = filled(text, known)
    return (said, missing) if said.strip() else ("", places(text) or missing)


def known_of(contact: Contact, more: Mapping[str, Any], link: str = "") -> dict[str, str]:
    """Returns what a text may say of a customer, by the names of places; a list's word goes first.

    Not for the link: nobody's column of that name may take its place.
    """
    told = {plain_name(str(key)): str(value).strip() for key, value in more.items() if value is not None}
    attributes = {
        plain_name(key): str(value) for key, value in contact.attributes.items() if value is not None
    }
    name = told.get("name") or contact.name.strip()
    known = {
        "name": name,
        "first_name": name.split()[0] if name else "",
        "email": contact.email,
        "phone": contact.phone,
    }
    sources = ({key: value for key, value in each.items() if value} for each in (known, told))
    return {**attributes, **next(sources), **next(sources), OPT_OUT: link}


def link_of(token: str) -> str:
    """Returns the address at which somebody can say that they want no messages."""
    return f"{settings.PUBLIC_URL}{reverse('campaigns:unsubscribe', args=[token])}"


def details_of(campaign: Campaign, link: str) -> dict[str, Any]:
    """Returns what a message keeps of its campaign: for the desk, for the agent, and for mail programs."""
    about = {"id": str(campaign.pk), "name": campaign.name, "brief": campaign.brief}
    return {"campaign": about, **({"unsubscribe": link} if link else {})}
