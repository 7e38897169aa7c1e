"""Every template compiles, and none carries what the Content-Security-Policy would block.

Staff pages show what strangers wrote, so the policy allows no inline script and no inline style. A browser
only logs such a violation; here it fails. HTML written in Python is looked at too.
"""

import os
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
VARIABLE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
IN_PYTHON = re.compile(r"<\w[^>\n]*\s(style|on[a-z]+)=[\"'{]|<style\b|javascript:", re.IGNORECASE)
# Data for scripts is no script.
DATA_TYPES = {"application/json", "application/ld+json"}
LEFT_OUT = {"tests", "var", "tools", "benchmarks"}


class Policy(HTMLParser):
    """Collects what a strict policy blocks, as (line, reason)."""

    def __init__(self) -> None:
        super().__init__()
        self.findings: list[tuple[int, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style":
            self._add("inline <style>")
        if tag == "script" and "src" not in given and given.get("type") not in DATA_TYPES:
            self._add("inline <script>")
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self._add(f"attribute {name}=")
            if value and value.strip().lower().startswith("javascript:"):
                self._add(f"javascript: in {name}=")

    def _add(self, reason: str) -> None:
        self.findings.append((self.getpos()[0], reason))


def blocked(text: str) -> list[tuple[int, str]]:
    """Returns what the policy would block in a template, as (line, reason)."""
    policy = Policy()
    policy.feed(VARIABLE.sub(lambda found: "x" + _lines(found), TAG.sub(_lines, text)))
    policy.close()
    return policy.findings


def _lines(found: re.Match[str]) -> str:
    return "\n" * found.group().count("\n")


def main() -> int:
    """Prints each finding; returns 1 if there is one."""
    findings = [*_from_templates(), *_from_python()]
    for path, line, reason in findings:
        sys.stdout.write(f"{path.relative_to(ROOT)}:{line}: {reason}\n")
    return 1 if findings else 0


def _from_templates() -> Iterator[tuple[Path, int, str]]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.settings")
    import django  # deferred: app ready
    from django.template import TemplateSyntaxError, engines  # deferred: app ready

    django.setup()
    for path in sorted(_files("**/templates/**/*.*")):
        text = path.read_text(encoding="utf-8")
        try:
            engines["django"].from_string(text)
        except TemplateSyntaxError as error:
            yield path, 1, str(error)
        if path.suffix in {".html", ".svg"}:
            for line, reason in blocked(text):
                yield path, line, reason


def _from_python() -> Iterator[tuple[Path, int, str]]:
    for path in sorted(_files("**/*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if found := IN_PYTHON.search(line):
                yield path, number, f"inline style, script or listener: {found.group()}"


def _files(pattern: str) -> Iterator[Path]:
    for path in ROOT.glob(pattern):
        parts = path.relative_to(ROOT).parts
        if path.is_file() and parts[0] not in LEFT_OUT and not any(part.startswith(".") for part in parts):
            yield path


if __name__ == "__main__":
    sys.exit(main())
