"""Collects the strings to translate."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    """Django's own, which finds what is stored as a reason (`core.reasons`) as well."""

    xgettext_options: list[str] = [*makemessages.Command.xgettext_options, "--keyword=reason"]
