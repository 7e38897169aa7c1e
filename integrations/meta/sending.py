"""What a message of ours looks like to the Send API.

https://developers.facebook.com/docs/messenger-platform/reference/send-api
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conversations.channels import Capabilities, SendRefused, SendUnclear
from conversations.enums import AuthorKind
from conversations.exchange import OutFile, Outgoing, Sent
from core.multipart import FormFile, multipart
from core.reasons import reason
from integrations.meta.config import MetaConfig
from integrations.meta.graph import WINDOW_CLOSED, graph
from integrations.meta.plain import plain
from integrations.meta.values import is_derived, message_id

MOST_CHOICES = 13
LONGEST_TITLE = 20
LONGEST_PAYLOAD = 1000
DEADLINE = 18.0
# Two of these may follow one another.
ACT_SECONDS = 9.0
# Too little to try once more within the deadline.
LEAST = 3.0

Body = dict[str, Any]


def text_message(outgoing: Outgoing, capabilities: Capabilities) -> Body:
    """Returns a text with its choices as quick replies; raises SendRefused for one that is too long."""
    words = plain(outgoing.text) or outgoing.text
    listed = with_list(words, outgoing.choices)
    if is_within(listed, capabilities):
        words = listed
    if not is_within(words, capabilities):
        raise SendRefused(reason("The text is longer than this channel allows."))
    return {"text": words, **quick_replies(outgoing.choices)}


def is_within(words: str, capabilities: Capabilities) -> bool:
    """Whether the channel takes a text of this length."""
    length = len(words.encode()) if capabilities.text_bytes else len(words)
    return length <= capabilities.text_limit


def with_list(words: str, choices: Sequence[Mapping[str, str]]) -> str:
    """Writes the choices out below the text where the buttons cannot hold them whole."""
    whole = len(choices) <= MOST_CHOICES and all(len(each["label"]) <= LONGEST_TITLE for each in choices)
    return words if whole else "\n".join([words, "", *(f"- {each['label']}" for each in choices)])


def quick_replies(choices: Sequence[Mapping[str, str]]) -> Body:
    """Returns the first thirteen choices as buttons; a title that is cut off ends in an ellipsis."""
    if not choices:
        return {}
    buttons = [
        {
            "content_type": "text",
            "title": shortened(each["label"]),
            "payload": each.get("value", each["label"])[:LONGEST_PAYLOAD],
        }
        for each in choices[:MOST_CHOICES]
    ]
    return {"quick_replies": buttons}


def shortened(label: str) -> str:
    """Returns a title of at most twenty characters."""
    return label if len(label) <= LONGEST_TITLE else label[: LONGEST_TITLE - 1] + "…"


def file_kind(file: OutFile) -> str:
    """Returns what the API calls a file of this type."""
    kind = file.content_type.partition("/")[0]
    return kind if kind in {"image", "video", "audio"} else "file"


def send(config: MetaConfig, outgoing: Outgoing, message: Body, upload: OutFile | None = None) -> Sent:
    """Hands a message over, at the second try without what the first was refused for.

    A refusal is certain, so that trying in another way makes no double. Raises SendFailed's kinds.
    """
    ends_at = time.monotonic() + DEADLINE
    content = upload.read() if upload else None
    refused: SendRefused | None = None
    for body in _bodies(config, outgoing, message):
        left = ends_at - time.monotonic()
        if refused and (left < LEAST or not _helps(body, refused)):
            continue
        try:
            return _sent(_post(config, body, upload, content, left))
        except SendRefused as error:
            refused = error
    raise refused or SendUnclear


def act(config: MetaConfig, to: str, action: str) -> None:
    """Shows somebody a sign in their app, such as that we have seen what they wrote; nothing else goes along.

    https://developers.facebook.com/docs/messenger-platform/send-messages/sender-actions
    """
    payload = {"recipient": {"id": to}, "sender_action": action}
    graph("POST", config, f"{config.node}/messages", payload=payload, deadline=ACT_SECONDS)


def _bodies(config: MetaConfig, outgoing: Outgoing, message: Body) -> Iterator[Body]:
    """Yields the message as it is meant, then without its quotation, then as one a person answers late."""
    body: Body = {"recipient": {"id": outgoing.to}, "messaging_type": "RESPONSE", "message": message}
    if outgoing.reply_to and not is_derived(outgoing.reply_to):
        yield {**body, "reply_to": {"mid": outgoing.reply_to}}
    yield body
    # Meta grants the tag for what people write, not for machines.
    if config.human_agent_tag and outgoing.author_kind == AuthorKind.OPERATOR:
        yield {**body, "messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}


def _helps(body: Body, refused: SendRefused) -> bool:
    """Whether a refusal was for something that this body does not have."""
    is_late = refused.provider_code in WINDOW_CLOSED
    return is_late if "tag" in body else refused.provider_code.partition(".")[0] == "100"


def _post(
    config: MetaConfig, body: Body, upload: OutFile | None, content: bytes | None, left: float
) -> dict[str, Any]:
    path = f"{config.node}/messages"
    if upload is None or content is None:
        return graph("POST", config, path, payload=body, deadline=left)
    # https://developers.facebook.com/docs/messenger-platform/send-messages#file
    file = FormFile("filedata", upload.name, upload.content_type, content)
    content_type, form = multipart(body, file)
    return graph("POST", config, path, content=form, content_type=content_type, deadline=left)


def _sent(answer: Mapping[str, Any]) -> Sent:
    mid = message_id(answer.get("message_id"))
    if not mid:
        # A success without an id: it may have gone out.
        raise SendUnclear(json.dumps(answer)[:200])
    return Sent(mid)
