"""Names that are in use where a campaign looks, to be suggested for its rules."""

from typing import Any

from django.db.models import CharField, F, Func, QuerySet

from campaigns.queries.audience import members
from campaigns.segments import Segment
from conversations.models import Contact, Conversation, Inbox
from core.actor import Actor

# Of the newest customers and conversations, and so many names of each sort.
LOOKED_AT, SUGGESTED = 10_000, 200


def names_in_use(inbox: Inbox, actor: Actor) -> dict[str, list[str]]:
    """Returns tags and attributes of customers whom an inbox may reach, and of conversations that one sees.

    Only those of the newest are read: nobody waits for the names of a million.
    """
    newest = members(inbox, Segment()).order_by("-created_at").values("pk")[:LOOKED_AT]
    people = Contact.objects.filter(pk__in=newest)
    seen = Conversation.objects.visible_to(actor).order_by("-updated_at", "pk").values("pk")[:LOOKED_AT]
    conversations = Conversation.objects.filter(pk__in=seen)
    return {
        "tag": _names(people, "unnest", "tags"),
        "attribute": _names(people, "jsonb_object_keys", "attributes"),
        "conversation_tag": _names(conversations, "unnest", "tags"),
    }


def _names(rows: "QuerySet[Any]", function: str, column: str) -> list[str]:
    name = Func(F(column), function=function, output_field=CharField())
    found = rows.order_by().values_list(name).distinct()
    return sorted(word for (word,) in found[:SUGGESTED] if word)
