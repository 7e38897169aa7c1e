"""Refusals of the chat socket, with the codes of docs/protocol.md."""

from core.errors import HelpdeskError


class BadFrame(HelpdeskError):
    """The frame is not one of the protocol's."""

    code = "bad_frame"
    status = 400


class NotReady(HelpdeskError):
    """Say hello first."""

    code = "not_ready"
    status = 409


class UnknownInbox(HelpdeskError):
    """There is no such inbox, or it is switched off."""

    code = "unknown_inbox"
    status = 404


class OriginNotAllowed(HelpdeskError):
    """This site may not use the inbox."""

    code = "origin_not_allowed"
    status = 403


class TokenInvalid(HelpdeskError):
    """The token is unknown or has expired; say hello without it."""

    code = "token_invalid"
    status = 401
