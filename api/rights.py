"""Who asks, judged again while an answer lasts: rights change while a stream is open."""

import copy
from typing import Any

from django.contrib.auth import get_user
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.enums import Scope
from api.authentication import actor_of
from api.permissions import may
from core.actor import Actor
from core.errors import Forbidden, Unauthenticated


def actor_now(request: Request) -> Actor:
    """Returns the one who asks with the rights of this moment, read anew: key, session, user and teams.

    Raises Unauthenticated once the key was revoked, the session has ended or the user has left, and Forbidden
    once it may no longer read.
    """
    plain = copy.copy(request._request)  # noqa: SLF001 (DRF has no other name for it)
    plain.session = type(plain.session)(plain.session.session_key)
    plain.user = get_user(plain)
    methods: Any = request.authenticators
    again = Request(plain, authenticators=methods)
    try:
        actor = actor_of(again)
    except AuthenticationFailed as error:
        raise Unauthenticated from error
    if actor is None:
        raise Unauthenticated
    if not may(actor, Scope.READ):
        raise Forbidden
    return actor
