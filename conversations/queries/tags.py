"""Tags in use: on customers, on conversations, and on whatever apps above tag."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, Count, F, Func, Model, QuerySet

from conversations.models import Contact
from conversations.queries.contacts import contacts_seen_by
from core.actor import Actor
from core.errors import NotFound
from core.storable import storable


@dataclass(frozen=True, slots=True)
class TagCount:
    """A tag and on how many rows of each kind it stands: {"contact": 2, "conversation": 1}."""

    name: str
    counts: dict[str, int]


def tagged_models() -> list[type[Model]]:
    """Returns all models with an array of tags, those of apps above included."""
    return [
        model
        for model in apps.get_models()
        if any(each.name == "tags" and isinstance(each, ArrayField) for each in model._meta.local_fields)
    ]


def is_used(name: str) -> bool:
    """Says whether anything has the tag, seen or not."""
    return any(_named(model._meta.base_manager.all(), name).exists() for model in tagged_models())


def tags_in_use(actor: Actor, *, after: str = "", limit: int = 100) -> list[TagCount]:
    """Returns the tags on what the actor may see, by name, with counts; `after` a name, whatever its case.

    It looks at every row that has tags: meant for menus and for tidying up, not for each page.
    """
    found: dict[str, dict[str, int]] = {}
    for model in tagged_models():
        for name, count in _counted(_seen(model, actor)):
            found.setdefault(name, {})[str(model._meta.model_name)] = count
    return _page(found, after, limit)


def tag_in_use(actor: Actor, name: str) -> TagCount:
    """Returns one tag with its counts; raises NotFound where nothing that the actor sees has it."""
    named = {
        str(model._meta.model_name): _named(_seen(model, actor), name).count() for model in tagged_models()
    }
    counts = {kind: count for kind, count in named.items() if count}
    if not counts:
        raise NotFound
    return TagCount(name, counts)


def _named(rows: "QuerySet[Any]", name: str) -> "QuerySet[Any]":
    # Nothing can be called what cannot be stored. The second condition is the index's own.
    return rows.filter(tags__contains=[name]).exclude(tags=[]) if storable(name) == name else rows.none()


def _seen(model: type[Model], actor: Actor) -> "QuerySet[Any]":
    if model is Contact:
        return contacts_seen_by(actor).filter(merged_into=None)
    rows: QuerySet[Any] = model._meta.default_manager.all().visible_to(actor)  # type: ignore[union-attr]
    return rows


def _counted(rows: "QuerySet[Any]") -> list[tuple[str, int]]:
    tag = Func(F("tags"), function="unnest", output_field=CharField())
    named = rows.exclude(tags=[]).order_by().annotate(tag=tag).values("tag")
    return list(named.annotate(count=Count("pk")).values_list("tag", "count"))


def _page(found: dict[str, dict[str, int]], after: str, limit: int) -> list[TagCount]:
    names = sorted(found, key=place)
    later = [name for name in names if not after or place(name) > place(after)]
    return [TagCount(name, found[name]) for name in later[:limit]]


def place(name: str) -> tuple[str, str]:
    """Returns where a tag stands among others: by its letters first, then by their case."""
    return name.casefold(), name
