"""What the server's answers mean, and how text is marked up."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.channels import InboxBroken, SendFailed, SendLater, SendRefused, SendUnclear
from core.http import Fetched
from integrations.evolution import calls
from integrations.evolution.markup import to_whatsapp


def answered(status: int, *message: Any) -> Fetched:
    body = {"status": status, "error": "x", "response": {"message": list(message)}}
    return Fetched("http://evolution:8080/message/sendText/shop", status, {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (answered(400, {"jid": "1@s.whatsapp.net", "exists": False, "number": "1"}), SendRefused),
        (answered(400, ['instance requires property "text"']), SendRefused),
        (answered(413, "request entity too large"), SendRefused),
        (answered(400, "Error: Connection Closed"), SendLater),
        (answered(400, "rate-overlimit"), SendLater),
        (answered(400, "Error: Timed Out"), SendUnclear),
        (answered(408), SendUnclear),
        (answered(404, 'The "shop" instance does not exist'), InboxBroken),
        (answered(301), InboxBroken),
        (Fetched("http://x.example", 400, {}, b"[" * 5000), SendRefused),
        (Fetched("http://x.example", 400, {}, b"null"), SendRefused),
    ],
)
def test_refusal_is_told_by_its_words(answer: Fetched, error: type[SendFailed]) -> None:
    with pytest.raises(error) as caught:
        calls.judge(answer)
    assert type(caught.value) is error
    assert caught.value.detail
    assert caught.value.provider_code


def test_answer_that_grants_is_returned() -> None:
    assert calls.judge(answered(201)).status == 201


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\nlines"),
        ("a\n\nb", "a\n\nb"),
        ("**b** *i* _i_ ~~s~~ `c`", "*b* _i_ _i_ ~s~ `c`"),
        ("***both***", "_*both*_"),
        ("# Title\n\ntext", "*Title*\n\ntext"),
        ("- one\n- two", "• one\n• two"),
        ("3. one\n4. two", "3. one\n4. two"),
        ("- one\n  - deep", "• one\n   • deep"),
        ("> said\n> so", "> said\n> so"),
        ("```py\nx = 1\n```", "```x = 1```"),
        ("[our page](https://a.example/b)", "our page (https://a.example/b)"),
        ("<https://a.example>", "https://a.example"),
        ("[a@b.example](mailto:a@b.example)", "a@b.example"),
        ("![photo](https://a.example/p.png)", "photo (https://a.example/p.png)"),
        ("2 * 3 * 4 = 24", "2 * 3 * 4 = 24"),
        ("<b>raw</b>", "<b>raw</b>"),
        ("---", "—"),
        ("", ""),
    ],
)
def test_markdown_becomes_what_whatsapp_shows(markdown: str, shown: str) -> None:
    assert to_whatsapp(markdown) == shown


@given(words=st.lists(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1), min_size=1))
def test_no_word_is_lost_in_markup(words: list[str]) -> None:
    text = " ".join(f"**{word}**" if len(word) % 2 else word for word in words)
    assert to_whatsapp(text).replace("*", "").split() == words
