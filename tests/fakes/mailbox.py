"""A real IMAP server, Dovecot, as a process of its own on files of its own; and a wire that can be cut."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

USER = "support@shop.example"
PASSWORD = "a-password-of-nobody"
SETTINGS = """
protocols = imap
base_dir = {home}/run
state_dir = {home}/state
listen = 127.0.0.1
log_path = {home}/log
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{home}/mail/%u
default_login_user = {user}
default_internal_user = {user}
default_internal_group = {group}
first_valid_uid = 1
auth_failure_delay = 0
mailbox_idle_check_interval = 1 s
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/home/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def dovecot() -> Iterator[int]:
    """Runs Dovecot and returns its port; whoever signs in with the password has an empty mailbox."""
    # Not pytest's own directory: the server gives up its rights and could not enter it.
    home = Path(tempfile.mkdtemp(prefix="dovecot-"))
    home.chmod(0o755)
    is_root = os.geteuid() == 0
    user, group = ("nobody", "nogroup") if is_root else (str(os.geteuid()), str(os.getegid()))
    for name in ("mail", "home"):
        (home / name).mkdir()
        if is_root:
            shutil.chown(home / name, user, group)
    port = free_port()
    settings = home / "dovecot.conf"
    settings.write_text(SETTINGS.format(home=home, user=user, group=group, port=port, password=PASSWORD))
    program = shutil.which("dovecot") or "/usr/sbin/dovecot"
    process = subprocess.Popen([program, "-F", "-c", str(settings)])
    try:
        _wait(port, home / "log")
        yield port
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(home, ignore_errors=True)


def _wait(port: int, log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            with IMAPClient("127.0.0.1", port, ssl=False) as client:
                client.login("nobody@shop.example", PASSWORD)
        except (OSError, IMAPClientError):
            assert time.monotonic() < end, log.read_text() if log.exists() else "Dovecot did not start"
            time.sleep(0.1)
        else:
            return


class Wire:
    """Passes bytes on to a server, until so many have come back."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.left = -1
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.door.getsockname()[1])
        self.open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def cut_after(self, count: int) -> None:
        """Cuts the connection once so many bytes have come from the server; -1 never."""
        self.left = count

    def cut(self) -> None:
        """Cuts what is open."""
        for each in self.open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.open.clear()

    def close(self) -> None:
        self.cut()
        self.door.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.door.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                self.open += [client, server]
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, is_counted: bool) -> None:  # noqa: FBT001
        with suppress(OSError), source, target:
            while data := source.recv(4096):
                if is_counted and self.left >= 0:
                    data = data[: self.left]
                    self.left -= len(data)
                target.sendall(data)
                if is_counted and self.left == 0:
                    self.cut()
                    return
