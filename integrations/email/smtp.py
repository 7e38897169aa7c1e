"""Sends by SMTP (RFC 5321), and says of each failure whether it is worth another try.

Until the mail itself goes over the wire nothing has happened, and a failure is tried again; from then on, and
until its answer is here, nobody knows.
"""

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from conversations.channels import InboxBroken, SendFailed, SendLater, SendRefused, SendUnclear
from core.outbound import OutboundError, connected
from core.reasons import reason
from integrations.email.config import EmailConfig
from integrations.email.outgoing import Letter

# Of connecting and of each read; then of all together, within what an adapter may take.
SECONDS, TOTAL_SECONDS = 15.0, 18.0
OK = range(200, 300)
TEMPORARY = range(400, 500)
# Sign in first; not like that; no longer like that (RFC 4954).
ASKS_FOR_LOGIN = {530, 534, 535, 538}
TOO_LARGE = 552


class _Watch:
    """Cuts a connection once its time is over, whatever is awaited on it.

    A server that drips a byte every few seconds never meets the limit of a single read.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._wire: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def begin(self, connection: socket.socket) -> None:
        """Watches a connection. Its double stays good when TLS takes the original over."""
        self._wire = connection.dup()
        if self.is_over:
            raise TimeoutError

    def end(self) -> None:
        """Watches no longer."""
        self._timer.cancel()
        if self._wire is not None:
            self._wire.close()

    def _cut(self) -> None:
        self.is_over = True
        with suppress(OSError):
            if self._wire is not None:
                self._wire.shutdown(socket.SHUT_RDWR)


class _Connection(smtplib.SMTP):
    """SMTP over a connection that has passed the check of addresses, and is watched.

    `has_begun`: the mail itself is on its way.
    """

    def __init__(self, config: EmailConfig, context: ssl.SSLContext, watch: _Watch) -> None:
        self.has_begun = False
        self._context = context if config.smtp_security == "tls" else None
        self._watch = watch
        super().__init__(config.smtp_host, config.smtp_port, local_hostname=config.domain, timeout=SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = connected(host, port, seconds=timeout)
        try:
            self._watch.begin(plain)
            return self._context.wrap_socket(plain, server_hostname=host) if self._context else plain
        except OSError:
            plain.close()
            raise

    def send(self, s: Any) -> None:
        """Notes when the mail begins: commands are text, only the mail is bytes."""
        self.has_begun = self.has_begun or isinstance(s, bytes)
        super().send(s)


def send(letter: Letter, config: EmailConfig) -> list[str]:
    """Hands a mail over; returns to whom the server takes no copy, and why.

    Raises SendRefused, SendLater, SendUnclear or InboxBroken.
    """
    refused = []
    content = letter.content()
    with opened(config) as connection:
        limit = connection.esmtp_features.get("size", "")
        if limit.isdigit() and 0 < int(limit) < len(content):
            raise SendRefused(
                reason("The server takes %s bytes at most.", limit), provider_code=str(TOO_LARGE)
            )
        _judge(connection.mail(letter.sender), sender=True)
        first, *copies = letter.recipients
        _judge(connection.rcpt(first))
        # Whoever gets a copy does not keep the answer from the customer.
        for each in copies:
            code, said = connection.rcpt(each)
            if code not in OK:
                refused.append(f"{each} ({code} {_shown(said)})")
        _judge(connection.data(content))
    return refused


@contextmanager
def opened(config: EmailConfig) -> Iterator[smtplib.SMTP]:
    """A connection that is signed in; every error of the block comes as one of the four kinds.

    All of it ends within `TOTAL_SECONDS`, whatever the server does.
    """
    watch = _Watch(TOTAL_SECONDS)
    connection: _Connection | None = None
    try:
        connection = _Connection(config, _context(config.smtp_host), watch)
        _sign_in(connection, config)
        yield connection
    except smtplib.SMTPResponseException as error:
        _judge((error.smtp_code, error.smtp_error))
        raise SendLater(reason("%s answered out of turn.", config.smtp_host)) from error
    except (smtplib.SMTPException, OSError) as error:
        has_begun = connection is not None and connection.has_begun
        raise _lost(error, config, watch, is_reached=connection is not None, has_begun=has_begun) from error
    except OutboundError as error:
        kind = SendLater if error.temporary else InboxBroken
        raise kind(_unreached(config, error.detail)) from error
    finally:
        if connection is not None:
            _leave(connection)
        watch.end()


def _sign_in(connection: smtplib.SMTP, config: EmailConfig) -> None:
    connection.ehlo_or_helo_if_needed()
    if config.smtp_security == "starttls":
        connection.starttls(context=_context(config.smtp_host))
        connection.ehlo()
    user, password = config.smtp_login()
    if not password:
        return
    try:
        connection.login(user, password)
    except smtplib.SMTPAuthenticationError as error:
        code, words = str(error.smtp_code), _shown(error.smtp_error)
        if error.smtp_code in TEMPORARY:
            raise SendLater(
                reason("The SMTP server takes no login now: %s", words), provider_code=code
            ) from error
        raise InboxBroken(
            reason("The SMTP server refuses the user or the password. (%s)", words), provider_code=code
        ) from error


def _context(host: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    # A host inside `OUTBOUND_ALLOW` is still asked for a certificate of its name.
    context.check_hostname = bool(host)
    return context


def _judge(answer: tuple[int, Any], *, sender: bool = False) -> None:
    """Raises what an answer means, unless it is yes."""
    code, said = answer
    if code in OK:
        return
    detail = f"{code} {_shown(said)}"
    if code in TEMPORARY:
        raise SendLater(detail, provider_code=str(code))
    # Who may not send from this address may not for any message.
    if code in ASKS_FOR_LOGIN or (sender and code != TOO_LARGE):
        raise InboxBroken(detail, provider_code=str(code))
    if code < TEMPORARY.start:
        # No answer at all, or one that this protocol does not know.
        raise SendLater(detail)
    raise SendRefused(detail, provider_code=str(code))


def _unreached(config: EmailConfig, why: str) -> str:
    at = f"{config.smtp_host}:{config.smtp_port}"
    return reason("The SMTP server %(at)s could not be reached: %(why)s", at=at, why=why)


def _lost(
    error: Exception, config: EmailConfig, watch: _Watch, *, is_reached: bool, has_begun: bool
) -> SendFailed:
    """What it means that a connection failed or ended."""
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError):
        return InboxBroken(f"{error}"[:300])
    detail = f"{error}"[:300] or type(error).__name__
    if not is_reached:
        detail = _unreached(config, detail)
    if watch.is_over:
        detail = reason("The mail server took too long.")
    return (SendUnclear if has_begun else SendLater)(detail)


def _shown(said: Any) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return "".join(sign if sign.isprintable() else " " for sign in text)[:300]


def _leave(connection: smtplib.SMTP) -> None:
    # The mail has been answered for; how the other side says goodbye changes nothing.
    with suppress(smtplib.SMTPException, OSError):
        if connection.sock is not None:
            connection.sock.settimeout(2)
        connection.quit()
    connection.close()
