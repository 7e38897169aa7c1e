"""Makes an API key from the command line."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.actions import create_api_key
from accounts.enums import Scope
from accounts.models import Team
from accounts.queries import team_by_slug
from core.actor import Actor


class Command(BaseCommand):
    """Makes a key and prints it, and nothing else, on standard output.

    The key is stored nowhere and cannot be shown again. Whoever can run this command can do anything, so it
    asks for no rights.
    """

    help = "Makes an API key and prints it once: KEY=$(manage.py create_api_key NAME)"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Takes the name, the scopes and the teams."""
        parser.add_argument("name", help="What the key is for, as the admin shows it.")
        parser.add_argument(
            "--scope",
            action="append",
            choices=Scope.values,
            default=None,
            help="What it may do; repeat for several. Left out: everything that its teams allow.",
        )
        parser.add_argument(
            "--team",
            action="append",
            default=[],
            metavar="SLUG",
            help="A team whose rows it may see; repeat for several. Left out: all teams.",
        )

    def handle(self, *args: Any, name: str, scope: list[str] | None, team: list[str], **options: Any) -> str:
        """Makes the key; what is returned is what Django prints."""
        del args, options
        name = name.strip()
        if not 0 < len(name) <= 80:  # noqa: PLR2004 (the field's length)
            raise CommandError("The name must have 1 to 80 characters.")
        scopes = scope or [Scope.READ, Scope.WRITE, Scope.ADMIN]
        teams = [_team(slug) for slug in team]
        by = Actor.system("create_api_key")
        _row, key = create_api_key(name=name, by=by, scopes=scopes, teams=teams, all_teams=not teams)
        return key


def _team(slug: str) -> Team:
    team = team_by_slug(slug)
    if team is None:
        known = ", ".join(Team.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no team {slug!r}. Known: {known}.")
    return team
