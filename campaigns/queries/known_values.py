"""What is known of the recipients of a campaign, beyond name and address."""

from collections.abc import Iterable

from django.db.models import F, Func, TextField

from campaigns.enums import Source
from campaigns.models import Campaign, Variant
from campaigns.queries.audience import meant
from campaigns.queries.words import OPT_OUT
from campaigns.segments import read_segment
from core.places import needed, plain_name

# Known of everybody, or of everybody who can be written to; who has no name is left out one by one.
ALWAYS = frozenset({"name", "first_name", "email", "phone", OPT_OUT})


def unknown_to_all(campaign: Campaign, variants: Iterable[Variant]) -> list[str]:
    """Returns the places of a campaign's texts for which not one recipient has a value.

    Raises Invalid for a segment that cannot be read.
    """
    wanted = set[str]().union(*map(_needed, variants)) - ALWAYS
    if wanted and campaign.source == Source.LIST:
        wanted -= {plain_name(name) for row in campaign.uploads.defer("content") for name in row.columns}
    if not wanted:
        return []
    people = meant(campaign, read_segment(campaign.segment))
    if not people.exists():
        return []
    keys = Func(F("attributes"), function="jsonb_object_keys", output_field=TextField())
    known = people.order_by().annotate(key=keys).values_list("key", flat=True).distinct()
    return sorted(wanted - set(map(plain_name, known)))


def _needed(variant: Variant) -> set[str]:
    if variant.template is None:
        return needed(variant.subject) | needed(variant.text)
    values = (str(variant.values.get(name, "")) for name in variant.template.variables)
    return set[str]().union(needed(variant.subject), *map(needed, values))
