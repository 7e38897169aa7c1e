"""Requests that may be sent twice: the key that a sender gives them."""

import re

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from core.actor import Actor
from core.errors import Invalid

_KEY = re.compile(r"[\x21-\x7e]{1,128}")


def idempotency_header(what: str) -> OpenApiParameter:
    """Describes the header for something that is made at most once for each key."""
    return OpenApiParameter(
        "Idempotency-Key",
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        description=f"Up to 128 visible ASCII characters. Sent again, the same {what} is returned.",
    )


def idempotency_key(request: Request, actor: Actor) -> str | None:
    """Returns the sender's key with the sender in front, so that nobody meets another's row by a key."""
    sent = request.headers.get("Idempotency-Key")
    if sent is None:
        return None
    if not _KEY.fullmatch(sent):
        raise Invalid(_("The key must be 1 to 128 visible ASCII characters."), field="Idempotency-Key")
    return f"api:{actor.kind}:{actor.id}:{sent}"
