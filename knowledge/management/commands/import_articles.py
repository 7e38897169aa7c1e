"""Brings articles in from a folder, a file or a web page."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper

from accounts.models import Team
from core.actor import Actor
from knowledge.actions import ImportReport, import_source
from knowledge.enums import Language
from knowledge.sources import NoSource, open_source

BAR = 30


class Command(BaseCommand):
    """Imports Markdown, HTML, CSV, PDF and Word; of a folder, everything below it.

    Markdown may begin with lines `team`, `category`, `tags`, `language`, `title`, `url` between
    two `---`. CSV needs the columns title and text (or body; or question and answer), and may have
    language, url, team, category, tags.

    Titles come from the first heading, else from the file name; languages from the document, the option, a
    folder named pt, en or es, else from the words. Importing again changes only what has changed. Progress
    and what was skipped go to standard error, the summary to standard output. Ends with 0 if at least one
    article is there at the end, else with 1.
    """

    help = "Imports articles from Markdown, HTML, CSV, PDF or Word: a folder, a file or a web address."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="a folder, a file, or an http(s) address")
        parser.add_argument(
            "--language", choices=Language.values, default="", help="of what names none itself"
        )
        parser.add_argument("--team", metavar="SLUG", help="of what names none itself")
        parser.add_argument(
            "--prune", action="store_true", help="delete articles whose source has gone since the last import"
        )

    def handle(self, *_arguments: Any, **options: Any) -> None:
        team = _team(options["team"])
        bar = ProgressBar(self.stderr)
        try:
            source = open_source(options["source"])
        except NoSource as error:
            raise CommandError(str(error)) from error
        report = import_source(
            source=source,
            by=Actor.system(),
            language=options["language"],
            team=team,
            prune=options["prune"],
            progress=bar.show,
        )
        bar.end()
        self._tell(report, pruned=options["prune"])
        if not report.imported:
            sys.exit(1)

    def _tell(self, report: ImportReport, *, pruned: bool) -> None:
        for rejected in report.rejected:
            self.stderr.write(f"skipped {rejected.name}: {rejected.reason}")
        for slug in sorted(report.unknown_teams):
            self.stderr.write(f"there is no team {slug}; its articles belong to no team")
        for title in report.missing:
            self.stderr.write(f"{'deleted' if pruned else 'gone, kept (--prune deletes)'}: {title}")
        counts = {
            "new": report.created,
            "changed": report.updated,
            "unchanged": report.unchanged,
            "skipped": len(report.rejected),
            "deleted": report.pruned,
        }
        shown = ", ".join(f"{count} {name}" for name, count in counts.items())
        self.stdout.write(f"{report.imported} articles: {shown}.")


class ProgressBar:
    """A bar that is drawn over itself on a terminal; elsewhere a line for every tenth."""

    def __init__(self, out: OutputWrapper) -> None:
        """Takes where to draw."""
        self._out = out
        self._live = out.isatty()
        self._tenths = 0

    def show(self, done: int, total: int) -> None:
        if self._live:
            filled = BAR * done // total
            self._draw(f"\r[{'#' * filled}{'.' * (BAR - filled)}] {done}/{total}")
        elif (tenths := 10 * done // total) > self._tenths:
            self._tenths = tenths
            self._draw(f"{done}/{total} files read\n")

    def end(self) -> None:
        """Leaves the line."""
        if self._live:
            self._draw("\n")

    def _draw(self, text: str) -> None:
        # A style function of its own: on a terminal what goes to standard error is red otherwise.
        self._out.write(text, style_func=str, ending="")
        self._out.flush()


def _team(slug: str | None) -> Team | None:
    if not slug:
        return None
    try:
        return Team.objects.get(slug=slug)
    except Team.DoesNotExist:
        raise CommandError(f"There is no team {slug}.") from None
