"""Who sits at a desk socket, asked again and again: rights change while a socket is open."""

from importlib import import_module
from typing import Any

from asgiref.sync import async_to_sync
from channels.auth import get_user
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language_from_request

from accounts.models import User
from accounts.signing_in.factors import lacks_second_factor
from conversations.groups import DESK_ALL, DESK_NO_TEAM, desk_group, operator_group
from core.actor import Actor
from core.errors import Unauthenticated


def staff_actor(scope: dict[str, Any]) -> Actor:
    """Returns the socket's user as an actor with the rights of this moment.

    Reads session, user and teams again; raises Unauthenticated once the session has ended, the password was
    changed, the user is no active member of staff any more, or must have a second factor and has none.
    """
    session = scope.get("session")
    if session is None or not session.session_key:
        raise Unauthenticated
    store = import_module(settings.SESSION_ENGINE).SessionStore(session.session_key)
    user = async_to_sync(get_user)({"session": store})
    if not isinstance(user, User) or not (user.is_active and user.is_staff) or lacks_second_factor(user):
        raise Unauthenticated
    return user.as_actor()


def language_of(scope: dict[str, Any]) -> str:
    """Returns the language in which the socket's page was made: a browser sends the same wishes with both."""
    request = HttpRequest()
    request.COOKIES = scope.get("cookies", {})
    wishes = dict(scope["headers"]).get(b"accept-language", b"")
    request.META["HTTP_ACCEPT_LANGUAGE"] = wishes.decode("latin-1")
    return get_language_from_request(request)


def groups_of(actor: Actor) -> set[str]:
    """Returns the realtime groups whose hints concern the actor's list."""
    if actor.is_admin:
        return {DESK_ALL}
    own = operator_group(int(actor.id))
    return {DESK_NO_TEAM, own, *(desk_group(team_id) for team_id in actor.team_ids)}
