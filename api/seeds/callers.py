"""Who chats through an older door, and as which customer."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.chat_callers import ChatCaller, chat_caller, check_caller_pace
from api.asking import ask, chat_inbox, check_customer_pace, named, newcomer
from api.authentication import SCHEME, key_of
from api.throttles import address_of
from conversations.actions import Sender
from conversations.models import Inbox, Message
from core.actor import Actor
from core.errors import Unauthenticated

# How the ids of those begin whom a program with a plain key names: nobody else's customers are called so.
NAMED_PLAINLY = "chat:"


class ChatKeyAuthentication(BaseAuthentication):
    """`X-API-Key: KEY`, one of ours or of the environment. Sessions and addresses are not looked at."""

    def authenticate(self, request: Request) -> tuple[Any, ChatCaller] | None:
        """Returns who chats as `request.auth`; None when no key was sent, 401 for a wrong one."""
        try:
            caller = chat_caller(key_of(request) or "", address=address_of(request))
        except Unauthenticated as error:
            raise AuthenticationFailed(_("The key is not valid, has expired or was switched off.")) from error
        return (AnonymousUser(), caller) if caller.name else None

    def authenticate_header(self, request: Request) -> str:
        """Names the scheme for `WWW-Authenticate`."""
        del request
        return f'{SCHEME} realm="chat"'


class MayChat(BasePermission):
    """Lets in whoever has a key, and everybody where the settings want none."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Returns whether the caller may chat."""
        del view
        return isinstance(request.auth, ChatCaller) or not wants_key()


def wants_key() -> bool:
    """Says whether the older doors want a key; they do unless the settings say outright that they do not."""
    return settings.REQUIRE_API_KEY is not False


def inbox_of(caller: ChatCaller) -> Inbox:
    """Returns the inbox in which a caller chats; only keys of ours are tied to teams."""
    return chat_inbox(by=caller.actor or Actor.system())


def sender_of(caller: ChatCaller, inbox: Inbox, user_id: str, *, seed: object = None) -> Sender:
    """Returns the customer whom a caller names.

    A key of ours vouches for them, as over /api/v1/chat. One of the environment has customers of its own.
    Without a key a name proves nothing: it is shown, and leads to nobody who is known.
    """
    if caller.actor is not None:
        return Sender(named(inbox, user_id), is_verified=True)
    if caller.name:
        return Sender(f"{NAMED_PLAINLY}{user_id}")
    return Sender(newcomer(seed), name=user_id[:120])


def put(
    caller: ChatCaller,
    *,
    address: str,
    user_id: str,
    text: str,
    client_id: UUID | None = None,
    seed: object = None,
) -> Message:
    """Stores a question that came through an older door, within its limits.

    Of those whom nobody vouches for, the same `seed` is the same person.
    """
    check_caller_pace(caller, address=address)
    inbox = inbox_of(caller)
    sender = sender_of(caller, inbox, user_id, seed=seed)
    check_customer_pace(inbox, sender.external_id)
    return ask(inbox=inbox, sender=sender, text=text, client_id=client_id)
