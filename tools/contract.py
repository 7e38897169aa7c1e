"""`make contract`: asks a running server all that its description allows, and much that it does not.

By schemathesis, with all of its checks, as administrator, operator, program and stranger: no fault, no answer
that is not described, no body of another shape. Then it walks along the links, from what it made to what can
be asked of it. Prints what schemathesis prints, and ends with 1 where that complains; options that are not
known here go to it.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
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
# What was guessed leads from the caller to their own user.
OWN = ("users_change", "users_switch_off")
PHASES = ("examples", "coverage", "fuzzing", "stateful")
WALK_SECONDS = 120
# To schemathesis, an id of another system is that of something nobody makes: it begins no walk with one.
CUSTOMERS = "^/api/v1/(contacts|conversations)"
# The description's links alone, not those that schemathesis finds besides; and who can be written to.
DECLARED = """
[phases.stateful.inference]
algorithms = []

[dictionaries.customers]
values = ["{customer}"]

[parameters."body.contact"]
dictionary = "customers"
probability = 0.8
"""
# Nobody waits for a minute to pass, nor for a token.
WITHOUT_PACE = {
    "API_REQUESTS_PER_MINUTE": "0",
    "API_REFUSALS_PER_MINUTE": "0",
    "RATE_LIMIT_PER_MINUTE": "1000000",
    "CHAT_MESSAGES_PER_MINUTE": "1000000",
    "CHAT_NEWCOMERS_PER_MINUTE": "1000000",
    "ACCESS_TOKEN_MINUTES": "1440",
}
# Or nobody could be invited.
WITH_INVITATIONS = {"REGISTRATION": "invite"}


class Lost(Exception):
    """The caller may no longer ask, so that what came after tells nothing."""


def main(arguments: list[str]) -> int:
    """Starts the four processes of production with the demonstration, and judges them as each caller."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--examples", type=int, default=200, help="of each operation")
    parser.add_argument("--as", dest="callers", action="append", choices=CALLERS)
    parser.add_argument("--phases", default=",".join(PHASES))
    parser.add_argument("--walk", type=int, default=WALK_SECONDS, help="seconds of each walk along links")
    chosen, more = parser.parse_known_args([each for each in arguments if each != "--"])
    phases = chosen.phases.split(",")
    callers = [caller for caller in CALLERS if caller in (chosen.callers or CALLERS)]
    if "anonymous" in (chosen.callers or ()) and not asking(phases):
        parser.error("strangers do not walk: of them there is nothing else to ask")
    failed = []
    with tempfile.TemporaryDirectory(prefix="helpdesk-contract-") as name:
        home = Path(name).resolve()
        # The system user that runs PostgreSQL under root has to get in.
        home.chmod(0o755)
        with Stack(home, environment=WITHOUT_PACE | WITH_INVITATIONS) as stack:
            credentials = signed_in(stack.base_url)
            described = home / "openapi.json"
            described.write_bytes(get(f"{stack.base_url}/api/schema?format=json", credentials["admin"]))
            for caller in callers:
                sys.stdout.write(f"\n── {caller} ──\n")
                sys.stdout.flush()
                options = ["--max-examples", str(chosen.examples), *more]
                wanted = phases if credentials[caller] else asking(phases)
                customer = new_customer(stack.base_url, credentials["admin"])
                turns = turns_of(wanted, home, seconds=chosen.walk, customer=customer)
                if not judged(stack.base_url, described, credentials[caller], turns, *options):
                    failed.append(caller)
        embedded.destroy(home)
    sys.stdout.write(f"{len(failed)} of {len(callers)} callers saw something wrong.\n")
    return bool(failed)


def judged(
    url: str, described: Path, credential: Mapping[str, str], turns: Iterable[list[str]], *options: str
) -> bool:
    """Runs schemathesis as a caller, once for each turn, and says whether it had nothing to complain about.

    Raises Lost when the caller has lost its credential underway.
    """
    is_well = True
    for turn in turns:
        if credential:
            _require_known(url, credential)
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            *turn,
            *(str(described), "--url", url),
            *(f"--header={name}: {value}" for name, value in credential.items()),
            # No `--checks all`: all are made anyway, and the configuration would not be listened to.
            *("--request-timeout", "30", "--warnings", "off", "--no-color"),
            *options,
        ]
        is_well = subprocess.run(command, cwd=described.parent, check=False).returncode == 0 and is_well
    return is_well


def turns_of(phases: Iterable[str], home: Path, *, seconds: int, customer: str) -> Iterator[list[str]]:
    """Returns how each turn begins: what asks one thing at a time, the walks, and last the farewells.

    schemathesis ends a walk, and says nothing, as soon as the same request is answered otherwise than before;
    only where it has a time to fill does it set out again.
    """
    asked = ",".join(asking(phases))
    staying = [f"--exclude-operation-id={name}" for name in FAREWELLS]
    if asked:
        yield [*_run(CONFIG), f"--phases={asked}", *staying]
    if "stateful" in phases:
        declared = home / "declared.toml"
        more = DECLARED.format(customer=customer)
        declared.write_text(CONFIG.read_text(encoding="utf-8") + more, encoding="utf-8")
        walk = ["--phases=stateful", f"--max-time={seconds}"]
        yield [*_run(declared), *walk, *staying, f"--exclude-path-regex={CUSTOMERS}"]
        yield [*_run(declared), *walk, f"--include-path-regex={CUSTOMERS}"]
        yield [*_run(CONFIG), *walk, *staying, *(f"--exclude-operation-id={name}" for name in OWN)]
    if asked:
        yield [*_run(CONFIG), f"--phases={asked}", *(f"--include-operation-id={name}" for name in FAREWELLS)]


def asking(phases: Iterable[str]) -> list[str]:
    """Returns the phases that follow no links: a stranger makes nothing from which one would lead."""
    return [phase for phase in phases if phase != "stateful"]


def _run(config: Path) -> list[str]:
    return ["--config-file", str(config), "run"]


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


def new_customer(url: str, credential: Mapping[str, str]) -> str:
    """Makes a customer who can be written to and returns their id."""
    # The first message of a program makes the demonstration's second inbox.
    _post(
        f"{url}/api/v1/messages", {"message": "Oi", "client_id": "contract", "sector": "suporte"}, credential
    )
    wanted = {"name": "Contract", "identities": [{"inbox": 2, "external_id": secrets.token_hex(8)}]}
    return str(_post(f"{url}/api/v1/contacts", wanted, credential)["id"])


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
