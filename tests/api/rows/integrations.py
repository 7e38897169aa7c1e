"""Inboxes, which the API calls integrations."""

from conversations.models import Inbox, InboxState
from tests.api.rows import Row, Side, Who

ONE = "api/v1/integrations/<int:integration_id>"


def unused(side: Side) -> Inbox:
    """An inbox of the side's team that nobody has written to."""
    name = f"{side.campaign.name} 2"
    found, _made = Inbox.objects.get_or_create(name=name, team=side.team, channel="web")
    return found


IDS = {"integration_id": lambda side: unused(side).pk}
ROWS = {
    ("api/v1/integrations", "get"): Row(foreign=200, lists=0, before=unused),
    ("api/v1/integrations", "post"): Row(
        201, 201, body={"channel": "web", "name": "Loja", "chat_per_minute": 5}, who=Who.ADMINS
    ),
    ("api/v1/integrations/channels", "get"): Row(foreign=200),
    (ONE, "get"): Row(),
    (ONE, "patch"): Row(body={"title": "Olá", "config": {}}, who=Who.SET_UP),
    (ONE, "delete"): Row(204, who=Who.ADMINS),
    (f"{ONE}/test", "post"): Row(who=Who.SET_UP),
}


def grow(side: Side, number: int) -> None:
    inbox = Inbox.objects.create(name=f"I{number}", team=side.team, channel="web")
    InboxState.objects.create(inbox=inbox)
