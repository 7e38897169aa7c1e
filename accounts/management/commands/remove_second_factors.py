"""Lets somebody in who lost their second factor, from the command line."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.signing_in.backends import login_name
from accounts.signing_in.factors import remove_second_factors
from core.actor import Actor


class Command(BaseCommand):
    """Removes app, passkeys and recovery codes of a user and ends their sessions.

    Whoever can run this command can do anything, so it asks for no rights.
    """

    help = "Removes the second factors of a user who lost them: manage.py remove_second_factors NAME"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Takes the user."""
        parser.add_argument("name", help="The user's name or e-mail address.")

    def handle(self, *args: Any, name: str, **options: Any) -> str:
        """Removes them; what is returned is what Django prints."""
        del args, options
        user = User.objects.filter(username=login_name(name)).first()
        if user is None:
            raise CommandError(f"There is no user {name!r}.")
        removed = remove_second_factors(user=user, by=Actor.system("remove_second_factors"))
        return f"Removed {removed} of {user.username}."
