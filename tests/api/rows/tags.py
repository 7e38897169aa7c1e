"""Tags."""

from conversations.models import Conversation
from tests.api.rows import Row, Side, Who

ALL, ONE = "api/v1/tags", "api/v1/tags/<path:name>"


def tag(side: Side) -> None:
    """Each side has a tag of its own."""
    Conversation.objects.filter(pk=side.conversation.pk).update(tags=[side.team.slug])


IDS = {"name": lambda side: side.team.slug}
ROWS = {
    (ALL, "get"): Row(foreign=200, lists=0, before=tag),
    (ONE, "get"): Row(before=tag),
    (ONE, "patch"): Row(body={"name": "new"}, who=Who.ADMINS, before=tag),
    (ONE, "delete"): Row(204, who=Who.ADMINS, before=tag),
}


def grow(side: Side, number: int) -> None:
    row = Conversation.objects.latest("created_at")
    Conversation.objects.filter(pk=row.pk).update(tags=[f"t{number}"])
