"""Requests that may be sent twice: the key that a sender gives them, and the answer that is kept under it.

The same key with the same body gets the same answer for a day; with another body it is refused. A deed that
is rows only runs in one transaction with the row that keeps its answer: of many at once one does it and the
others wait for it. A deed that waits for somebody else's server claims the row first; a claim without an
answer is given up after a while, and the deed then has to bear being done again.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.chat_callers import ChatCaller
from api.authentication import actor_of
from api.models import IdempotentRequest
from core.errors import HelpdeskError, Invalid

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
# After so long nobody is at it any more: no request may take that long.
GIVEN_UP = timedelta(minutes=3)
KEPT_HEADERS = ("ETag", "Location")
PATTERN = r"^[\x21-\x7e]{1,128}$"

Do = Callable[[], Response]


class InProgress(HelpdeskError):
    """The same request is being carried out; ask again in a moment."""

    code = "in_progress"
    status = 409


class KeyReused(HelpdeskError):
    """This key was sent with another request; a new request needs a new key."""

    code = "idempotency_key_reused"
    status = 422


# Where the catalogues are made from.
DEFAULTS = (
    gettext_noop("The same request is being carried out; ask again in a moment."),
    gettext_noop("This key was sent with another request; a new request needs a new key."),
)


def idempotency_key(request: Request) -> str | None:
    """Returns the key that a sender gave to a request; raises Invalid for one that is none."""
    sent = request.headers.get(HEADER)
    if sent is not None and not re.fullmatch(PATTERN, sent):
        raise Invalid(_("The key must be 1 to 128 visible ASCII characters."), field=HEADER)
    return sent


def natural_key(request: Request) -> str | None:
    """Returns a key for a row that the request makes: the same for the same request, nobody else's."""
    key = idempotency_key(request)
    return key and f"api:{owner_of(request)}:{digest_of(request)[:16]}:{key}"


def natural_id(request: Request) -> UUID | None:
    """Returns the natural key as an id."""
    key = natural_key(request)
    return uuid5(NAMESPACE_URL, key) if key else None


def owner_of(request: Request) -> str:
    """Returns whose keys these are: two senders may use the same one, strangers by their addresses."""
    if isinstance(request.auth, ChatCaller):
        return f"chat:{request.auth.name}"
    actor = actor_of(request)
    return f"{actor.kind}:{actor.id}" if actor else f"ip:{request.META.get('REMOTE_ADDR', '')}"


def digest_of(request: Request) -> str:
    """Returns what tells a request from another one with the same key."""
    body = json.dumps(request.data, sort_keys=True)
    asked = f"{request.method} {request.path.rstrip('/')}\n{body}"
    # Under our key: a plain hash of a body with a password would let who reads the table guess it, and fast.
    return salted_hmac(__name__, asked.encode("utf-8", "surrogatepass"), algorithm="sha256").hexdigest()


def answered_once(request: Request, do: Do, *, outside: bool) -> Response:
    """Does what a POST asks for, or returns what it was answered the first time.

    `outside`: it waits for others' servers, and must not do that inside a transaction. Refusals are not kept:
    whoever mends their request may send it under the same key.
    """
    key = idempotency_key(request)
    if key is None:
        return do()
    wish = {"owner": owner_of(request), "key": key}
    digest = digest_of(request)
    if outside:
        return _claimed(wish, digest, do)
    with transaction.atomic():
        row, is_new = _row(wish, digest)
        if not is_new:
            return _kept(row, digest)
        response = do()
        _keep(row, response)
        return response


@contextmanager
def only_same(request: Request) -> Iterator[None]:
    """Remembers what a key was sent with, unless that is refused; raises KeyReused for another one.

    For deeds that find what they have done by a natural key: their answer is not kept.
    """
    key = idempotency_key(request)
    if key is None:
        yield
        return
    digest = digest_of(request)
    with transaction.atomic():
        row, is_new = _row({"owner": owner_of(request), "key": key}, digest)
        if is_new:
            row.status = HTTPStatus.ACCEPTED
            row.save(update_fields=["status"])
    if row.digest != digest:
        raise KeyReused(field=HEADER)
    try:
        yield
    except BaseException:
        if is_new:
            row.delete()
        raise


def _claimed(wish: dict[str, str], digest: str, do: Do) -> Response:
    with transaction.atomic():
        row, is_new = _row(wish, digest)
    if not is_new:
        return _kept(row, digest)
    try:
        response = do()
    except BaseException:
        row.delete()
        raise
    _keep(row, response)
    return response


def _row(wish: dict[str, str], digest: str) -> tuple[IdempotentRequest, bool]:
    """Returns the row of a key, new or of before; another one who is just making it is waited for."""
    now = timezone.now()
    rows = IdempotentRequest.objects.filter(**wish)
    rows.filter(claimed_at__lt=now - KEPT).delete()
    rows.filter(status=None, claimed_at__lt=now - GIVEN_UP).delete()
    return IdempotentRequest.objects.get_or_create(**wish, defaults={"digest": digest})


def _kept(row: IdempotentRequest, digest: str) -> Response:
    if row.digest != digest:
        raise KeyReused(field=HEADER)
    if row.status is None:
        raise InProgress(retry_after=1)
    response = Response(row.answer["data"], status=row.status, headers=row.answer["headers"])
    response["Idempotent-Replayed"] = "true"
    return response


def _keep(row: IdempotentRequest, response: Response) -> None:
    headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    row.status = response.status_code
    row.answer = {"data": json.loads(JSONRenderer().render(response.data) or b"null"), "headers": headers}
    row.save(update_fields=["status", "answer"])


def forget_old() -> int:
    """Deletes the answers whose day is over and returns how many; nobody asks for them."""
    count, _by_model = IdempotentRequest.objects.filter(claimed_at__lt=timezone.now() - KEPT).delete()
    return count
