"""Calls to the Graph API, and what its errors mean for a message.

https://developers.facebook.com/docs/graph-api/guides/error-handling
https://developers.facebook.com/docs/messenger-platform/error-codes
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from conversations.adapters import SEND_SECONDS, answer_json, asked_pause, call, raise_for_status, shown
from conversations.channels import InboxBroken, SendFailed, SendLater, SendRefused, SendUnclear
from core.http import Fetched
from integrations.meta.config import MetaConfig
from integrations.meta.usage import regained_after

LONGEST_DETAIL = 300
# Too late to answer: Messenger's two, and Instagram's, which comes with status 403.
WINDOW_CLOSED = {"10.2018065", "10.2018278", "10.2534022"}
BY_PAIR: Mapping[str, type[SendFailed]] = {
    **dict.fromkeys(WINDOW_CLOSED, SendRefused),
    # "All messages were sent", says the documentation of this failure.
    "1.1357046": SendUnclear,
    # This person takes no messages from this page, or cannot be written to by an app under test.
    "10.2018108": SendRefused,
    "200.1545041": SendRefused,
    "200.2018021": SendRefused,
    # There is no such page or account, or the token does not see it.
    "100.33": InboxBroken,
    # Meta could not read a video in time.
    "100.2018294": SendLater,
}
BY_CODE: Mapping[int, type[SendFailed]] = {
    # An unknown error, a service that is down, a passing failure to send.
    **dict.fromkeys((1, 2, 1200), SendLater),
    # Limits: app, user, page, custom, and per business use case (pages, Messenger, Instagram).
    **dict.fromkeys((4, 17, 32, 341, 613, 80001, 80002, 80006), SendLater),
    # Tokens, rights, and an account that Meta has blocked.
    **dict.fromkeys((3, 10, 102, 104, 190, 368, *range(200, 300)), InboxBroken),
}


def graph(
    method: str,
    config: MetaConfig,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    payload: Any = None,
    content: bytes | None = None,
    content_type: str = "application/json",
    token: str = "",
    deadline: float = SEND_SECONDS,
) -> dict[str, Any]:
    """Calls the API and returns the object it answers; raises SendFailed's kinds.

    The token goes into a header, never into the address, which others write down. `token` replaces the
    inbox's own.
    """
    bearer = token or config.access_token.get_secret_value()
    arguments = {**(query or {}), **_proof(config, bearer)}
    answer = call(
        method,
        f"{config.base_url}/{path}" + (f"?{urlencode(arguments)}" if arguments else ""),
        headers={"authorization": f"Bearer {bearer}"},
        payload=payload,
        content=content,
        content_type=content_type,
        deadline=deadline,
        judge=judged,
    )
    return answer_json(answer)


def judged(answer: Fetched) -> Fetched:
    """Returns a success; raises what the error in the body says, and only where there is none the status."""
    error = _error(answer)
    if error:
        raise failure(error, answer)
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    raise_for_status(answer)
    raise SendRefused(f"{answer.status}: {shown(answer)}", provider_code=str(answer.status))


def failure(error: Mapping[str, Any], answer: Fetched) -> SendFailed:
    """Translates Meta's error; `provider_code` is its code and, where there is one, its subcode."""
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    pair = f"{code}.{subcode}" if subcode else str(code)
    kind = BY_PAIR.get(pair) or BY_CODE.get(code) or SendRefused
    passing = error.get("is_transient") is True or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if kind is SendRefused and passing and pair not in BY_PAIR:
        kind = SendLater
    wait = max(asked_pause(answer), regained_after(answer)) if kind is SendLater else 0.0
    said = str(error.get("error_user_msg") or error.get("message") or "").strip()
    return kind(f"{said[:LONGEST_DETAIL]} ({pair})".strip(), provider_code=pair, retry_after=wait)


def _proof(config: MetaConfig, token: str) -> dict[str, str]:
    """Shows that we know the app's secret, which an app may require of every call."""
    if not config.proves:
        return {}
    secret = config.app_secret.get_secret_value().encode()
    return {"appsecret_proof": hmac.new(secret, token.encode(), hashlib.sha256).hexdigest()}


def _error(answer: Fetched) -> Mapping[str, Any]:
    """The error that an answer holds, or nothing: a proxy in between answers as it likes."""
    try:
        error = json.loads(answer.content)["error"]
    except (ValueError, TypeError, LookupError):
        return {}
    return error if isinstance(error, dict) else {}


def _number(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        return 0
