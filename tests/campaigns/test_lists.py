"""Lists as spreadsheets, people and programs write them: nothing is swallowed, lines keep their numbers."""

import csv
import time
from io import StringIO
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.addresses import full_number, zones_of
from campaigns.lists import ADDRESS, Line, decoded, lines, shape_of

TEXT = "telefone;nome;cidade\n+5511999990001;João da Conceição;São Luís\n+34600123456;Íñigo Muñoz;Cádiz\n"
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


def read(text: str) -> list[Line]:
    return list(lines(text, shape_of(text)))


def cells(text: str) -> list[tuple[str, ...]]:
    return [line.cells for line in read(text)]


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "mac_roman", "cp850"],
)
@pytest.mark.parametrize(
    "text", [TEXT, "nome;fone\nJosé;1\n", "name,phone\nMuñoz,+34600000000\n", "NOME;FONE\nJOSÉ;1\nÉRICA;2\n"]
)
def test_accents_survive_whatever_program_wrote_the_file(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding)) == text


def test_signs_of_windows_are_no_letters_of_old_macs() -> None:
    text = "nome;nota\n“José”;€5 – olé\n"
    assert decoded(text.encode("cp1252")) == text


def test_half_an_utf8_letter_does_not_lose_the_file() -> None:
    assert decoded("phone\n+5511999990001\nçã".encode()[:-1]).startswith("phone\n+5511999990001\n")


@pytest.mark.parametrize("sign", [";", ",", "\t", "|"])
def test_separator_is_found_in_the_heading(sign: str) -> None:
    text = f"phone{sign}name\n+5511999990001{sign}Ana\n"
    assert shape_of(text).separator == sign
    assert cells(text) == [("+5511999990001", "Ana")]


def test_separator_within_marks_does_not_count() -> None:
    text = '"Cidade, bairro, rua";telefone\n"Natal, Tirol, 7";+5584999990001\n'
    assert shape_of(text).columns == ("cidade,_bairro,_rua", "phone")
    assert cells(text) == [("Natal, Tirol, 7", "+5584999990001")]


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("Telefone;Nome;Fuso horário", ("phone", "name", "timezone")),
        ("Teléfono;Nombre completo;Zona horaria;Correo electrónico", ("phone", "name", "timezone", "email")),
        ("E-mail,Full Name,Language,Tags", ("email", "name", "language", "tags")),
        ("WHATSAPP;Plano;Data da compra", ("phone", "plano", "data_da_compra")),
        ("id;valor", (ADDRESS, "valor")),
        # Of two that mean the same the mobile is meant, then the first; the other keeps its own name.
        ("telefone;celular;nome", ("telefone", "phone", "name")),
        ("celular;telefone", ("phone", "telefone")),
        ("phone;phone", ("phone", "phone")),
        ("numero;telefone", ("numero", "phone")),
    ],
)
def test_columns_are_known_by_their_headings_in_three_languages(heading: str, columns: tuple[str]) -> None:
    shape = shape_of(f"{heading}\nx\n")
    assert (shape.columns, shape.has_heading) == (columns, True)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("+5511999990001\n+5511999990002\n", (ADDRESS,)),
        ("ana@example.com;Ana\n", (ADDRESS, "name")),
        ("Ana;ana@example.com\n", ("name", ADDRESS)),
        ("+5511999990001,Ana,extra\n", (ADDRESS, "name")),
        ("Ana\n", (ADDRESS,)),
        ("", (ADDRESS,)),
    ],
)
def test_list_without_a_heading_is_addresses_with_or_without_names(text: str, columns: tuple[str]) -> None:
    shape = shape_of(text)
    assert (shape.columns, shape.has_heading) == (columns, False)
    assert len(list(lines(text, shape))) == len(text.splitlines())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_numbers_are_those_of_an_editor_whatever_stands_between(end: str) -> None:
    text = end.join(["", "phone;note", "1;a", "", " ; ", '2;"two', 'lines"', "3;c", ";;", "4;d"])
    assert [(line.number, line.cells[0]) for line in read(text)] == [(3, "1"), (6, "2"), (8, "3"), (10, "4")]
    assert read(text)[1].cells[1].split() == ["two", "lines"]
    assert read(text)[1].raw == f'2;"two{end}lines"'


def test_signs_that_end_no_line_in_an_editor_end_none_here() -> None:
    for sign in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029":
        text = f"phone;note\n1;a{sign}b\n2;c\n"
        assert [(line.number, line.cells[0]) for line in read(text)] == [(2, "1"), (3, "2")]


def test_mark_that_is_not_closed_spoils_its_own_line_alone() -> None:
    rest = [f"{n};Ana" for n in range(3, 3_000)]
    text = "\n".join(["phone;name", '2;"Ana', *rest])
    found = read(text)
    assert (found[0].number, found[0].is_broken, found[0].raw) == (2, True, '2;"Ana')
    assert [line.cells[0] for line in found[1:]] == [str(n) for n in range(3, 3_000)]
    assert not any(line.is_broken for line in found[1:])


def test_marks_within_a_name_are_taken_as_people_mean_them() -> None:
    text = 'phone;name\n1;"Ana" Maria\n2;Ana "Mimi" M\n3;"Ana ""Mimi"" M"\n4;5" pipe\n'
    assert [line.cells[1] for line in read(text)] == ["Ana Maria", 'Ana "Mimi" M', 'Ana "Mimi" M', '5" pipe']


