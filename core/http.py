"""The one door through which this system fetches what others name: in a setting, a file, a message.

Whoever can make a server fetch an address can make it look inside the network it stands in. So every request
resolves the host itself, refuses every address that is not public, and connects to exactly the address it
has checked: a name that resolves differently the second time gains nothing. Each hop of a redirect passes
the same check. `OUTBOUND_ALLOW` (CIDR blocks) opens private networks on purpose.
"""

import random
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpcore
import httpx

from core.outbound import (
    OutboundError,
    OutboundRefused,
    OutboundStatus,
    OutboundTimeout,
    OutboundTooLarge,
    OutboundUnreachable,
    Resolve,
    addresses_of,
    check_host,
    checked_addresses,
)
from core.reasons import reason
from core.retry_after import retry_after

__all__ = [
    "Fetched",
    "OutboundError",
    "OutboundRefused",
    "OutboundStatus",
    "OutboundTimeout",
    "OutboundTooLarge",
    "OutboundUnreachable",
    "check_address",
    "fetch",
]

MAX_BYTES = 5 * 1024 * 1024
DEADLINE_SECONDS = 20.0
SILENCE_SECONDS, CONNECT_SECONDS = 10.0, 5.0
MAX_REDIRECTS = 3
ATTEMPTS = 3
RETRIED_STATUSES = frozenset({429, 502, 503, 504})
LONGEST_WAIT_SECONDS = 5.0
REPEATABLE = frozenset({"GET", "HEAD"})
USER_AGENT = "helpdesk/1 (+outbound)"
_INFLATE = zlib.MAX_WBITS | 32  # gzip and zlib, told apart by their first bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete answer. `url` is where it came from in the end; header names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case, or an empty string."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The content in its declared charset, else UTF-8; raises UnicodeDecodeError where it is neither."""
        response = httpx.Response(self.status, headers={"content-type": self.headers.get("content-type", "")})
        try:
            return self.content.decode(response.charset_encoding or "utf-8-sig")
        except LookupError:
            return self.content.decode("utf-8-sig")

    def require_ok(self) -> "Fetched":
        """Returns itself, or raises OutboundStatus for anything but a 2xx."""
        if not 200 <= self.status < 300:  # noqa: PLR2004 (the range of success)
            raise OutboundStatus(
                reason("%s answered %s.", _shown(self.url), self.status), upstream_status=self.status
            )
        return self


