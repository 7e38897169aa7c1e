"""The lint for templates."""

from pathlib import Path

import pytest

from tools import lint_templates


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<p style='color:red'>", "attribute style="),
        ('<button type="button" onclick="go()">', "attribute onclick="),
        ("<p {% if a %}class='x'{% endif %} STYLE='{{ a }}'>", "attribute style="),
        ("<style>p {}</style>", "inline <style>"),
        ("<script>go()</script>", "inline <script>"),
        ('<script type="module">go()</script>', "inline <script>"),
        ('<a href=" JavaScript:go()">', "javascript: in href="),
    ],
)
def test_what_the_policy_blocks_is_found(text: str, reason: str) -> None:
    assert lint_templates.blocked(f"\n{text}") == [(2, reason)]


@pytest.mark.parametrize(
    "text",
    [
        '<script src="{% static "a.js" %}" type="module"></script>',
        '<script type="application/json">{"onclick": 1}</script>',
        "<!-- <p style='x'> -->{# <p style='x'> #}",
        "<a href='{{ url }}' data-style='x' class='online'>on=</a>",
        "{% if a < b %}<p>{{ a }}</p>{% endif %}",
    ],
)
def test_what_the_policy_allows_is_not_found(text: str) -> None:
    assert lint_templates.blocked(text) == []


def test_lines_stay_right_after_tags_over_several_lines() -> None:
    assert lint_templates.blocked("{% comment\n\n%}{{ a\n|b }}\n<p style='x'>") == [(5, "attribute style=")]


def test_main_finds_broken_templates_and_html_in_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lint_templates, "ROOT", tmp_path)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/broken.html").write_text("{% nothing %}")
    (tmp_path / "templates/inline.html").write_text("<p style='x'>")
    (tmp_path / "templates/fine.txt").write_text("style='x' {{ a }}")
    (tmp_path / "app.py").write_text("A = \"<b style='x'>\"\n")
    assert lint_templates.main() == 1
    printed = capsys.readouterr().out
    assert "templates/broken.html:1: Invalid block tag" in printed
    assert "templates/inline.html:1: attribute style=" in printed
    assert "app.py:1: inline style" in printed
    assert "fine.txt" not in printed


def test_main_passes_on_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint_templates, "ROOT", tmp_path)
    assert lint_templates.main() == 0
