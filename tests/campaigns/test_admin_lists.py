"""Lists on the page of a draft: bad lines are given back, mended and given again."""

import csv
from io import StringIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from django.utils.translation import gettext
from hypothesis import given
from hypothesis import strategies as st

from campaigns.actions import Wording
from campaigns.actions.importing import read_some
from campaigns.lists import LEFT_OUT, MEANINGS, given_back, lines, shape_of
from campaigns.models import Campaign, Recipient, Upload
from conversations.models import Contact
from core.places import plain_name
from core.spreadsheets import safe, text_of
from tests.campaigns.conftest import Draft
from tests.campaigns.pages import page, page_of

database = pytest.mark.django_db(transaction=True)
LIST = """Telefone;Nome;Cidade de hoje;Valor
+55 11 99999-0001;Ana;Natal;10
nobody;=SUM(1);"São Luís; MA";+10%
+55 11 99999-0002;Bia;Rua A; 7;11
;-Caio;Natal;-5
+55 11 99999-0003;"Davi;Natal;12
"+55 11";"two
lines";Natal;13
"""
BAD = ["Line 3", "Line 4", "Line 5", "Line 6", "Line 7"]


def give(client: Client, campaign: Campaign, text: str) -> Upload:
    """Uploads a list as a file and has it read."""
    file = SimpleUploadedFile("list.csv", text.encode("utf-8-sig"), "text/csv")
    client.post(page_of(campaign), {"name": "Natal", "_list": "1", "list_file": file, "list_region": "BR"})
    upload = Upload.objects.latest("pk")
    while read_some(upload.pk):
        pass
    upload.refresh_from_db()
    return upload


def returned(client: Client, upload: Upload) -> list[list[str]]:
    """The bad lines as a spreadsheet opens them."""
    answer = client.get(page("campaign_bad", upload.campaign_id, upload.pk))
    return list(csv.reader(StringIO(answer.content.decode("utf-8-sig"))))


def as_file(rows: list[list[str]], separator: str = ",") -> str:
    """What a spreadsheet saves: each row as wide as the widest."""
    out = StringIO()
    width = max(map(len, rows))
    csv.writer(out, delimiter=separator).writerows([*row, *[""] * (width - len(row))] for row in rows)
    return out.getvalue()


@database
def test_bad_lines_have_the_lists_own_heading_and_cells(as_elsa: Client, draft: Draft) -> None:
    heading, *rows = returned(as_elsa, give(as_elsa, draft(), LIST))
    assert heading == ["Telefone", "Nome", "Cidade de hoje", "Valor", "Not read because"]
    assert [row[4].partition(":")[0] for row in rows] == BAD
    assert [row[:4] for row in rows] == [
        ["nobody", "'=SUM(1)", "São Luís; MA", "'+10%"],
        ["'+55 11 99999-0002", "Bia", "Rua A", "7"],
        ["", "'-Caio", "Natal", "'-5"],
        ["'+55 11 99999-0003", "Davi", "Natal", "12"],
        ["'+55 11", "two\nlines", "Natal", "13"],
    ]
    assert [row[5:] for row in rows] == [[], ["11"], [], [], []]


@database
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_bad_lines_are_mended_and_given_again(as_elsa: Client, draft: Draft, separator: str) -> None:
    campaign = draft()
    first = give(as_elsa, campaign, LIST)
    assert (first.rows, first.added, first.bad.count()) == (6, 1, 5)
    heading, *rows = returned(as_elsa, first)
    rows[0][0] = "+55 11 99999-0004"
    rows[1][2:] = ["Rua A; 7", "11"]
    second = give(as_elsa, campaign, as_file([heading, *rows], separator))
    # Of the line whose mark was not closed nothing is missing once the mark is gone.
    assert (second.rows, second.added, second.bad.count()) == (5, 3, 2)
    told = {row.contact.name: row for row in Recipient.objects.select_related("contact") if row.contact}
    assert set(told) == {"Ana", "=SUM(1)", "Bia", "Davi"}
    assert told["=SUM(1)"].values == {"name": "=SUM(1)", "cidade_de_hoje": "São Luís; MA", "valor": "+10%"}
    assert told["Bia"].values == {"name": "Bia", "cidade_de_hoje": "Rua A; 7", "valor": "11"}
    assert {*Contact.objects.get(name="Bia").attributes} == {"cidade_de_hoje", "valor"}
    # What is bad still is given back again, with its new reason only.
    heading_again, *still = returned(as_elsa, second)
    assert heading_again == heading
    assert [[*row[:2], row[4]] for row in still] == [
        ["", "'-Caio", "Line 4: There is no address in this line."],
        ["'+55 11", "two\nlines", "Line 6: +55 11 is no telephone number."],
    ]


