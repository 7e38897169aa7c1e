"""`make contract`: asks a running server all that its description allows, and much that it does not.

By schemathesis, with all of its checks, as administrator, operator, program and stranger: no fault, no answer
that is not described, no body of another shape. Prints what it prints, and ends with 1 where it complains.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from helpdesk import embedded
from tools.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "tools" / "schemathesis.toml"
# Administrators last: what they are made to do may take the others their right to ask.
CALLERS = ("anonymous", "operator", "key", "admin")
# They end the sign-in that asks, so they are asked last.
FAREWELLS = ("auth_logout_create", "auth_sign_ins_end")
# Nobody waits for a minute to pass, nor for a token.
WITHOUT_PACE = {
    "API_REQUESTS_PER_MINUTE": "0",
    "API_REFUSALS_PER_MINUTE": "0",
    "RATE_LIMIT_PER_MINUTE": "1000000",
    "CHAT_MESSAGES_PER_MINUTE": "1000000",
    "CHAT_NEWCOMERS_PER_MINUTE": "1000000",
    "ACCESS_TOKEN_MINUTES": "1440",
}


class Lost(Exception):
    """The caller may no longer ask, so that what came after tells nothing."""


def main(arguments: list[str]) -> int:
    """Starts the four processes of production with the demonstration, and judges them as each caller."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="of each operation")
    parser.add_argument("--as", dest="callers", action="append", choices=CALLERS)
    parser.add_argument("more", nargs="*", help="behind --: what schemathesis is told besides")
    chosen = parser.parse_args(arguments)
    failed = []
    with tempfile.TemporaryDirectory(prefix="helpdesk-contract-") as name:
        home = Path(name).resolve()
        # The system user that runs PostgreSQL under root has to get in.
        home.chmod(0o755)
        with Stack(home, environment=WITHOUT_PACE) as stack:
            credentials = signed_in(stack.base_url)
            described = home / "openapi.json"
            described.write_bytes(get(f"{stack.base_url}/api/schema?format=json", credentials["admin"]))
            for caller in chosen.callers or CALLERS:
                sys.stdout.write(f"\n── {caller} ──\n")
                sys.stdout.flush()
                options = ["--max-examples", str(chosen.examples), *chosen.more]
                if not judged(stack.base_url, described, credentials[caller], *options):
                    failed.append(caller)
        embedded.destroy(home)
    sys.stdout.write(f"{len(failed)} of {len(chosen.callers or CALLERS)} callers saw something wrong.\n")
    return bool(failed)


def judged(url: str, described: Path, credential: Mapping[str, str], *options: str) -> bool:
    """Runs schemathesis as a caller and says whether it had nothing to complain about.

    Raises Lost when the caller has lost its credential underway.
    """
    is_well = True
    for narrowed in _turns():
        if credential:
            _require_known(url, credential)
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(CONFIG), "run", str(described), "--url", url),
            *(f"--header={name}: {value}" for name, value in credential.items()),
            *("--checks", "all", "--request-timeout", "30", "--warnings", "off", "--no-color"),
            *narrowed,
            *options,
        ]
        is_well = subprocess.run(command, cwd=described.parent, check=False).returncode == 0 and is_well
    return is_well


def _turns() -> Iterator[list[str]]:
    yield [f"--exclude-operation-id={name}" for name in FAREWELLS]
    yield [f"--include-operation-id={name}" for name in FAREWELLS]


def _require_known(url: str, credential: Mapping[str, str]) -> None:
    try:
        get(f"{url}/api/v1/teams", credential)
    except OSError as error:
        raise Lost(str(error)) from error


def signed_in(url: str) -> dict[str, dict[str, str]]:
    """Returns the headers of each caller, for people and a key of the demonstration."""
    bearer = {
        name: {"Authorization": f"Bearer {_post(f'{url}/api/v1/auth/login', login)['access']}"}
        for name, login in (
            ("admin", {"username": "ana", "password": "ana-demo"}),
            ("operator", {"username": "bruno", "password": "bruno-demo"}),
        )
    }
    wanted = {"name": "Contract", "scopes": ["read", "write"], "all_teams": True}
    key = _post(f"{url}/api/v1/keys", wanted, bearer["admin"])["key"]
    return {**bearer, "key": {"Authorization": f"Api-Key {key}"}, "anonymous": {}}


def get(url: str, headers: Mapping[str, str]) -> bytes:
    """Returns what stands at an address of the server that is judged; raises OSError for a refusal."""
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 (our own address, as those below)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return bytes(answer.read())


def _post(url: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
    sent = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), sent)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


if __name__ == "__main__":
    os.environ.pop("DATABASE_URL", None)
    sys.exit(main(sys.argv[1:]))
