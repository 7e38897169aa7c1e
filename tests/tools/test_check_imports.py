"""The lint for deferred imports."""

from pathlib import Path

import pytest

from tools import check_imports


def lines(tmp_path: Path, text: str) -> list[int]:
    path = tmp_path / "module.py"
    path.write_text(text)
    return [line for _, line in check_imports.check(path)]


def test_imports_at_the_top_need_no_reason(tmp_path: Path) -> None:
    assert lines(tmp_path, "import os\nfrom pathlib import Path\n\nclass A:\n    import sys\n") == []


def test_deferred_import_without_a_reason_is_found_once(tmp_path: Path) -> None:
    text = "def outer():\n    def inner():\n        if True:\n            import os\n    return inner\n"
    assert lines(tmp_path, text) == [4]


@pytest.mark.parametrize("reason", check_imports.REASONS)
def test_reasons_of_the_list_are_accepted(tmp_path: Path, reason: str) -> None:
    assert lines(tmp_path, f"async def f():\n    import os  # deferred: {reason}\n") == []
    assert lines(tmp_path, f"def f():\n    import os  # noqa: F401  # deferred: {reason} (and why)\n") == []


@pytest.mark.parametrize("comment", ["", "# because", "# deferred: felt like it", "# deferred: slow imports"])
def test_other_reasons_are_not_accepted(tmp_path: Path, comment: str) -> None:
    assert lines(tmp_path, f"def f():\n    import os  {comment}\n") == [2]


def test_reason_may_stand_on_any_line_of_the_import(tmp_path: Path) -> None:
    assert lines(tmp_path, "def f():\n    from os import (\n        path,\n    )  # deferred: leaf\n") == []


def test_main_prints_places_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "module.py"
    path.write_text("def f():\n    import os\n")
    assert check_imports.main([str(path)]) == 1
    assert f"{path}:2: " in capsys.readouterr().out
    path.write_text("import os\n")
    assert check_imports.main([str(path)]) == 0
