"""The command that prints a key: the key, the whole key and nothing but the key."""

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from accounts.models import ApiKey, Team
from accounts.queries import find_api_key, hash_key


def run(*arguments: str) -> str:
    out, err = StringIO(), StringIO()
    call_command("create_api_key", *arguments, stdout=out, stderr=err)
    assert err.getvalue() == ""
    return out.getvalue()


@pytest.mark.django_db
def test_command_prints_the_key_and_nothing_else() -> None:
    printed = run("Shop")
    assert re.fullmatch(r"hd_[\w-]{43}\n", printed)
    row = find_api_key(printed.strip())
    assert row is not None
    assert (row.name, row.scopes, row.as_actor().is_admin) == ("Shop", ["admin", "read", "write"], True)


@pytest.mark.django_db
def test_key_itself_is_not_stored() -> None:
    key = run("Shop").strip()
    row = ApiKey.objects.values().get()
    assert key not in str(row)
    assert (row["key_hash"], row["prefix"]) == (hash_key(key), key[:11])


def test_scopes_and_teams_are_taken(team: Team, other_team: Team) -> None:
    row = find_api_key(run("Reader", "--scope", "read", "--team", "support").strip())
    assert row is not None
    actor = row.as_actor()
    assert (actor.scopes, actor.team_ids, actor.is_admin) == (
        frozenset({"read"}),
        frozenset({team.pk}),
        False,
    )


@pytest.mark.parametrize(
    "arguments", [(" ",), ("x" * 81,), ("Shop", "--scope", "root"), ("Shop", "--team", "nowhere"), ()]
)
def test_wrong_arguments_make_no_key(team: Team, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
    assert not ApiKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_in_a_shell_the_variable_holds_the_key() -> None:
    """Everything that starting Django may print goes elsewhere."""
    name = settings.DATABASES["default"]["NAME"]
    url = Path(str(settings.BASE_DIR)) / "manage.py"
    environment = {"DATABASE_URL": database_url(name), "HELPDESK_HOME": str(settings.HELPDESK_HOME)}
    done = subprocess.run(
        [sys.executable, str(url), "create_api_key", "Shop", "--skip-checks"],
        env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert find_api_key(done.stdout.removesuffix("\n")) is not None


def database_url(name: str) -> str:
    database = settings.DATABASES["default"]
    user, password = database["USER"], database["PASSWORD"]
    who = f"{user}:{password}" if password else user
    return f"postgres://{who}@{database['HOST'] or '127.0.0.1'}:{database['PORT'] or 5432}/{name}"
