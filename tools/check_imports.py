"""A deferred import names its reason, out of a closed list.

An import inside a function hides a dependency and moves its failure to run time; each needs a trailing
comment such as `# deferred: slow import`. Imports for type checking only, and the tests, are not asked.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REASONS = ("leaf", "slow import", "optional dependency", "app ready", "task calls action")
COMMENT = re.compile(rf"#\s*deferred: ({'|'.join(REASONS)})(\s*(\(|#|$))")
LEFT_OUT = {"tests", "var", "static", "docs", "node_modules", "migrations"}


def main(paths: list[str]) -> int:
    """Prints each deferred import without a reason; returns 1 if there is one."""
    files = [Path(path) for path in paths] or sorted(_sources())
    findings = [finding for path in files for finding in check(path)]
    for path, line in findings:
        sys.stdout.write(
            f"{path}:{line}: deferred import without a reason: # deferred: {' | '.join(REASONS)}\n"
        )
    return 1 if findings else 0


def check(path: Path) -> list[tuple[Path, int]]:
    """Returns the places of deferred imports in one file that give no reason."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    return [
        (path, node.lineno)
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in _own_imports(function)
        if not any(COMMENT.search(line) for line in lines[node.lineno - 1 : node.end_lineno])
    ]


def _own_imports(function: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yields the imports of a function, leaving those of functions inside it to them."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _own_imports(child)


def _sources() -> Iterator[Path]:
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if not any(part in LEFT_OUT or part.startswith(".") for part in parts):
            yield path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