@database
def test_column_of_reasons_is_nothing_that_is_known_of_anybody(as_elsa: Client, draft: Draft) -> None:
    """As many columns as a list may have: with the reasons it has one more."""
    campaign = draft(wordings=[Wording(text="Oi")])
    names = [f"c{number}" for number in range(40)]
    first = give(as_elsa, campaign, as_file([["phone", *names], ["nobody", *names]]))
    heading, row = returned(as_elsa, first)
    row[0] = "+5511999990001"
    assert give(as_elsa, campaign, as_file([heading, row])).added == 1
    shown = as_elsa.get(page_of(campaign)).content.decode()
    assert 'data-place="c39"' in shown
    assert 'data-place="left out"' not in shown


@database
def test_line_with_too_many_cells_is_as_bad_until_it_is_mended(as_elsa: Client, draft: Draft) -> None:
    campaign = draft()
    text = "phone,name\n+5511999990001,Ana,Maria\n"
    for _time in range(3):
        upload = give(as_elsa, campaign, text)
        assert (upload.added, upload.bad.count()) == (0, 1)
        text = as_file(returned(as_elsa, upload))


@database
def test_bad_lines_of_bare_addresses_are_given_back_under_a_heading(as_elsa: Client, draft: Draft) -> None:
    campaign = draft()
    heading, *rows = returned(as_elsa, give(as_elsa, campaign, "+5511999990001,Ana,x\n12,Bia,y\n"))
    assert heading == ["address", "name", "Not read because"]
    assert [row[:2] for row in rows] == [["12", "Bia"]]
    rows[0][0] = "+5511999990002"
    assert give(as_elsa, campaign, as_file([heading, *rows])).added == 1
    assert Recipient.objects.get(contact__name="Bia").values == {"name": "Bia"}


@database
def test_bad_lines_of_a_list_that_is_not_there_are_none(as_elsa: Client, draft: Draft) -> None:
    assert as_elsa.get(page("campaign_bad", draft().pk, 4711)).status_code == 404


@pytest.mark.parametrize("language", ["en", "pt-br", "es"])
def test_heading_of_the_reason_is_known_in_each_language(language: str) -> None:
    with translation.override(language):
        heading = gettext("Not read because")
    assert MEANINGS[plain_name(heading)] == LEFT_OUT
    assert language == "en" or heading != "Not read because"


CELL = st.text(st.sampled_from("ab1 ;,|\t'=+-@\"é"), max_size=6).map(str.strip)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=5), st.sampled_from(";,\t|"))
def test_what_is_given_back_is_read_as_it_was(rows: list[list[str]], separator: str) -> None:
    told = StringIO()
    csv.writer(told, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([["phone", "=a", "-b;c,d"], *rows])
    text = told.getvalue()
    shape = shape_of(text)
    found = list(lines(text, shape))
    back = text_of([[*shape.heading, "Not read because"]], csv.QUOTE_ALL)
    back += text_of((given_back(line, shape, "why") for line in found), csv.QUOTE_ALL)
    again = shape_of(back)
    assert again.columns == (*shape.columns, LEFT_OUT)
    assert all(
        not cell.startswith(("=", "+", "-", "@")) for row in csv.reader(StringIO(back)) for cell in row
    )
    assert [line.cells[:3] for line in lines(back, again)] == [
        tuple(cell[1:] if is_guarded(cell) else cell for cell in line.cells) for line in found
    ]


def is_guarded(cell: str) -> bool:
    """What a list had guarded itself loses its guard: a number, mostly."""
    return cell.startswith("'") and safe(cell[1:]) != cell[1:]


# --- How far they are --------------------------------------------------------------------------------------


@database
@pytest.mark.parametrize("name", ["change", "lists"])
def test_pages_do_not_ask_for_the_text_of_lists(as_elsa: Client, draft: Draft, name: str) -> None:
    campaign = draft()
    for _list in range(3):
        give(as_elsa, campaign, LIST)
    with CaptureQueriesContext(connection) as asked:
        assert as_elsa.get(page_of(campaign, name)).status_code == 200
    statements: list[Any] = [each["sql"] for each in asked.captured_queries]
    uploads = [sql for sql in statements if 'FROM "campaigns_upload"' in sql]
    assert 1 <= len(uploads) <= 2
    assert not any('"content"' in sql for sql in uploads)
