"""Every failure of another product that docs/failures-of-others.md lists has a test here that names it."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
NUMBER = re.compile(r"#\d+|GHSA-\w{4}|CVE-\d{4}-\d+")
PRODUCT = re.compile(r"Chatwoot|django-helpdesk|Evolution|FreeScout|LibreDesk|Tiledesk|Zammad")


class Row(NamedTuple):
    whose: str
    tests: tuple[str, ...]


def rows() -> list[Row]:
    section = (ROOT / "docs/failures-of-others.md").read_text()
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [
        Row(whose.strip(), tuple(re.findall(r"`(.+?)`", tests)))
        for whose, _, tests in cells
        if NUMBER.search(whose)
    ]


@cache
def named_by(path: str) -> dict[str, str]:
    """The name and docstring of each test of a file."""
    tree = ast.parse((ROOT / "tests" / path).read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {each.name: f"{each.name} {ast.get_docstring(each)}" for each in functions}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.whose)
def test_failure_of_others_is_named_by_the_test_it_is_said_to_have(row: Row) -> None:
    assert row.tests
    said = ""
    for test in row.tests:
        path, _, name = test.partition("::")
        assert name in named_by(path), f"{test} is not there"
        named = named_by(path)[name]
        assert PRODUCT.findall(row.whose), row.whose
        # None of the tests stands there for nothing.
        assert set(NUMBER.findall(named)) & set(NUMBER.findall(row.whose)), (
            f"{test} names none of {row.whose}"
        )
        said += named
    assert set(NUMBER.findall(row.whose)) <= set(NUMBER.findall(said))
    assert all(product in said for product in PRODUCT.findall(row.whose))


def test_list_of_failures_is_read_whole() -> None:
    assert len(rows()) > 60
