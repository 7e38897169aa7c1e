"""What a campaign says to one recipient: its words with their places filled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse

from campaigns.models import Campaign, Variant
from campaigns.places import filled, plain_name
from conversations.models import Contact

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
    text, lacking = filled(variant.text, known)
    values: dict[str, str] = {}
    if variant.template is not None:
        for name in variant.template.variables:
            values[name], without = filled(str(variant.values.get(name, "")), known)
            lacking += without
    return Words(subject, text, values, tuple(dict.fromkeys([*missing, *lacking])))


def known_of(contact: Contact, more: Mapping[str, Any], link: str = "") -> dict[str, str]:
    """Returns what a text may say of a customer, by the names of places; a list's word goes first."""
    name = contact.name.strip()
    known = {
        "name": name,
        "first_name": name.split()[0] if name else "",
        "email": contact.email,
        "phone": contact.phone,
        OPT_OUT: link,
    }
    attributes = {plain_name(key): str(value) for key, value in contact.attributes.items()}
    told = {plain_name(str(key)): str(value) for key, value in more.items() if str(value).strip()}
    return {**attributes, **{key: value for key, value in known.items() if value}, **told}


def link_of(token: str) -> str:
    """Returns the address at which somebody can say that they want no messages."""
    return f"{settings.PUBLIC_URL}{reverse('campaigns:unsubscribe', args=[token])}"


def details_of(campaign: Campaign, link: str) -> dict[str, Any]:
    """Returns what a message keeps of its campaign: for the desk, for the agent, and for mail programs."""
    about = {"id": str(campaign.pk), "name": campaign.name, "brief": campaign.brief}
    return {"campaign": about, **({"unsubscribe": link} if link else {})}
