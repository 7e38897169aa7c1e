"""Which addresses may be fetched, and how a fetch can fail.

The list of refused networks is the union of those that Smokescreen, Svix and healthchecks refuse (IANA
special-purpose registries, RFC 6890 and RFC 8190), with every form that hides an IPv4 address inside an IPv6
one. `OUTBOUND_ALLOW` (CIDR blocks) opens private networks on purpose.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import ClassVar

from django.conf import settings

from core.errors import HelpdeskError
from core.reasons import reason

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], list[str]]

REFUSED_NETWORKS: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            *(
                "::/8",
                "64:ff9b::/96",
                "64:ff9b:1::/48",
                "100::/64",
                "2001::/23",
                "2001:db8::/32",
                "2002::/16",
            ),
            *("3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
        ),
    )
)


class OutboundError(HelpdeskError):
    """The address could not be fetched."""

    code = "outbound_failed"
    status = 502
    # Whether the same request may succeed later.
    temporary: ClassVar[bool] = False
    # Whether the other side may have carried the request out, although no answer came.
    may_have_arrived = False


class OutboundRefused(OutboundError):
    """This address may not be fetched."""

    code = "outbound_refused"
    status = 422


class OutboundUnreachable(OutboundError):
    """The other side could not be reached."""

    code = "outbound_unreachable"
    temporary = True


class OutboundTimeout(OutboundError):
    """The other side took too long."""

    code = "outbound_timeout"
    status = 504
    temporary = True


class OutboundTooLarge(OutboundError):
    """The answer is larger than allowed."""

    code = "outbound_too_large"


class OutboundStatus(OutboundError):
    """The other side answered with an error."""

    code = "outbound_status"


def addresses_of(host: str, port: int) -> list[str]:
    """Returns the addresses of a host, as the system's resolver gives them: decimal and octal forms too."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboundUnreachable(reason("There is no host named %s.", host[:100])) from error
    return [str(entry[4][0]) for entry in found]


def check_host(host: str) -> None:
    """Raises OutboundRefused for a host that is an address within, however it is written; asks nobody.

    Where a name leads may change, and is checked with each connection.
    """
    if literal := _literal(host.strip("[]").rstrip(".").lower()):
        checked_addresses(host, [literal])


def _literal(host: str) -> str:
    """Returns the address that a host is by itself: also as 2130706433, 0x7f.1 or localhost; else empty."""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    with suppress(ValueError):
        return str(ip_address(host.partition("%")[0]))
    with suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(host))
    return ""


def checked_addresses(host: str, found: list[str]) -> list[Address]:
    """Returns the addresses a connection may go to, or raises OutboundRefused.

    One refused address among several refuses the host: such a mixture is an attack or a mistake.
    """
    # A link-local address carries its interface after a percent sign.
    addresses = [ip_address(text.partition("%")[0]) for text in found]
    if not all(map(may_connect, addresses)):
        raise OutboundRefused(
            reason(
                "%s is not a public address. "
                "To allow it, add its network to OUTBOUND_ALLOW in .env and restart.",
                host[:100],
            )
        )
    return addresses


def connected(host: str, port: int, *, seconds: float) -> socket.socket:
    """Returns a connection to a host that others named, for protocols other than HTTP (IMAP, SMTP).

    Goes to exactly the address that was checked. `seconds` is the limit of connecting, to all addresses
    together, and of each read and write after it. Raises OutboundRefused, OutboundTimeout or
    OutboundUnreachable.
    """
    failure: OSError = TimeoutError()
    addresses = checked_addresses(host, addresses_of(host, port))
    ends_at = time.monotonic() + seconds
    for address in addresses:
        left = ends_at - time.monotonic()
        if left <= 0:
            break
        try:
            found = socket.create_connection((str(address), port), left)
        except OSError as error:
            failure = error
        else:
            found.settimeout(seconds)
            return found
    if isinstance(failure, TimeoutError):
        raise OutboundTimeout(reason("%s does not answer.", host[:100])) from failure
    raise OutboundUnreachable(reason("%s cannot be reached.", host[:100])) from failure


def may_connect(address: Address) -> bool:
    """True for a public address, and for one inside `OUTBOUND_ALLOW`."""
    # ::ffff:10.0.0.1 connects to 10.0.0.1, so it is judged as that.
    plain = address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
    if any(plain.version == network.version and plain in network for network in _allowed()):
        return True
    if any(plain.version == network.version and plain in network for network in REFUSED_NETWORKS):
        return False
    # What neither list names: Python knows the registries too, and newer versions know more.
    return plain.is_global


def _allowed() -> tuple[Network, ...]:
    return _networks(tuple(settings.OUTBOUND_ALLOW))


@lru_cache(maxsize=4)
def _networks(blocks: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(block.strip()) for block in blocks)
