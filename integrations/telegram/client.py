"""Calls of the Bot API (https://core.telegram.org/bots/api#making-requests), told in the spine's words.

The token is part of the address. No error that leaves this module carries it, nor does one it was raised
from: what failed inside is dropped and said anew.
"""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from conversations.adapters import SEND_SECONDS, TOO_MANY, answer_json, call, raise_for_status, shown
from conversations.channels import InboxBroken, SendFailed, SendLater, SendRefused
from core.errors import TooLarge
from core.http import Fetched
from core.multipart import FormFile, multipart
from core.reasons import reason
from integrations.telegram.config import TelegramConfig

# The largest file that a bot may fetch, and the largest it may send (https://core.telegram.org/bots/api#file).
FETCH_LIMIT = 20 * 1024 * 1024
UPLOAD_LIMIT = 50 * 1024 * 1024
# A quick question, so that what follows it ends in time as well.
ASK_SECONDS = 5.0
T = TypeVar("T")
TOKEN_WRONG = {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}


def ask(
    config: TelegramConfig, method: str, *, result: type[T], deadline: float = ASK_SECONDS, **parameters: Any
) -> T:
    """Calls a method that changes nothing, by GET: what fails can always be asked again.

    `result` is the type that the answer must have. Raises SendLater, SendRefused or InboxBroken.
    """
    query = urlencode({name: _plain(value) for name, value in parameters.items()})
    address = _address(config, method) + (f"?{query}" if query else "")
    found = _private(config, lambda: _result(call("GET", address, deadline=deadline, judge=judged)))
    if not isinstance(found, result):
        raise SendLater(reason("What answers at the address of the Bot API is something else."))
    return found


def tell(
    config: TelegramConfig,
    method: str,
    payload: Mapping[str, Any],
    upload: FormFile | None = None,
    *,
    deadline: float = SEND_SECONDS,
) -> Any:
    """Calls a method that has an effect. Raises SendRefused, SendLater, SendUnclear or InboxBroken."""
    address = _address(config, method)
    limits: dict[str, Any] = {"deadline": deadline, "judge": judged}
    if upload is None:
        return _private(config, lambda: _result(call("POST", address, payload=dict(payload), **limits)))
    content_type, form = multipart(payload, upload)
    sent: dict[str, Any] = {"content": form, "content_type": content_type}
    return _private(config, lambda: _result(call("POST", address, **sent, **limits)))


def download(config: TelegramConfig, path: str, *, max_bytes: int) -> bytes:
    """Returns the content of a file that `getFile` named; raises TooLarge for more bytes than allowed."""
    token = config.bot_token.get_secret_value()
    address = f"{config.api_url}/file/bot{token}/{quote(path.lstrip('/'))}"
    limits: dict[str, Any] = {"max_bytes": max_bytes, "deadline": SEND_SECONDS}
    return _private(config, lambda: call("GET", address, judge=_file_judged, **limits).content)


def judged(answer: Fetched) -> Fetched:
    """Returns a success; raises what the Bot API means by anything else.

    Unlike elsewhere 403 is about the customer (who blocked the bot), 404 about the token, and the seconds to
    wait stand in the body.
    """
    if answer.status == HTTPStatus.OK:
        return answer
    body = _body(answer)
    detail = f"{answer.status}: {body.get('description') or shown(answer)}"
    code = str(answer.status)
    if answer.status in TOO_MANY:
        raise SendLater(detail, provider_code=code, retry_after=_seconds(body))
    if answer.status in TOKEN_WRONG:
        raise InboxBroken(reason("Telegram does not know this bot token (%s).", detail), provider_code=code)
    if answer.status == HTTPStatus.CONFLICT:
        raise InboxBroken(_conflict(detail), provider_code=code)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise_for_status(answer)
    raise SendRefused(detail, provider_code=code)


def _address(config: TelegramConfig, method: str) -> str:
    return f"{config.api_url}/bot{config.bot_token.get_secret_value()}/{method}"


def _private(config: TelegramConfig, request: Callable[[], T]) -> T:
    """Carries out a call; what it raises is raised again without the token."""
    try:
        return request()
    except SendFailed as error:
        failure: SendFailed | TooLarge = type(error)(
            config.scrubbed(error.detail), provider_code=error.provider_code, retry_after=error.retry_after
        )
    except TooLarge as error:
        failure = TooLarge(config.scrubbed(error.detail))
    # Outside the `except`: the error that names the address would hang on as the context.
    raise failure


def _result(answer: Fetched) -> Any:
    return answer_json(answer).get("result")


def _file_judged(answer: Fetched) -> Fetched:
    if answer.status == HTTPStatus.NOT_FOUND:
        raise SendRefused(reason("Telegram no longer has this file."), provider_code="404")
    return judged(answer)


def _body(answer: Fetched) -> dict[str, Any]:
    try:
        body = json.loads(answer.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(body: Mapping[str, Any]) -> float:
    """How long Telegram asks to wait (https://core.telegram.org/bots/api#responseparameters)."""
    parameters = body.get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def _conflict(detail: str) -> str:
    if "webhook" in detail.lower():
        return reason("A webhook is set for this bot, so nothing can be polled (%s).", detail)
    return reason("Another program fetches this bot's messages; stop it, or use another bot (%s).", detail)


def _plain(value: Any) -> str:
    """A parameter in a query: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
