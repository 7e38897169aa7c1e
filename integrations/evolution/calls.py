"""One way to call the server, and what its errors mean.

Evolution answers most of what goes wrong with 400, the socket to WhatsApp that is just gone included; the
difference is in the words.
"""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from conversations.adapters import SEND_SECONDS, call, shown
from conversations.channels import InboxBroken, SendLater, SendRefused, SendUnclear
from core.http import Fetched
from core.reasons import reason
from integrations.evolution.fields import items, mapping

# Said while Baileys reconnects (issue 2229 of Evolution); nothing had been sent.
NOT_NOW = ("connection closed", "connection lost", "rate-overlimit", "not connected", "stream errored")
MAYBE = ("timed out",)
MAX_ANSWER_BYTES = 5 * 1024 * 1024


def ask(
    config: Any,
    method: str,
    path: str,
    payload: Any = None,
    *,
    deadline: float = SEND_SECONDS,
    max_bytes: int = MAX_ANSWER_BYTES,
    named: bool = True,
) -> Fetched:
    """Calls the server for the instance (`named`: its name ends the address) and returns what it granted.

    Raises SendRefused, SendLater, SendUnclear or InboxBroken for everything but a 2xx.
    """
    tail = f"/{quote(config.instance, safe='')}" if named else ""
    answer = call(
        method,
        f"{config.base_url}/{path}{tail}",
        headers={"apikey": config.api_key.get_secret_value()},
        payload=payload,
        deadline=deadline,
        max_bytes=max_bytes,
    )
    return judge(answer)


def judge(answer: Fetched) -> Fetched:
    """Returns an answer that grants; raises SendRefused, SendLater, SendUnclear or InboxBroken for others."""
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    detail, code = f"{answer.status}: {shown(answer)}", str(answer.status)
    words = detail.lower()
    if _is_nobody(answer):
        raise SendRefused(reason("This number is not on WhatsApp."), provider_code="not_on_whatsapp")
    if answer.status == HTTPStatus.REQUEST_TIMEOUT or any(each in words for each in MAYBE):
        raise SendUnclear(detail, provider_code=code)
    if any(each in words for each in NOT_NOW):
        raise SendLater(detail, provider_code=code)
    if answer.status == HTTPStatus.NOT_FOUND or answer.status < HTTPStatus.BAD_REQUEST:
        raise InboxBroken(detail, provider_code=code)
    raise SendRefused(detail, provider_code=code)


def _is_nobody(answer: Fetched) -> bool:
    try:
        told = mapping(mapping(json.loads(answer.content)).get("response")).get("message")
    except (ValueError, RecursionError):
        return False
    return any(mapping(each).get("exists") is False for each in items(told))
