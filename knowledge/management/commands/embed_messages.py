"""Makes the vectors of past messages at once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from knowledge.actions import embed_again, embed_some
from knowledge.queries import embedded_messages


class Command(BaseCommand):
    """Makes the vectors of messages that wait for theirs; a worker does so too, beside its other work.

    With `--again` those of all messages are made anew. It may be stopped and run again at any time.
    """

    help = "Makes the vectors by which past messages are found."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--again", action="store_true", help="Make those anew that exist already, too.")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        if options["again"]:
            self.stdout.write(f"{embed_again()} messages wait")
        done = 0
        while made := embed_some():
            done += made
            if done // 10_000 > (done - made) // 10_000:
                self.stdout.write(f"{done} done")
        self.stdout.write(f"{done} made, {embedded_messages()} in all.")
