"""What the segment builder offers, and a segment in words."""

from collections.abc import Iterator
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from campaigns.models import Campaign
from campaigns.segments import AnyRule, read_segment
from conversations.enums import Status
from conversations.models import Inbox
from core.actor import Actor

# An operator: its name in a rule, its words, and what is entered for it ("": nothing).
Op = tuple[str, str | Promise, str]
IS = pgettext_lazy("rule", "is")
IS_NOT = pgettext_lazy("rule", "is not")
CONTAINS = pgettext_lazy("rule", "contains")
EMPTY: Op = ("empty", pgettext_lazy("rule", "is unknown"), "")
FILLED: Op = ("filled", pgettext_lazy("rule", "is known"), "")
TEXT: tuple[Op, ...] = (
    ("is", IS, "text"),
    ("is_not", IS_NOT, "text"),
    ("contains", CONTAINS, "text"),
    ("starts", pgettext_lazy("rule", "begins with"), "text"),
    FILLED,
    EMPTY,
)
ATTRIBUTE: tuple[Op, ...] = (
    ("is", IS, "text"),
    ("is_not", IS_NOT, "text"),
    ("contains", CONTAINS, "text"),
    ("more", pgettext_lazy("rule", "is more than"), "number"),
    ("less", pgettext_lazy("rule", "is less than"), "number"),
    FILLED,
    EMPTY,
)
WITHIN = pgettext_lazy("rule", "in the last days")
NOT_WITHIN = pgettext_lazy("rule", "not in the last days")
NEVER: Op = ("never", pgettext_lazy("rule", "never"), "")
CREATED: tuple[Op, ...] = (
    ("within_days", WITHIN, "days"),
    ("not_within_days", NOT_WITHIN, "days"),
    ("before", pgettext_lazy("rule", "before"), "date"),
    ("after", pgettext_lazy("rule", "after"), "date"),
)
LAST: tuple[Op, ...] = (("within_days", WITHIN, "days"), ("not_within_days", NOT_WITHIN, "days"), NEVER)


def _having(kind: str) -> tuple[Op, ...]:
    return (("has", IS, kind), ("has_not", IS_NOT, kind))


CAMPAIGN: tuple[Op, ...] = (
    ("got", pgettext_lazy("rule", "was sent"), "campaign"),
    ("not_got", pgettext_lazy("rule", "was not sent"), "campaign"),
    ("replied", pgettext_lazy("rule", "was answered"), "campaign"),
    ("not_replied", pgettext_lazy("rule", "was not answered"), "campaign"),
)
FIELDS: dict[str, tuple[str | Promise, tuple[Op, ...]]] = {
    "tag": (_("Tag"), _having("tag")),
    "attribute": (_("Attribute"), ATTRIBUTE),
    "name": (_("Name"), TEXT),
    "email": (_("E-mail"), TEXT),
    "phone": (_("Phone"), TEXT),
    "language": (_("Language"), TEXT),
    "created": (_("Known to us"), CREATED),
    "last_message": (_("Wrote to us"), LAST),
    "conversation_inbox": (_("Inbox of a conversation"), _having("inbox")),
    "conversation_status": (_("State of a conversation"), _having("status")),
    "conversation_tag": (_("Tag of a conversation"), _having("tag")),
    "campaign": (_("Campaign"), CAMPAIGN),
}
# Campaigns to choose from, the newest.
OFFERED = 200


def offered(actor: Actor, campaign: Campaign) -> dict[str, Any]:
    """Returns what the builder needs to draw itself, as JSON."""
    fields = [
        {"name": name, "label": str(label), "ops": [[op, str(words), kind] for op, words, kind in ops]}
        for name, (label, ops) in FIELDS.items()
    ]
    others = Campaign.objects.visible_to(actor).exclude(pk=campaign.pk)
    choices = {
        "inbox": [[row.pk, row.name] for row in Inbox.objects.visible_to(actor)],
        "status": [[value, str(label)] for value, label in Status.choices],
        "campaign": [[str(pk), name] for pk, name in others.values_list("pk", "name")[:OFFERED]],
    }
    return {"fields": fields, "choices": choices}


def in_words(campaign: Campaign, actor: Actor) -> Iterator[str]:
    """Yields the rules of a campaign's segment as lines for people."""
    names = {kind: dict(map(_pair, rows)) for kind, rows in offered(actor, campaign)["choices"].items()}
    for rule in read_segment(campaign.segment).rules:
        yield _line(rule, names)


def _pair(row: list[Any]) -> tuple[str, str]:
    return str(row[0]), str(row[1])


def _line(rule: AnyRule, names: dict[str, dict[str, str]]) -> str:
    label, ops = FIELDS[rule.field]
    words, kind = next((words, kind) for op, words, kind in ops if op == rule.op)
    value = "" if rule.value is None or not kind else str(rule.value)
    what = getattr(rule, "name", "") or str(label)
    return " ".join(filter(None, (what, str(words), names.get(kind, {}).get(value, value))))