def test_empty_columns_at_the_end_are_none() -> None:
    text = "phone;;name;;\n1;;Ana;;\n2;;Bia\n3;;Caio;x;\n4;;;;\n"
    assert shape_of(text).columns == ("phone", "", "name")
    assert cells(text) == [("1", "", "Ana"), ("2", "", "Bia"), ("3", "", "Caio", "x"), ("4", "", "")]


def test_heading_over_two_lines_is_a_heading() -> None:
    text = 'phone;"first\nname"\n1;Ana\n'
    assert shape_of(text).columns == ("phone", "first_name")
    assert [(line.number, line.cells) for line in read(text)] == [(3, ("1", "Ana"))]


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_what_a_program_writes_is_read_as_it_was_written(rows: list[list[str]], end: str) -> None:
    file = StringIO()
    writer = csv.writer(file, delimiter=";", lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["phone", "note"])
    writer.writerows(rows)
    said = [row for row in rows if any(cell.strip() for cell in row)]
    short = [row for row in said if sum(map(len, map(str.splitlines, row))) < 9]
    if len(short) == len(said):
        assert cells(file.getvalue()) == [tuple(cell.strip() for cell in row) for row in said]


@given(st.text(st.sampled_from('a1;,"\n\r \t|é'), max_size=200))
def test_every_sign_of_a_list_is_in_one_of_its_lines(text: str) -> None:
    found = read(text)
    numbers = [line.number for line in found]
    assert numbers == sorted(set(numbers))
    physical = list(StringIO(text, newline=""))
    for one, other in zip(found, [*found[1:], None], strict=False):
        until = other.number - 1 if other else len(physical)
        covered = "".join(physical[one.number - 1 : until])
        assert covered.startswith(one.raw)
        # What lies between two lines says nothing.
        assert not covered[len(one.raw) :].strip('; ,\t|\r\n"')


def test_reading_takes_twice_as_long_for_twice_as_many_lines() -> None:
    def seconds(count: int, line: str) -> float:
        text = "phone;name\n" + line * count
        begun = time.perf_counter()
        assert sum(1 for _line in lines(text, shape_of(text))) == count
        return time.perf_counter() - begun

    for line in ("+5511999990001;Ana\n", '+5511999990001;"Ana\n'):
        small, large = seconds(5_000, line), seconds(50_000, line)
        assert large < max(small, 0.005) * 30, line


def test_next_lines_come_without_those_before_being_read_again() -> None:
    text = "phone\n" + "+5511999990001\n" * 10
    reader = lines(text, shape_of(text))
    assert [line.number for line in islice(reader, 3)] == [2, 3, 4]
    assert [line.number for line in islice(reader, 3)] == [5, 6, 7]


# --- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+55 11 99999-0001", "", "+5511999990001"),
        ("'+5511999990001", "", "+5511999990001"),
        ('="+5511999990001"', "", "+5511999990001"),
        ("tel:+5511999990001", "", "+5511999990001"),
        ("5511999990001", "", "+5511999990001"),
        ("0055 11 99999-0001", "", "+5511999990001"),
        ("0055 11 99999-0001", "BR", "+5511999990001"),
        ("(11) 99999-0001", "BR", "+5511999990001"),
        ("011 99999-0001", "br", "+5511999990001"),
        ("5511999990001", "BR", "+5511999990001"),
        ("558588887777", "BR", "+558588887777"),
        ("600 123 456", "ES", "+34600123456"),
        ("34600123456", "ES", "+34600123456"),
        ("(212) 555-2368", "US", "+12125552368"),
        ("+34600123456", "BR", "+34600123456"),
    ],
)
def test_number_is_understood_with_and_without_its_country(text: str, region: str, number: str) -> None:
    assert full_number(text, region) == number


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("", "BR"), ("-", "BR"), ("Ana", "BR"), ("911", "US"), ("+5511", ""), ("+999123456789", ""),
        # Without the country, without the town, in a spreadsheet's own way, two of them, letters.
        ("11999990001", ""), ("99999-0001", "BR"), ("5,51199E+12", "BR"), ("5.51199E+12", ""),
        ("+55 11 99999-0001 / +55 11 98888-7777", ""), ("11 99999-0001 ou 98888-7777", "BR"),
        ("+1 800 FLOWERS", ""), ("2026-03-04", "BR"), ("R$ 1.234,56", "BR"), ("5511999990001.0", "BR"),
    ],
)  # fmt: skip
def test_what_might_be_somebody_elses_number_is_none(text: str, region: str) -> None:
    assert full_number(text, region) == ""


def test_number_tells_the_zones_it_may_be_in_unless_these_are_too_many() -> None:
    assert zones_of("+5511999990001") == "America/Sao_Paulo"
    assert zones_of("34600123456") == zones_of("+34600123456")
    assert "Europe/Madrid" in zones_of("+34600123456").split()
    assert zones_of("+18005551234") == ""
    assert zones_of("nobody") == ""
    # Satellites, and numbers that no town has.
    for number in ("+881612345678", "+80012345678", "+55000000000", "+10000000000"):
        assert zones_of(number) == ""
