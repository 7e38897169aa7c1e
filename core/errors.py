"""Every error a caller may see, typed once.

The docstring of a class is its default message. The API renders these as problem details, a socket as an
`error` frame, the desk as a toast.
"""

from typing import Any, ClassVar


class HelpdeskError(Exception):
    """The request could not be carried out."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, detail: str = "", **extra: Any) -> None:
        """Takes a message that replaces the default one, and facts for the client such as `field=`."""
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.extra = extra
        super().__init__(self.detail)


class Unauthenticated(HelpdeskError):
    """Sign in, or send a valid key."""

    code = "unauthenticated"
    status = 401


class Forbidden(HelpdeskError):
    """You may not do this."""

    code = "forbidden"
    status = 403


class NotFound(HelpdeskError):
    """There is no such thing, or you may not see it."""

    code = "not_found"
    status = 404


class Conflict(HelpdeskError):
    """It has changed meanwhile; look again and repeat."""

    code = "conflict"
    status = 409


class TooLarge(HelpdeskError):
    """It is larger than allowed."""

    code = "too_large"
    status = 413


class Invalid(HelpdeskError):
    """A value is not valid."""

    code = "invalid"
    status = 422


class TooMany(HelpdeskError):
    """Too many requests; wait a little."""

    code = "too_many"
    status = 429


class Unavailable(HelpdeskError):
    """The system cannot do this just now; try again."""

    code = "unavailable"
    status = 503
