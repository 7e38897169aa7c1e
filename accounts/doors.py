"""How often a door may be tried by which somebody comes in. These fail closed: uncounted, nobody passes.

django-axes counts wrong passwords, but only once each was found wrong: of a hundred tries at the same moment
it would let all through.
"""

from hashlib import sha256

from django.conf import settings

from core import limits
from core.errors import TooMany, Unavailable

HOUR = 3600
CACHE_AWAY_SECONDS = 5
MAILS_OF_AN_ADDRESS = 100
LINKS_OF_AN_ADDRESS = 100


def admit(door: str, who: str, *, at_most: int, seconds: int = limits.MINUTE) -> None:
    """Counts one more try of `who`, an address or a name.

    Raises TooMany beyond `at_most` in the window, and Unavailable while the cache is away.
    """
    tries = limits.count(_key(door, who), seconds=seconds)
    if not tries:
        raise Unavailable(retry_after=CACHE_AWAY_SECONDS)
    if tries > at_most:
        raise TooMany(retry_after=limits.seconds_left(seconds=seconds))


def take_back(door: str, who: str, *, seconds: int = limits.MINUTE) -> None:
    """Forgets one try, which was a good one."""
    limits.uncount(_key(door, who), seconds=seconds)


def _key(door: str, who: str) -> str:
    # Names come from strangers, in any length and alphabet.
    return f"{door}:{sha256(who.encode()).hexdigest()[:32]}"


def admit_mail(email: str, *, ip: str) -> None:
    """Counts a mail that somebody wants sent to an address; whether it belongs to anybody does not matter."""
    admit("mail:ip", ip, at_most=MAILS_OF_AN_ADDRESS, seconds=HOUR)
    admit("mail:to", email.lower(), at_most=settings.ACCOUNT_MAILS_PER_HOUR, seconds=HOUR)


def admit_link(*, ip: str) -> None:
    """Counts a try of a link's token."""
    admit("link:ip", ip, at_most=LINKS_OF_AN_ADDRESS)