@dataclass(frozen=True, slots=True)
class Request:
    """What to fetch and within which limits; the defaults suit a page. Times in seconds."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    max_bytes: int = MAX_BYTES
    deadline: float = DEADLINE_SECONDS
    attempts: int = ATTEMPTS
    silence: float = SILENCE_SECONDS
    cut: bool = False


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    max_bytes: int = MAX_BYTES,
    deadline: float = DEADLINE_SECONDS,
    attempts: int = ATTEMPTS,
    silence: float = SILENCE_SECONDS,
    cut: bool = False,
) -> Fetched:
    """Fetches an address that somebody else named, and returns the whole answer whatever its status.

    Blocks: call it from a thread, never inside a transaction. `deadline` (seconds) holds for all attempts and
    hops together, so that a server that drips a byte a second cannot hold a worker; `max_bytes` is counted
    after decompression; with `cut` the beginning of a larger answer will do. `silence` (seconds) is how long
    the other side may say nothing, before its first byte or between two: a page has no reason to, a server
    that converts a film does. GET and HEAD are tried again (twice by default, with growing, jittered pauses
    or as `Retry-After` asks) when the connection fails, times out or the answer is 429, 502, 503 or 504;
    other methods never are, since the first try may have had its effect. Redirects are followed within the
    same host only, three at most, and never from https to http. No proxy is read from the environment and no
    cookie is kept. Raises OutboundError or one of its kinds; its `temporary` says whether a later try may
    help.
    """
    request = Request(
        url, method.upper(), headers or {}, content, max_bytes, deadline, attempts, silence, cut
    )
    return Door().fetch(request)


class Door:
    """Fetches through checked connections. `resolve` and `sleep` are replaced in tests only."""

    def __init__(self, resolve: Resolve | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        """Takes how names become addresses, and how to wait."""
        self._resolve = resolve or addresses_of
        self._sleep = sleep

    def fetch(self, request: Request) -> Fetched:
        """Carries out a request with its retries; see the function `fetch`."""
        ends_at = time.monotonic() + request.deadline
        last = request.attempts if request.method in REPEATABLE else 1
        attempt = 1
        while True:
            wait = _pause(attempt)
            try:
                fetched = self._followed(request, ends_at)
            except OutboundError as error:
                if attempt >= last or not error.temporary or time.monotonic() + wait >= ends_at:
                    raise
            else:
                wait = max(wait, retry_after(fetched.headers) or 0.0)
                too_long = wait > LONGEST_WAIT_SECONDS or time.monotonic() + wait >= ends_at
                if attempt >= last or fetched.status not in RETRIED_STATUSES or too_long:
                    return fetched
            self._sleep(wait)
            attempt += 1

    def _followed(self, request: Request, ends_at: float) -> Fetched:
        """One attempt, with the redirects that stay on the host."""
        # Each hop makes its own connection, and so passes the check of addresses again.
        url = _checked_url(request.url)
        for _hop in range(MAX_REDIRECTS + 1):
            fetched = self._once(request, url, ends_at)
            target = _redirect(fetched) if request.method in REPEATABLE else None
            if target is None:
                return fetched
            url = _same_host(url, target)
        raise OutboundRefused(reason("%s redirects too often.", _shown(request.url)))

    def _once(self, request: Request, url: httpx.URL, ends_at: float) -> Fetched:
        headers = {"user-agent": USER_AGENT, "accept-encoding": "gzip", **request.headers}
        transport = _Transport(self._resolve, ends_at)
        timeout = httpx.Timeout(request.silence, connect=CONNECT_SECONDS)
        try:
            with (
                httpx.Client(transport=transport, timeout=timeout, trust_env=False) as client,
                client.stream(request.method, url, headers=headers, content=request.content) as response,
            ):
                body = (
                    b"" if request.method == "HEAD" else _read(response, request.max_bytes, cut=request.cut)
                )
        except httpx.TimeoutException as error:
            raise _judged(OutboundTimeout(reason("%s took too long.", _shown(url))), error) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _judged(
                OutboundUnreachable(reason("%s could not be reached.", _shown(url))), error
            ) from error
        return Fetched(str(url), response.status_code, dict(response.headers), body)


@cache
def _tls() -> ssl.SSLContext:
    """Reads the certificate authorities once; that takes about 50 ms."""
    return httpx.create_ssl_context(trust_env=False)


class _Transport(httpx.HTTPTransport):
    """httpx's own transport, over connections that are checked and end in time."""

    def __init__(self, resolve: Resolve, ends_at: float) -> None:
        # No proxy from the environment: it would resolve the name itself, past the check.
        super().__init__(verify=_tls(), trust_env=False)
        # The documented hook of httpcore for this, which httpx does not hand through.
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(),
            network_backend=_CheckedBackend(resolve, ends_at),
        )


class _CheckedBackend(httpcore.SyncBackend):
    """Opens connections to checked addresses only. TLS still names, and verifies, the host."""

    def __init__(self, resolve: Resolve, ends_at: float) -> None:
        self._resolve = resolve
        self._ends_at = ends_at

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Tries the host's addresses in turn, once all of them have passed the check."""
        failure = httpcore.ConnectError(f"{host} has no address")
        for address in checked_addresses(host, self._resolve(host, port)):
            left = _left(timeout, self._ends_at, httpcore.ConnectTimeout)
            try:
                stream = super().connect_tcp(str(address), port, left, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
            else:
                return _EndingStream(stream, self._ends_at)
        raise failure

    def connect_unix_socket(self, *_arguments: Any, **_more: Any) -> httpcore.NetworkStream:
        """No web address names a socket in the file system."""
        raise OutboundRefused


class _EndingStream(httpcore.NetworkStream):
    """A connection on which nothing is awaited past the deadline, headers that drip in included."""

    def __init__(self, stream: httpcore.NetworkStream, ends_at: float) -> None:
        self._stream = stream
        self._ends_at = ends_at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, self._ends_at, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, self._ends_at, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, self._ends_at, httpcore.ConnectTimeout)
        return _EndingStream(self._stream.start_tls(ssl_context, server_hostname, left), self._ends_at)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, ends_at: float, error: type[httpcore.TimeoutException]) -> float:
    """The seconds an operation may take: its own limit, or what is left of the whole."""
    left = ends_at - time.monotonic()
    if left <= 0:
        raise error("the deadline has passed")
    return left if timeout is None else min(timeout, left)


