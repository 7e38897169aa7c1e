"""History and signatures are taken off, and never too much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.email.markup import to_text, without_quote
from integrations.email.quotes import trim
from tests.integrations.email.case import fixture, mail, message

TRIMMED = {
    "gmail_reply_en": "Thanks, that works for me.",
    "gmail_reply_pt": "Obrigado, combinado.",
    "gmail_reply_es": "Gracias, perfecto.",
    "apple_mail": "Great, thank you!",
    "outlook_en": "Please cancel it.\n\nKind regards\nDavi",
    "outlook_pt": "Pode cancelar.",
    "outlook_es": "Cancélelo, por favor.",
    "outlook_html": "Please cancel it.",
    "thunderbird": "This is one long line that the program has wrapped for us.",
    "bottom_posting": "Yes, below as I always do.",
}


@pytest.mark.parametrize("name", TRIMMED)
def test_history_is_taken_off_and_kept_in_full(name: str) -> None:
    item = fixture(name)
    assert item.text == TRIMMED[name]
    assert len(item.details["full_text"]) > len(item.text)
    assert item.text.split("\n")[0] in item.details["full_text"]


@pytest.mark.parametrize("name", ["only_quote", "only_signature", "interleaved", "forwarded"])
def test_nothing_is_taken_off_where_it_would_be_the_message(name: str) -> None:
    item = fixture(name)
    assert "full_text" not in item.details
    assert item.text


@pytest.mark.parametrize("name", ["gmail_html", "apple_mail", "outlook_html"])
def test_html_shows_no_more_of_the_history_than_the_text(name: str) -> None:
    html = fixture(name).html
    assert html
    assert "Shall we send" not in html
    assert "on its way" not in html


def test_html_whose_history_cannot_be_found_gives_way_to_the_text() -> None:
    raw = mail(
        "--b\r\nContent-Type: text/plain\r\n\r\nYes\r\n\r\n"
        "-----Original Message-----\r\nFrom: x\r\n\r\nSecret\r\n"
        "--b\r\nContent-Type: text/html\r\n\r\n<p>Yes</p><p>-----Original Message-----</p>Secret\r\n--b--",
        Content_Type="multipart/alternative; boundary=b",
    )
    item = message(raw)
    assert (item.text, item.html) == ("Yes", "")


@pytest.mark.parametrize(
    "text",
    [
        "On Monday he wrote:\nplease call me",
        "From: here to there\nis a long way",
        "I asked:\n> what?\nand more",
        "-- \nonly\nsigned",
        "> all\n> quoted",
        "Prices: 10\n\nThe price at 10:30 was:\n50",
    ],
)
def test_text_that_only_looks_like_history_stays(text: str) -> None:
    assert trim(text).text == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Yes\n\nLe lun. 2 mars 2026 à 09:58, Boutique <s@shop.example> a écrit :\n> Oui?", "Yes"),
        ("Ja\n\nAm Mo., 2. März 2026 um 09:58 Uhr schrieb Shop <s@shop.example>:\n\n> Ja?", "Ja"),
        ("Sì\n\nIl giorno lun 2 mar 2026 alle ore 09:58 Negozio <s@shop.example> ha scritto:\n> Sì?", "Sì"),
        ("Ok\n\n2026-03-02 9:58 GMT-03:00 Shop <s@shop.example>:\n\n> Ok?", "Ok"),
        ("Ok\n\n2 марта 2026, 09:58 Shop <s@shop.example> пишет:\n> Ok?", "Ok"),
        ("Sim\n\nEnviado do meu iPhone", "Sim"),
        ("Sí\n\nEnviado desde mi iPhone", "Sí"),
        ("Yes\n\nGet Outlook for Android", "Yes"),
        ("Yes\n-- \nDavi\nStreet 1", "Yes"),
        ("Yes\n\nFrom: Shop\nDate: Monday\nTo: Davi\nSubject: Hi\n\nText", "Yes"),
        ("Sim\n\n-----Mensagem original-----\nDe: Loja\nTexto", "Sim"),
        ("On 2 March 2026 10:00, Shop <s@shop.example> wrote:\n> Yes?\n\nBelow", "Below"),
    ],
)
def test_histories_of_many_programs_are_known(text: str, kept: str) -> None:
    assert trim(text).text == kept


@given(
    st.lists(
        st.sampled_from(
            ["", "> q", "On 2026 a@b wrote:", "-- ", "From: x", "To: y", "Sent: z", "text", "____"]
        )
    )
)
def test_something_is_always_left(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert bool(trim(text).text.strip()) == bool(text.strip())


@given(st.text(alphabet="<>/!-pdivblockquote =\"'cite&;x\n", max_size=200))
def test_any_markup_becomes_text(html: str) -> None:
    to_text(html)
    assert html.startswith(without_quote(html))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("a<br>b<br><br>c", "a\nb\n\nc"),
        ("<blockquote>q<blockquote>r</blockquote></blockquote>s", "> q\n>\n> > r\n>\ns"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("a < b and <3", "a < b and <3"),
        ("<!-- no --><style>p{}</style>x", "x"),
        ('<img alt="a dog" src="cid:1">', "[a dog]"),
        ("<a href='https://x.example/'>x.example</a>", "x.example"),
        ("<TITLE>no</TITLE>&eacute;&nbsp;&#233;", "é é"),
        ("<style>never closed", "never closed"),
    ],
)
def test_markup_is_read_as_people_see_it(html: str, text: str) -> None:
    assert to_text(html).replace("> \n", ">\n") == text
