"""What proves that a webhook is ours, and what of it must not be kept.

Evolution signs no body. It sends the headers that were given to it with the address. A header `jwt_key` it
does not send, but signs a token with it: `Authorization: Bearer <HS256, exp 10 minutes>`.
Source: https://doc.evolution-api.com/v2/en/configuration/webhooks
"""

import hmac
import re
from dataclasses import replace

import jwt

from conversations.exchange import Webhook
from core.errors import Unauthenticated

HEADER = "x-hook-secret"
CREDENTIALS = frozenset({HEADER, "authorization", "apikey", "jwt_key"})
# A webhook is tried for more than twenty minutes with the token of its first try, which is good for ten: who
# refuses the last tries loses the message, since Evolution takes a 401 for final.
TOKEN_LEEWAY_SECONDS = 3600
# Linear on any bytes. In a customer's text the quotes are escaped, and it is left alone.
_KEY = re.compile(rb'("api_?key"\s*:\s*)"(?:[^"\\]|\\.)*"?', re.IGNORECASE | re.DOTALL)


def check(webhook: Webhook, secret: str) -> None:
    """Raises Unauthenticated unless a header carries the secret, or a token that was signed with it."""
    if not secret:
        raise Unauthenticated
    scheme, _, token = webhook.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    claims = (webhook.headers.get(HEADER, ""), webhook.headers.get("authorization", ""), bearer)
    # Each is compared, so that the time taken tells nothing.
    if not any([_same(claim, secret) for claim in claims]) and not _signed(bearer, secret):  # noqa: C419
        raise Unauthenticated


def redacted(webhook: Webhook) -> Webhook:
    """Returns the webhook without our secret and without the key of the instance that its body repeats."""
    headers = {name: value for name, value in webhook.headers.items() if name not in CREDENTIALS}
    return replace(webhook, headers=headers, body=_KEY.sub(rb'\1""', webhook.body))


def _same(claim: str, secret: str) -> bool:
    return hmac.compare_digest(claim.encode("utf-8", "replace"), secret.encode("utf-8", "replace"))


def _signed(token: str, secret: str) -> bool:
    if token.count(".") != 2:  # noqa: PLR2004 (header, claims, signature)
        return False
    try:
        jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            leeway=TOKEN_LEEWAY_SECONDS,
            options={"require": ["exp"], "verify_iat": False},
        )
    except jwt.PyJWTError:
        return False
    return True
