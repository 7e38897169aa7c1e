"""Messages as records: by client and sector. What is no record can be read like any message."""

from accounts.models import Team
from conversations.actions import Sender, receive
from conversations.models import Inbox, Message
from tests.api.rows import Row, Side

ONE = "api/v1/messages/<uuid:message_id>"


def record(team: Team, text: str = "Preciso de ajuda") -> Message:
    """What a client wrote to the sector of a team."""
    secret = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
    inbox, _ = Inbox.objects.get_or_create(
        channel="api", team=team, defaults={"name": f"API {team.slug}", "config": {"signing_secret": secret}}
    )
    return receive(inbox=inbox, sender=Sender("client-1"), text=text).message


def told(side: Side) -> Message:
    """The record of a side."""
    known = Message.objects.filter(inbox__channel="api", inbox__team=side.team).first()
    return known or record(side.team, "Segredo" if side.team.slug == "finance" else "Preciso de ajuda")


IDS = {
    "client_id": lambda side: told(side).conversation.identity.external_id,
    "sector": lambda side: side.team.slug,
}
ROWS = {
    ("api/v1/messages", "post"): Row(
        201,
        422,
        body=lambda side: {"client_id": "c-1", "sector": side.team.slug, "message": "Preciso de ajuda"},
    ),
    (ONE, "put"): Row(
        body={"answer": "Claro!", "validated_by": "human"}, ids={"message_id": lambda side: told(side).pk}
    ),
    ("api/v1/messages/client/<str:client_id>", "get"): Row(foreign=200),
    ("api/v1/messages/sector/<str:sector>", "get"): Row(before=told),
}
