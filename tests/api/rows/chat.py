"""Questions that programs ask."""

from conversations.models import Inbox
from tests.api.rows import Nested, Row, Side, Who


def on(side: Side) -> dict[str, str]:
    return {"message": "Onde está?", "conversation": str(side.conversation.pk)}


def give_widget(side: Side) -> None:
    """Makes the only widget the team's own."""
    Inbox.objects.filter(channel="web").update(team=side.team)


PROMPT = {"userId": "42", "prompt": "Onde está?"}
ROWS = {
    ("api/v1/chat", "post"): Row(foreign=422, body=on),
    ("v1/chat", "post"): Row(body=PROMPT, who=Who.CHATS, before=give_widget),
}
NESTED = [Nested("api/v1/chat", "post", "conversation", on, own=200)]
