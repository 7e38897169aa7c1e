"""Every error a caller may see, typed once.

The docstring of a class is its default message. The API renders these as problem details, a socket as an
`error` frame, the desk as a toast.
"""

from typing import Any, ClassVar

from django.utils.translation import gettext, gettext_noop, ngettext


class HelpdeskError(Exception):
    """The request could not be carried out."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, detail: str = "", **extra: Any) -> None:
        """Takes a message that replaces the default one, and facts for the client such as `field=`.

        The default is said in the language that is active here, if the catalogue has it.
        """
        default = (type(self).__doc__ or "").strip()
        # The catalogue's header stands under the empty message.
        self.detail = detail or (gettext(default) if default else "")
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


class Changed(HelpdeskError):
    """It is not as you have read it any more; read it again and repeat."""

    code = "changed"
    status = 412


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

    def __init__(self, detail: str = "", **extra: Any) -> None:
        """Says after how many seconds to ask again, where `retry_after` gives them."""
        seconds = extra.get("retry_after")
        if not detail and isinstance(seconds, int):
            detail = ngettext(
                "Too many requests; ask again in %d second.",
                "Too many requests; ask again in %d seconds.",
                seconds,
            )
            detail %= seconds
        super().__init__(detail, **extra)


class Unavailable(HelpdeskError):
    """The system cannot do this just now; try again."""

    code = "unavailable"
    status = 503


# The default messages again, where the catalogues are made from.
DEFAULTS = (
    gettext_noop("The request could not be carried out."),
    gettext_noop("Sign in, or send a valid key."),
    gettext_noop("You may not do this."),
    gettext_noop("There is no such thing, or you may not see it."),
    gettext_noop("It has changed meanwhile; look again and repeat."),
    gettext_noop("It is not as you have read it any more; read it again and repeat."),
    gettext_noop("It is larger than allowed."),
    gettext_noop("A value is not valid."),
    gettext_noop("Too many requests; wait a little."),
    gettext_noop("The system cannot do this just now; try again."),
)