def check_address(url: str) -> None:
    """Raises OutboundRefused for what could never be fetched.

    That is no web address, one with a password in it, and one that is itself an address within. Asks nobody
    where a name leads: that may change, and is checked with each connection.
    """
    check_host(_checked_url(url).host)


def _checked_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise OutboundRefused(reason("This is not a web address.")) from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise OutboundRefused(reason("Only http and https addresses can be fetched."))
    if url.userinfo:
        raise OutboundRefused(reason("An address with a name or password in it is not fetched."))
    return url


def _redirect(fetched: Fetched) -> httpx.URL | None:
    location = fetched.headers.get("location")
    if fetched.status not in {301, 302, 303, 307, 308} or not location:
        return None
    try:
        return httpx.URL(fetched.url).join(location)
    except httpx.InvalidURL as error:
        raise OutboundRefused(
            reason("%s redirects to something that is no address.", _shown(fetched.url))
        ) from error


def _same_host(url: httpx.URL, target: httpx.URL) -> httpx.URL:
    """Returns the target of a redirect that may be followed."""
    checked = _checked_url(str(target))
    # What was meant to be sealed is not sent on in the open.
    downgrade = url.scheme == "https" and checked.scheme == "http"
    if checked.host != url.host or downgrade:
        raise OutboundRefused(
            reason("%s redirects to %s; use that address instead.", _shown(url), _shown(checked))
        )
    return checked


def _read(response: httpx.Response, max_bytes: int, *, cut: bool) -> bytes:
    """Reads the body up to the limit; a small body that unpacks to a huge one is cut off as well."""
    body = bytearray()
    for chunk in _unpacked(response, max_bytes):
        body += chunk
        if len(body) > max_bytes and cut:
            return bytes(body[:max_bytes])
        if len(body) > max_bytes:
            raise OutboundTooLarge(reason("%s is larger than %s bytes.", _shown(response.url), max_bytes))
    return bytes(body)


def _unpacked(response: httpx.Response, max_bytes: int) -> Iterator[bytes]:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        yield from response.iter_raw()
        return
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise OutboundUnreachable(reason("%s answers in an encoding nobody asked for.", _shown(response.url)))
    inflate = zlib.decompressobj(_INFLATE)
    try:
        for chunk in response.iter_raw():
            # Bounded: a few kilobytes of gzip can hold gigabytes.
            yield inflate.decompress(chunk, max_bytes + 1)
            # What did not fit waits in `unconsumed_tail`: the limit is passed, and the reader says so.
        if not inflate.eof:
            raise zlib.error("the data ends too early")  # noqa: TRY301 (one way out for both)
    except zlib.error as error:
        raise OutboundUnreachable(
            reason("%s sent data that cannot be unpacked.", _shown(response.url))
        ) from error


def _judged(failure: OutboundError, cause: Exception) -> OutboundError:
    """Notes whether the request had left: a connection that was never made carried nothing."""
    failure.may_have_arrived = not isinstance(
        cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.InvalidURL | httpx.UnsupportedProtocol
    )
    return failure


def _pause(attempt: int) -> float:
    # Jitter keeps many clients of one dead server from coming back in step.
    return 0.2 * 3.0 ** (attempt - 1) * random.uniform(0.7, 1.3)  # noqa: S311 (jitter is no secret)


def _shown(url: httpx.URL | str) -> str:
    """An address for a message: without query and fragment, where secrets live."""
    parsed = httpx.URL(url) if isinstance(url, str) else url
    return str(parsed.copy_with(query=None, fragment=None, username=None, password=None))[:200]
