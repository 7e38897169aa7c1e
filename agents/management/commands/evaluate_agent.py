"""Plays a suite of conversations against an agent and says which came out as they have to."""

import asyncio
import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.evaluation.apart import NotApart
from agents.evaluation.cases import Case
from agents.evaluation.comparing import compare
from agents.evaluation.reading import apart, read_suite, read_text, wanted
from agents.evaluation.report import as_json, summary, write_report
from agents.evaluation.running import FAILED, KNOWN, MENDED, Verdict, Way, active_model, run_suite
from agents.evaluation.yaml_fields import BadSuite
from agents.models import EvaluationCase
from llm import door
from llm.providers import BUILTIN_MODEL

MARKS = {FAILED: "FAILED", KNOWN: "known", MENDED: "mended"}


def own_cases() -> list[Case]:
    """Returns the cases that are kept in the database; raises BadSuite where there is none."""
    rows = EvaluationCase.objects.order_by("name")
    found = [case for row in rows for case in read_text(row.text, f"case {row.name}")]
    if not found:
        message = "There is no case of your own yet: make one of a conversation in the desk."
        raise BadSuite(message)
    return apart(found)


class Command(BaseCommand):
    """Plays each case of a folder through the product's own code, in a database of its own that is dropped.

    `--own` plays the cases that were made of conversations in the desk. `--record` asks the model for real
    and keeps what it said; `--replay`, the default, asks nobody. Nothing is sent to any customer, and the
    live database is not written. Ends with 1 when a case fails.
    """

    help = "Plays a suite of conversations against an agent, or compares two reports of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("suite", type=Path, nargs="?", metavar="SUITE")
        parser.add_argument(
            "--own",
            action="store_true",
            help="the cases made in the desk; SUITE, if named, is where their recordings lie",
        )
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--record", action="store_true", help="ask the model, and keep what it says")
        way.add_argument("--replay", action="store_true", help="ask nobody (the default)")
        way.add_argument("--compare", nargs=2, type=Path, metavar=("RUN_A", "RUN_B"))
        parser.add_argument("--model", default="", help="such as openai/gpt-4o-mini or builtin/quote")
        parser.add_argument(
            "--lenient", action="store_true", help="replay by turn and step, whatever is asked"
        )
        parser.add_argument("--case", action="append", default=[], help="only this one; may be told again")
        parser.add_argument("--out", type=Path, help="a folder for report.html and report.json")
        parser.add_argument("--json", action="store_true", help="print the report as JSON and nothing else")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        try:
            if options["compare"]:
                self._compare(*options["compare"], out=options["out"])
            elif options["own"]:
                self._run(own_cases(), options["suite"] or settings.HELPDESK_HOME / "evaluation", options)
            elif options["suite"] is None:
                message = "Name the folder of a suite, --own cases, or two reports to --compare."
                raise CommandError(message)
            else:
                self._run(read_suite(options["suite"]), options["suite"], options)
        except (BadSuite, NotApart) as error:
            raise CommandError(str(error)) from error

    def _run(self, found: list[Case], suite: Path, options: dict[str, Any]) -> None:
        model = options["model"] or (active_model() if options["record"] else BUILTIN_MODEL)
        way = Way(model, records=options["record"], lenient=options["lenient"])
        cases = wanted(found, options["case"])
        verdicts = asyncio.run(self._played(cases, suite, way, quiet=options["json"]))
        if options["out"]:
            write_report(options["out"], verdicts, way)
        if options["json"]:
            self.stdout.write(json.dumps(as_json(verdicts, way), ensure_ascii=False))
        else:
            self.stdout.write(summary(verdicts))
        if any(verdict.state == FAILED for verdict in verdicts):
            raise SystemExit(1)

    async def _played(self, cases: list[Case], suite: Path, way: Way, *, quiet: bool) -> list[Verdict]:
        verdicts = []
        try:
            async for verdict in run_suite(cases, suite, way):
                verdicts.append(verdict)
                if not quiet:
                    self._tell(verdict)
        finally:
            await door.close()
        return verdicts

    def _tell(self, verdict: Verdict) -> None:
        self.stdout.write(f"{MARKS.get(verdict.state, verdict.state):9} {verdict.case.id}")
        if verdict.state == FAILED:
            for fault in verdict.faults:
                self.stdout.write(f"            {fault}")
            for line in verdict.difference.splitlines():
                self.stdout.write(f"            {line}")

    def _compare(self, first: Path, second: Path, *, out: Path | None) -> None:
        self.stdout.write(compare(first, second, out))
