"""Markdown as WhatsApp writes it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.whatsapp_cloud.markup import to_whatsapp


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("**bold** and *leaning*", "*bold* and _leaning_"),
        ("__bold__ and _leaning_", "*bold* and _leaning_"),
        ("***both***", "*_both_*"),
        ("**bold *and leaning***", "*bold _and leaning_*"),
        ("~~gone~~", "~gone~"),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        ("`**code**`", "`**code**`"),
        ("```python\nx = 2 ** 3\n```", "```x = 2 ** 3```"),
        ("# Title\ntext", "*Title*\ntext"),
        ("## **Strong** title ##", "*Strong title*"),
        ("- one\n* two\n  + three", "• one\n• two\n  • three"),
        ("1. one\n2. two", "1. one\n2. two"),
        ("> quoted", "> quoted"),
        ("[our shop](https://shop.example/a)", "our shop (https://shop.example/a)"),
        ("[https://shop.example](https://shop.example)", "https://shop.example"),
        ("[a@b.example](mailto:a@b.example)", "a@b.example"),
        ("<https://shop.example>", "https://shop.example"),
        ("![logo](https://shop.example/l.png)", "logo (https://shop.example/l.png)"),
        (r"2 \* 3 \_ok\_", "2 * 3 _ok_"),
        ("a **\nb", "a **\nb"),
        ("#hashtag", "#hashtag"),
        ("", ""),
    ],
)
def test_mark_is_translated(markdown: str, shown: str) -> None:
    assert to_whatsapp(markdown) == shown


@settings(deadline=None)
@given(st.text(alphabet="ab *_~`#[]()<>\\\n-+!.:/https", max_size=120))
def test_text_never_grows(markdown: str) -> None:
    assert len(to_whatsapp(markdown)) <= len(markdown)


@settings(deadline=None)
@given(st.text(alphabet="abc defg.,!?\n", max_size=200))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert to_whatsapp(text) == text.strip()


@pytest.mark.parametrize("piece", ["*", "**a", "[", "~~", "`", "_", "***", "- ", "\\", "```\n", "[a]("])
def test_hostile_text_neither_hangs_nor_nests_too_deeply(piece: str) -> None:
    text = piece * (4096 // len(piece))
    assert len(to_whatsapp(text)) <= len(text)
