"""Calls to the Graph API, and what its error codes mean for a message.

https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes. Meta asks to
judge by code, not by HTTP status or wording: the same code comes with 400, 401, 403, 429 or 500.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext_noop

from conversations.adapters import SEND_SECONDS, answer_json, asked_pause, call, raise_for_status
from conversations.channels import InboxBroken, SendFailed, SendLater, SendRefused
from core.http import Fetched
from core.reasons import reason
from integrations.meta.usage import regained_after
from integrations.whatsapp_cloud.config import WhatsAppConfig

# Seconds to wait where Meta does not say: one number to one person may send every six seconds, and a number
# that people block or report is held back for hours.
THROTTLED = {4: 60.0, 17: 60.0, 32: 60.0, 613: 60.0, 80007: 60.0, 130429: 5.0, 131048: 3600.0, 131056: 6.0}
TEMPORARY = {1, 2, 131000, 131016, 131057, 133004}
BROKEN = {
    *(0, 3, 10, 33, 102, 190, 368, 131005, 131031, 131045, 133000, 133005, 133006, 133010, 133015),
    *range(200, 300),
}
# Subcode of 100: the id in the address does not exist, or the token may not see it.
UNKNOWN_OBJECT = 33
INVALID = 100

# What is said instead of Meta's words, where those do not tell an operator what to do.
EXPLAINED = {
    131026: gettext_noop(
        "WhatsApp could not deliver it: the number may not be on WhatsApp, has not accepted its current "
        "terms, or uses a version that is too old."
    ),
    131047: gettext_noop(
        "The customer's last message is more than 24 hours old. WhatsApp takes only an approved template now."
    ),
    131049: gettext_noop("WhatsApp held it back, since this person gets many marketing messages at present."),
    131050: gettext_noop("This person has stopped marketing messages from you."),
    130472: gettext_noop("WhatsApp held it back as part of one of its experiments."),
    130497: gettext_noop("Your account may not write to people in this country."),
    131021: gettext_noop("A number cannot write to itself."),
    131030: gettext_noop("A test number writes only to the numbers on its list of recipients at Meta."),
    131042: gettext_noop("Meta could not charge your account; check its method of payment."),
    131051: gettext_noop("WhatsApp does not know this kind of message."),
    131053: gettext_noop("WhatsApp could not use the file; its kind or size is not supported."),
    131062: gettext_noop("This kind of message needs the person's phone number, which is not known."),
    132000: gettext_noop("The template has a different number of places to fill in."),
    132001: gettext_noop("The template does not exist in this language, or is not approved yet."),
    132005: gettext_noop("The template is too long with these words in it."),
    132007: gettext_noop("Meta finds that the template breaks its rules."),
    132012: gettext_noop("What was filled in does not have the form that the template asks for."),
    132015: gettext_noop("Meta has paused this template because of low quality."),
    132016: gettext_noop("Meta has switched this template off because of low quality."),
    190: gettext_noop("Meta no longer accepts the access token; create a new one and save it here."),
    131031: gettext_noop("Meta has locked the account; see the account's quality page at Meta."),
    368: gettext_noop("Meta has restricted the account for breaking its rules."),
    133010: gettext_noop("The phone number is not registered with the Cloud API."),
}


def graph(
    method: str,
    path: str,
    config: WhatsAppConfig,
    *,
    payload: Any = None,
    content: bytes | None = None,
    content_type: str = "application/json",
    deadline: float = SEND_SECONDS,
    query: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Calls the Graph API and returns the object in its answer.

    Raises SendLater, SendRefused, SendUnclear or InboxBroken with Meta's code as `provider_code`.
    """
    address = f"{config.api_url}/{path}" + (f"?{urlencode(query)}" if query else "")
    answer = call(
        method,
        address,
        headers=bearer(config),
        payload=payload,
        content=content,
        content_type=content_type,
        deadline=deadline,
        judge=judged,
    )
    return answer_json(answer)


def bearer(config: WhatsAppConfig) -> dict[str, str]:
    """The header that proves to Meta who we are."""
    return {"authorization": f"Bearer {config.access_token.get_secret_value()}"}


def judged(answer: Fetched) -> Fetched:
    """Returns a success; raises what an error means, by its code where there is one."""
    error = error_of(answer)
    if error is None:
        raise_for_status(answer)
        if answer.status >= 400:  # noqa: PLR2004 (where errors begin)
            raise SendRefused(reason("Meta answered %s without a reason.", answer.status))
        return answer
    raise failure(error, answer)


def error_of(answer: Fetched) -> dict[str, Any] | None:
    """Returns the error in an answer: Graph says `{"error": {"code": …}}`, whatever the status."""
    if answer.status < 400:  # noqa: PLR2004 (where errors begin)
        return None
    try:
        error = json.loads(answer.content).get("error")
    except (ValueError, AttributeError, RecursionError):
        return None
    return error if isinstance(error, dict) and isinstance(error.get("code"), int) else None


def failure(error: dict[str, Any], answer: Fetched) -> SendFailed:
    """Returns the exception for one of Meta's errors."""
    code = error["code"]
    detail, shown_code = explained(error), str(code)
    if code in THROTTLED:
        wait = asked_pause(answer) or regained_after(answer) or THROTTLED[code]
        return SendLater(detail, provider_code=shown_code, retry_after=wait)
    if code in BROKEN or (code == INVALID and error.get("error_subcode") == UNKNOWN_OBJECT):
        return InboxBroken(detail, provider_code=shown_code)
    if code in TEMPORARY or error.get("is_transient") is True or answer.status >= 500:  # noqa: PLR2004 (theirs)
        return SendLater(detail, provider_code=shown_code, retry_after=asked_pause(answer))
    return SendRefused(detail, provider_code=shown_code)


def explained(error: dict[str, Any]) -> str:
    """Says an error so that an operator knows what to do, else in Meta's own words, with the code."""
    code = error.get("code")
    if code in EXPLAINED:
        return reason("%(why)s (%(code)s)", why=reason(EXPLAINED[code]), code=code)
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else ""
    words = str(details or error.get("message") or error.get("title") or "")
    if words:
        return f"{words[:400]} ({code})"
    return reason("%(why)s (%(code)s)", why=reason("Meta gives no reason."), code=code)
