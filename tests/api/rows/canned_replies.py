"""Canned replies."""

from conversations.models import CannedReply
from tests.api.rows import Nested, Row, Side, Who

ONE = "api/v1/canned-replies/<int:canned_id>"


def kept(side: Side) -> CannedReply:
    """A text of the side's team, which those of others must not see."""
    text = f"{side.campaign.name}: {{{{contact.name}}}}"
    found, _made = CannedReply.objects.get_or_create(team=side.team, shortcut="ola", defaults={"text": text})
    return found


IDS = {"canned_id": lambda side: kept(side).pk}
ROWS = {
    ("api/v1/canned-replies", "get"): Row(foreign=200, lists=0, before=kept),
    ("api/v1/canned-replies", "post"): Row(
        201, 403, body=lambda side: {"shortcut": "oi", "text": "Oi", "team": side.team.slug}, who=Who.LEADS
    ),
    (ONE, "get"): Row(),
    (ONE, "patch"): Row(body={"title": "Saudação"}, who=Who.LEADS),
    (ONE, "delete"): Row(204, who=Who.LEADS),
    (f"{ONE}/render", "post"): Row(body=lambda side: {"conversation": str(side.conversation.pk)}),
}
NESTED = [
    Nested(
        f"{ONE}/render", "post", "conversation", lambda side: {"conversation": str(side.conversation.pk)}, 200
    )
]


def grow(side: Side, number: int) -> None:
    CannedReply.objects.create(team=side.team, shortcut=f"c{number}", text="Olá")
