"""Markdown for apps that show it as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.meta.plain import plain


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("Hello **there**, _you_", "Hello there, you"),
        ("One\nTwo", "One\nTwo"),
        ("One\n\nTwo", "One\n\nTwo"),
        ("- a\n- b", "- a\n- b"),
        ("1. a\n2. b\n   - c\n3. d", "1. a\n2. b\n  - c\n3. d"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("- a\n\n- b", "- a\n- b"),
        ("# Title\n\nText", "Title\n\nText"),
        ("[Our shop](https://loja.example/a?b=1&c=2)", "Our shop (https://loja.example/a?b=1&c=2)"),
        ("https://loja.example/p", "https://loja.example/p"),
        ("[https://loja.example](https://loja.example/)", "https://loja.example"),
        ("ana@loja.example", "ana@loja.example"),
        ("`x < y` & z", "x < y & z"),
        ("```\na\n  b\n```", "a\n  b"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a | b\n1 | 2"),
        ("> said", "said"),
        ("2 * 3 * 4 = 24 <b>", "2 * 3 * 4 = 24 <b>"),
        ("", ""),
    ],
)
def test_markdown_reads_as_text(markdown: str, text: str) -> None:
    assert plain(markdown) == text


@given(st.text(max_size=300))
def test_any_text_becomes_text_without_a_failure(text: str) -> None:
    assert plain(text) == plain(text).strip()


@given(st.lists(st.from_regex(r"[a-zà-ú0-9]{1,8}", fullmatch=True), min_size=1, max_size=30))
def test_words_are_neither_lost_nor_made_longer(words: list[str]) -> None:
    assert plain(" ".join(words)) == " ".join(words)
